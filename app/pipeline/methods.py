"""The verbs that a path allows, and the verb of the request (docs/kazoo/http.md, sections 3 and 4)."""

from app.crossbar.context import Context, bare, empty, left_to_kazoo, system_error
from app.kazoo.constants import METHODS

_REFUSED_BY_SERVER = ("TRACE", "CONNECT")
CORS_REQUEST_HEADERS = ("origin", "access-control-request-method", "access-control-request-headers")


def refuse_server_methods(context: Context) -> None:
    """Stop with a bare 501 on a method that crossbar's HTTP server refuses by itself, on every path."""
    if context.method in _REFUSED_BY_SERVER:
        raise bare(501)


def known_method(context: Context) -> None:
    """Stop with 501 on a method that crossbar does not know."""
    if context.method not in METHODS:
        raise empty(501)


def allow_methods(context: Context) -> None:
    """Fill in `verb` and `allowed`. Stops with 405 on a verb that the path does not allow.

    Stops with 409 on one that Kazoo allows and this service does not serve, if the resource says what to do instead.

    A POST may name another verb in `verb`, and then CORS headers list POST only if that verb is allowed. With any
    other method, `verb` must be absent or equal to the method.
    """
    method, resource, params = context.method, context.resource, context.params
    verb = context.verb = _verb(context)
    allowed = resource.allowed_methods(context, *params)
    names_another = method == "POST" and verb != "POST"
    is_tunnelled = names_another and verb in allowed
    if allowed != METHODS:
        others = tuple(name for name in allowed if name != "POST") if names_another else allowed
        context.allowed = (*others, "POST") if is_tunnelled else others
    context.is_cors = is_cors(context)
    if method == "OPTIONS" and context.is_cors:
        return
    is_named = verb == method or is_tunnelled
    if is_named and verb in resource.served_methods(context, *params):
        return
    if is_named and verb in allowed and resource.UNSERVED:
        raise left_to_kazoo(context.nouns[-1][0], resource.UNSERVED)
    raise system_error(405, "invalid_method", {"message": "method not allowed"})


def is_cors(context: Context) -> bool:
    """Whether a browser sent the request for a page of another origin."""
    return any(context.header(name) is not None for name in CORS_REQUEST_HEADERS)


def answer_options(context: Context) -> None:
    """Answer a preflight, without a body."""
    if context.method == "OPTIONS":
        raise empty(200)


def _verb(context: Context) -> str:
    """The verb in the data, query or envelope, or else the method. A verb that is not a text is none that exists."""
    verb = context.req_value("verb", context.method)
    return verb.upper() if isinstance(verb, str) else ""
