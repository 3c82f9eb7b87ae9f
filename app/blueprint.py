"""Connects Flask to the pipeline: one rule matches every path, and every error gets Kazoo's answer."""

import logging
import random
import re
import time
from functools import partial
from http import HTTPStatus
from wsgiref.types import WSGIEnvironment

from flask import Blueprint, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import Headers
from werkzeug.exceptions import InternalServerError
from werkzeug.routing import BaseConverter, Rule, WebsocketMismatch

from app import deadline, metrics, pipeline
from app.auth.addresses import canonical
from app.auth.keys import KeysMissing
from app.crossbar.context import Context, Stop, not_found_error, plain_error, system_error, too_large_error
from app.kazoo.constants import METHODS
from app.logs import REQUEST_ID
from app.pipeline import respond
from app.services import Services
from app.store import LARGEST_DOCUMENT, DatabaseMissing, StoreError, TooLarge, ViewMissing

_SCHEME_AND_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_STATUS_LINES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}
LONGEST_REQUEST_ID = 255
_MORE_SLASHES = ("//", "/%2f", "/%2F")

log = logging.getLogger(__name__)

crossbar = Blueprint("crossbar", __name__)


class _AnyPath(BaseConverter):
    """Matches every path, even with `//` and line breaks. The pipeline reads the path as the client sent it."""

    regex = r"[\s\S]*"
    part_isolating = False


@crossbar.record
def _add_catch_all(state: BlueprintSetupState) -> None:
    """Send every request that no other blueprint answers to the pipeline, whatever its method."""
    url_map = state.app.url_map
    url_map.converters["any_path"] = _AnyPath
    url_map.merge_slashes = False
    url_map.add(Rule("/<any_path:path>", endpoint=f"{crossbar.name}.answer"))
    state.app.view_functions[f"{crossbar.name}.answer"] = answer


def leave_to_crossbar() -> Response | None:
    """Call this before each page of another blueprint. Werkzeug reads `//health` as `/health`, Kazoo does not."""
    return answer() if raw_target().startswith(_MORE_SLASHES) else None


@crossbar.app_errorhandler(WebsocketMismatch)
def _decline_websocket(error: WebsocketMismatch) -> Response:
    """A server may ignore an offer to switch protocols."""
    return answer()


def answer(path: str = "") -> Response:
    """Send the request through the pipeline. It does not use the path that Flask matched."""
    services: Services = current_app.extensions["services"]
    context = g.context = _read_request(services)
    REQUEST_ID.set(context.request_id)
    deadline.begin(services.settings.request_timeout)
    try:
        pipeline.run(context)
        return _response(context, respond.success(context))
    except Stop as stop:
        return _response(context, respond.failure(context, stop))
    except (StoreError, KeysMissing) as error:
        return _response(context, respond.failure(context, _store_fault(context, error)))
    finally:
        deadline.clear()


@crossbar.app_errorhandler(InternalServerError)
def _answer_fault(error: InternalServerError) -> Response | InternalServerError:
    """Answer after an exception, which Flask has logged. Other blueprints keep Flask's answer."""
    context: Context | None = g.get("context")
    if context is None:
        return error
    stop = Stop(500, {"error": "500", "message": "init failed"}, same_in_v1=True)
    return _response(context, respond.failure(context, stop))


def _store_fault(context: Context, error: Exception) -> Stop:
    if isinstance(error, DatabaseMissing) and context.has_account:
        return not_found_error(context.account_id)
    if isinstance(error, ViewMissing):
        log.error("view %s is missing; see `python -m app views check`", error)
        return plain_error(503, "datastore missing view")
    if isinstance(error, TooLarge):
        return too_large_error(LARGEST_DOCUMENT)
    metrics.store_failed()
    log.error("the store does not answer: %s", error)
    return system_error(503, "datastore_unreachable", {"message": "datastore timeout"})


class CrossbarResponse(Response):
    """A response with exactly these headers. Werkzeug would quote `location` and drop some headers of a 304."""

    default_mimetype = None

    def get_wsgi_headers(self, environ):  # type: ignore[no-untyped-def]
        """The headers, unchanged."""
        return self.headers


def _response(context: Context, answer: respond.Answer) -> Response:
    headers = Headers([(name, _latin1(value)) for name, value in answer.headers.items()])
    if answer.status != HTTPStatus.NOT_MODIFIED:
        headers.add("content-length", str(len(answer.body)))
    response = CrossbarResponse([answer.body], _STATUS_LINES[answer.status], headers)
    # Count after the answer, so that the client does not wait for it.
    response.call_on_close(partial(_count, context, answer.status, time.perf_counter()))
    return response


def _count(context: Context, status: int, ended: float) -> None:
    noun = context.nouns[-1][0] if context.nouns else "none"
    verb = context.verb if context.verb in METHODS else "other"
    metrics.request_answered(noun, verb, status, ended - context.started)
    # This thread's next log line belongs to another request.
    REQUEST_ID.set(None)


def _read_request(services: Services) -> Context:
    """The Context of Flask's request, before any parsing."""
    environ = request.environ
    target, _, query_string = raw_target().partition("?")
    headers = _headers(environ)
    length = None if "transfer-encoding" in headers else int(environ.get("CONTENT_LENGTH") or 0)
    return Context(
        services,
        _request_id(headers.get("x-request-id", "")),
        started=time.perf_counter(),
        # Werkzeug would change `patch` to PATCH.
        method=environ["REQUEST_METHOD"],
        target=target,
        query_string=query_string,
        headers=headers,
        peer=canonical(environ.get("REMOTE_ADDR", "")),
        content_length=length,
        read_body=lambda size: request.stream.read(size),
    )


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """The request's headers by lower-case name."""
    headers = {
        key[5:].lower().replace("_", "-"): _utf8(value) for key, value in environ.items() if key.startswith("HTTP_")
    }
    for name, key in (("content-type", "CONTENT_TYPE"), ("content-length", "CONTENT_LENGTH")):
        if environ.get(key):
            headers[name] = _utf8(environ[key])
    return headers


def raw_target() -> str:
    """The path and query as the client sent them. WSGI servers also pass the path on decoded."""
    environ = request.environ
    target: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or request.full_path.rstrip("?")
    if not target.startswith("/"):
        absolute = _SCHEME_AND_HOST.match(target)
        target = target[absolute.end() :] if absolute else ""
        target = target if target.startswith("/") else f"/{target}"
    return _utf8(target).partition("#")[0]


def _request_id(client_id: str) -> str:
    """The client's request id, or a new one of 32 hex characters if that is missing or too long."""
    # Request ids are not secret, so `random` is good enough.
    return client_id if 0 < len(client_id) <= LONGEST_REQUEST_ID else f"{random.getrandbits(128):032x}"


def _latin1(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


def _utf8(text: str) -> str:
    """A client's UTF-8 text. WSGI decodes its bytes as Latin-1."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")
