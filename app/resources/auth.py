"""Information about a token: `/auth/tokeninfo`. A UI reads it when its page is reloaded, to identify the user.

Spec: docs/kazoo/auth.md, section 3.8.
"""

from app.auth import AuthDoc
from app.crossbar.admission import charge, stop_if_expired, verified_claims
from app.crossbar.context import Context, Stop, plain_error
from app.crossbar.resource import Anonymous
from app.resources import login

TOKEN_INFO = "tokeninfo"


class Auth(Anonymous):
    """Shows the identity in any valid token. Only Kazoo serves `PUT /auth` (docs/deviations.md)."""

    METHODS = {0: ("PUT",), 1: ("GET", "POST")}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """`auth` itself, and `tokeninfo` below it."""
        return params in ((), (TOKEN_INFO,))

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """Only those of `tokeninfo`."""
        return self.allowed_methods(context, *params) if params else ()

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the token's account and user. Stops with 404 if there is no token, and 401 if it is invalid."""
        charge(context, advertised=login.LOGIN_COST, draining=True)
        token = _requested_token(context)
        auth = _identify(context, token)
        if auth is None:
            raise _refused(context, token)
        stop_if_expired(context, auth)
        context.token = token
        context.respond(login.particulars(context, auth))


def _requested_token(context: Context) -> str:
    if context.verb == "GET":
        token, place = context.query_value("token"), "params"
    else:
        token, place = context.data.get("token") if isinstance(context.data, dict) else None, "request"
    if token in (None, ""):
        raise plain_error(404, f"missing token in {place}")
    return token if isinstance(token, str) else ""


def _identify(context: Context, token: str) -> AuthDoc | None:
    claims = verified_claims(context, token)
    return AuthDoc.of_claims(claims) if claims else None


def _refused(context: Context, token: str) -> Stop:
    """The 401 for an invalid token. Kazoo has its own message for an invalid signature."""
    has_bad_signature = context.services.tokens.has_bad_signature(token)
    return plain_error(401, "invalid_jwt_signature" if has_bad_signature else "invalid_jwt")
