"""The connection between Flask and the pipeline: one rule for every path, and Kazoo's answer to every error."""

import logging
import random
import re
import time
from functools import partial
from http import HTTPStatus

from flask import Blueprint, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import InternalServerError
from werkzeug.routing import BaseConverter, Rule

from app import deadline, metrics, pipeline
from app.auth.keys import KeysMissing
from app.constants import METHODS
from app.context import Context, Stop, not_found_error, plain_error, system_error, too_large_error
from app.logs import REQUEST_ID
from app.pipeline import respond
from app.services import Services
from app.store import LARGEST_DOCUMENT, DatabaseMissing, StoreError, TooLarge, ViewMissing

_SCHEME_AND_HOST = re.compile(r"[^/?#]*//[^/?#]*")

log = logging.getLogger(__name__)

crossbar = Blueprint("crossbar", __name__)


class _AnyPath(BaseConverter):
    """Matches every path, with `//` and line breaks. The pipeline reads the path as the client sent it."""

    regex = r"[\s\S]*"
    part_isolating = False


@crossbar.record
def _add_catch_all(state: BlueprintSetupState) -> None:
    """Send to the pipeline, whatever the method, each request that no other blueprint answers."""
    url_map = state.app.url_map
    url_map.converters["any_path"] = _AnyPath
    url_map.merge_slashes = False
    url_map.add(Rule("/<any_path:path>", endpoint=f"{crossbar.name}.answer"))
    state.app.view_functions[f"{crossbar.name}.answer"] = answer


@crossbar.before_app_request
def _answer_what_flask_would_not() -> Response | None:
    """Werkzeug takes `//console` for `/console`, and refuses or redirects a few requests. Crossbar answers them."""
    return answer() if request.routing_exception or raw_target().startswith("//") else None


def answer(path: str = "") -> Response:
    """Send the request through the pipeline, whatever Flask has matched. Raises Stop, StoreError, KeysMissing."""
    services: Services = current_app.extensions["services"]
    context = g.context = _read_request(services)
    REQUEST_ID.set(context.request_id)
    deadline.begin(services.settings.request_timeout)
    pipeline.run(context)
    return _response(respond.success(context))


@crossbar.app_errorhandler(Stop)
def _answer_stop(stop: Stop) -> Response:
    return _response(respond.failure(g.context, stop))


@crossbar.app_errorhandler(StoreError)
@crossbar.app_errorhandler(KeysMissing)
def _answer_fault_of_the_store(error: Exception) -> Response:
    """Answer an error that no stage handled (docs/kazoo/http.md, section 6)."""
    context: Context | None = g.get("context")
    if context is None:
        raise error
    return _response(respond.failure(context, _fault(context, error)))


@crossbar.app_errorhandler(InternalServerError)
def _answer_fault(error: InternalServerError) -> Response | InternalServerError:
    """Answer an exception that Flask has logged. Pages of other blueprints keep Flask's answer."""
    context: Context | None = g.get("context")
    if context is None:
        return error
    stop = Stop(500, {"error": "500", "message": "init failed"}, same_in_v1=True)
    return _response(respond.failure(context, stop))


@crossbar.teardown_app_request
def _forget_request(error: BaseException | None) -> None:
    """The thread's next request begins afresh."""
    deadline.clear()
    REQUEST_ID.set(None)


def _fault(context: Context, error: Exception) -> Stop:
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
    """A response with exactly these headers. Werkzeug would quote `location`, and cut the headers of a 304."""

    default_mimetype = None

    def get_wsgi_headers(self, environ):  # type: ignore[no-untyped-def]
        """Nothing is added and nothing changed."""
        return self.headers


def _response(answered: respond.Answer) -> Response:
    response = CrossbarResponse(answered.body, f"{answered.status} {HTTPStatus(answered.status).phrase}")
    for name, value in answered.headers.items():
        response.headers[name] = _latin1(value)
    if answered.status == 304:
        del response.headers["content-length"]
    # The client need not wait until it has been counted.
    response.call_on_close(partial(_count, g.context, answered.status, time.perf_counter()))
    return response


def _count(context: Context, status: int, ended: float) -> None:
    noun = context.nouns[-1][0] if context.nouns else "none"
    verb = context.verb if context.verb in METHODS else "other"
    metrics.request_answered(noun, verb, status, ended - context.started)


def _read_request(services: Services) -> Context:
    """The Context of Flask's request, before any parsing."""
    target, _, query_string = raw_target().partition("?")
    headers = {name.lower(): _utf8(value) for name, value in request.headers}
    return Context(
        services,
        headers.get("x-request-id") or _new_request_id(),
        started=time.perf_counter(),
        # Werkzeug makes `patch` PATCH.
        method=request.environ["REQUEST_METHOD"],
        target=target,
        query_string=query_string,
        headers=headers,
        peer=request.remote_addr or "",
        content_length=None if "transfer-encoding" in headers else request.content_length or 0,
        read_body=request.stream.read,
    )


def raw_target() -> str:
    """Path and query as the client sent them, which WSGI servers pass on beside the decoded path."""
    environ = request.environ
    target: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or request.full_path.rstrip("?")
    if not target.startswith("/"):
        target = _SCHEME_AND_HOST.sub("", target, count=1)
        target = target if target.startswith("/") else f"/{target}"
    return _utf8(target).partition("#")[0]


def _new_request_id() -> str:
    """32 hex characters. The id is no secret, so an ordinary random generator is enough."""
    return f"{random.getrandbits(128):032x}"


def _latin1(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


def _utf8(text: str) -> str:
    """The UTF-8 text that a client sent, from the Latin-1 text that WSGI makes of its bytes."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")
