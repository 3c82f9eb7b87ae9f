"""Logging: one JSON object per line, with the request id. Secrets are never logged."""

import json
import logging
import re
import sys
import time
from contextvars import ContextVar
from urllib.parse import unquote_plus

from app.documents.secrets import MASK, names_secret

# In characters. A longer traceback loses its middle.
LONGEST_TRACEBACK = 8_000

# Only tokens are longer.
LONGEST_SEGMENT = 64
LONGEST_TARGET = 2000
# A name without a value.
_NAME = re.compile(r"[\w.\[\]-]*")

# The id of the request that this thread is handling. Each of the thread's log lines contains it.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)


class JSONFormatter(logging.Formatter):
    """``{"time": …, "level": …, "logger": …, "request_id": …, "message": …}``, and a traceback in `error`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "request_id": REQUEST_ID.get(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = _shortened(self.formatException(record.exc_info))
        return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=False)


def _shortened(text: str) -> str:
    half = LONGEST_TRACEBACK // 2
    return text if len(text) <= LONGEST_TRACEBACK else f"{text[:half]}\n…\n{text[-half:]}"


def configure_logging(level: str) -> None:
    """Send this service's log to standard error. `level` is the lowest level to log, such as ``INFO``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def loggable(target: str) -> str:
    """A path and query that are safe to log: long segments are cut and secrets masked."""
    path, mark, query = target.partition("?")
    segments = path.split("/")
    pairs = zip(["", *segments[:-1]], segments, strict=True)
    shown = ["…" if _is_secret(previous, segment) else segment for previous, segment in pairs]
    return ("/".join(shown) + mark + "&".join(map(_without_secret, query.split("&"))))[:LONGEST_TARGET]


def _is_secret(previous: str, segment: str) -> bool:
    # The segment after `user_auth` is a token.
    if len(segment) > LONGEST_SEGMENT or previous == "user_auth":
        return True
    return not _NAME.fullmatch(unquote_plus(segment)) and names_secret(segment)


def cut_long_segments(record: logging.LogRecord) -> bool:
    """A filter for loggers of other packages that log paths."""
    record.msg, record.args = loggable(record.getMessage()), ()
    return True


def _without_secret(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if names_secret(pair):
        return f"{name}={MASK}" if equals and _NAME.fullmatch(unquote_plus(name)) else MASK
    return "=".join(part if len(part) <= LONGEST_SEGMENT else "…" for part in (name, value)[: 1 + len(equals)])
