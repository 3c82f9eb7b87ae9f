"""Logging: one JSON object on each line, with the id of the request. Secrets are never logged."""

import json
import logging
import sys
import time
from contextvars import ContextVar

from app.documents.secrets import MASK, is_secret_parameter

# A traceback in the log has at most this many characters: its beginning and its end.
LONGEST_TRACEBACK = 8_000

# Only tokens are so long.
LONGEST_SEGMENT = 64
LONGEST_TARGET = 2000

# The id of the request that this thread handles. Each line that the thread logs contains it.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)


class JSONFormatter(logging.Formatter):
    """``{"time": …, "level": …, "logger": …, "request_id": …, "message": …}``; a traceback in `error`."""

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
    """Send this service's log to standard error. `level` is the lowest level that is logged, such as ``INFO``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def loggable(target: str) -> str:
    """A path with its query as logs may have it: long segments are cut, and secrets in the query masked.

    The token in `/user_auth/{TOKEN}` is long.
    """
    path, mark, query = target.partition("?")
    path = "/".join(map(_cut, path.split("/")))
    query = "&".join(map(_without_secret, query.split("&")))
    return (path + mark + query)[:LONGEST_TARGET]


def cut_long_segments(record: logging.LogRecord) -> bool:
    """A filter for loggers of others that log paths."""
    record.msg, record.args = loggable(record.getMessage()), ()
    return True


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SEGMENT else "…"


def _without_secret(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{_cut(name)}{equals}{MASK if is_secret_parameter(name) else _cut(value)}"
