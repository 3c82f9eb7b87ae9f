"""The connection between Flask and the pipeline: one catch-all route that uses the raw path."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from http import HTTPStatus
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Blueprint, current_app
from flask import request as flask_request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter, Rule
from werkzeug.wsgi import ClosingIterator

from app import deadline, metrics, pipeline
from app.auth.keys import KeysMissing
from app.constants import METHODS
from app.context import Context, Request, Stop, not_found_error, plain_error, system_error, too_large_error
from app.logs import REQUEST_ID
from app.pipeline import respond
from app.services import Services
from app.store import LARGEST_DOCUMENT, DatabaseMissing, TooLarge, Unavailable, ViewMissing

ENDPOINT = "crossbar"
LONGEST_ID = 64
_STATUS_LINES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}

log = logging.getLogger(__name__)

crossbar = Blueprint("crossbar", __name__)


class _AnyPath(BaseConverter):
    """Matches every path, including `//` and line breaks. The pipeline reads the raw path itself."""

    regex = r"[\s\S]*"
    part_isolating = False


@crossbar.record
def _add_catch_all(state: BlueprintSetupState) -> None:
    app = state.app
    app.url_map.converters["any_path"] = _AnyPath
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.url_map.add(Rule("/<any_path:path>", endpoint=ENDPOINT))
    app.view_functions[ENDPOINT] = answer_request


@dataclass
class CrossbarResponse:
    """An answer as a WSGI application. Headers are sent unchanged: Werkzeug would quote `location`, Kazoo does not.

    The server calls `when_sent` after it has sent the answer, so the client does not wait for it.
    """

    answer: respond.Answer
    when_sent: Callable[[], None]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self.answer
        headers = [(name, _latin1(value)) for name, value in answer.headers.items()]
        if answer.status != 304:
            headers.append(("content-length", str(len(answer.body))))
        start_response(_STATUS_LINES[answer.status], headers)
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body
        return ClosingIterator((body,), self.when_sent)


def answer_request(path: str) -> CrossbarResponse:
    """Answer any request with any method. The path is taken from the request line, not from Flask."""
    return handle(read_request(flask_request.environ), current_app.extensions["services"])


def handle(request: Request, services: Services) -> CrossbarResponse:
    """Send a request through the pipeline and return the answer. No exception leaves this function."""
    started = time.perf_counter()
    context = Context(request, services, request.headers.get("x-request-id") or _new_request_id())
    REQUEST_ID.set(context.request_id)
    deadline.begin(services.settings.request_timeout)
    try:
        pipeline.run(context)
        answer = respond.success(context)
    except Stop as stop:
        answer = respond.failure(context, stop)
    except Exception as error:
        answer = respond.failure(context, _fault(context, error))
    deadline.clear()
    seconds = time.perf_counter() - started
    return CrossbarResponse(answer, partial(_observe, context, answer, seconds))


def _new_request_id() -> str:
    """32 hex characters. The id is no secret, so an ordinary random generator is enough."""
    return f"{random.getrandbits(128):032x}"


def _observe(context: Context, answer: respond.Answer, seconds: float) -> None:
    noun = context.nouns[-1][0] if context.nouns else "none"
    verb = context.verb if context.verb in METHODS else "other"
    metrics.request_answered(noun, verb, answer.status, seconds)
    if log.isEnabledFor(logging.DEBUG):
        path = _loggable(context.request.target)
        log.debug("%s %s %d %.4f", context.request.method, path, answer.status, seconds)
    REQUEST_ID.set(None)


def _loggable(target: str) -> str:
    """A path without the token of `/user_auth/{TOKEN}`. Long segments are left out, because only tokens are long."""
    return "/".join(segment if len(segment) <= LONGEST_ID else "…" for segment in target.split("/"))


def _fault(context: Context, error: Exception) -> Stop:
    """The answer to an error that no stage handled (docs/kazoo/http.md, section 6)."""
    if isinstance(error, DatabaseMissing) and context.has_account:
        return not_found_error(context.account_id)
    if isinstance(error, ViewMissing):
        log.error("view %s is missing; see `python -m app views check`", error)
        return plain_error(503, "datastore missing view")
    if isinstance(error, TooLarge):
        return too_large_error(LARGEST_DOCUMENT)
    if isinstance(error, (Unavailable, KeysMissing)):
        metrics.store_failed()
        log.error("the store does not answer: %s", error)
        return system_error(503, "datastore_unreachable", {"message": "datastore timeout"})
    log.exception("unexpected fault")
    return Stop(500, {"error": "500", "message": "init failed"}, same_in_v1=True)


class _Headers:
    """Request headers by lower-case name, read from the WSGI environment only when asked for."""

    def __init__(self, environ: WSGIEnvironment):
        self._environ = environ

    def get(self, name: str, default: str | None = None) -> str | None:
        value = self._environ.get(_environment_key(name))
        return default if value is None else _utf8(value)

    def items(self) -> Iterator[tuple[str, str]]:
        for key, value in self._environ.items():
            if key.startswith("HTTP_"):
                yield key.removeprefix("HTTP_").lower().replace("_", "-"), _utf8(value)


@cache
def _environment_key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def read_request(environ: WSGIEnvironment) -> Request:
    """The request before any parsing, from the WSGI environment of gunicorn or of a server without RAW_URI."""
    target, _, query_string = _raw_uri(environ).partition("?")
    is_chunked = bool(environ.get("HTTP_TRANSFER_ENCODING"))
    return Request(
        method=environ["REQUEST_METHOD"],
        target=target,
        query_string=query_string,
        headers=_Headers(environ),
        peer=environ.get("REMOTE_ADDR", ""),
        read_body=environ["wsgi.input"].read,
        content_length=None if is_chunked else int(environ.get("CONTENT_LENGTH") or 0),
    )


def _raw_uri(environ: WSGIEnvironment) -> str:
    uri = environ.get("RAW_URI") or environ["PATH_INFO"] + (
        f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
    )
    if not uri.startswith("/"):
        parts = urlsplit(uri)
        uri = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _utf8(uri).partition("#")[0]


def _latin1(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


def _utf8(text: str) -> str:
    """The UTF-8 text that a client sent, from the Latin-1 text that WSGI makes of its bytes."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")
