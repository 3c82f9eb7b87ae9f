"""Tokens as UIs ask about them: `/auth/tokeninfo`, by which a reloaded page finds out who it is.

Spec: docs/kazoo/auth.md, section 3.8.
"""

from app.auth import AuthDoc, hierarchy
from app.auth.trial import is_enabled
from app.crossbar.admission import charge, stop_if_expired, verified_claims
from app.crossbar.context import Context, Stop, plain_error
from app.crossbar.resource import Anonymous
from app.resources import login

TOKEN_INFO = "tokeninfo"


class Auth(Anonymous):
    """Shows the identity of any good token. `PUT /auth` stays Kazoo's (docs/deviations.md)."""

    METHODS = {0: ("PUT",), 1: ("GET", "POST")}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """`auth` itself, and `tokeninfo` below it."""
        return params in ((), (TOKEN_INFO,))

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """Those of `tokeninfo` alone."""
        return self.allowed_methods(context, *params) if params else ()

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the account and user of the token. Stops with 404 without a token, 401 with a bad one."""
        charge(context, advertised=login.LOGIN_COST, draining=True)
        token = _asked_about(context)
        auth = _identity_of(context, token)
        if auth is None:
            raise _refused(context, token)
        stop_if_expired(context, auth)
        context.token = token
        context.respond(login.particulars(context, auth))


def _asked_about(context: Context) -> str:
    if context.verb == "GET":
        token, place = context.query_value("token"), "params"
    else:
        token, place = context.data.get("token") if isinstance(context.data, dict) else None, "request"
    if token in (None, ""):
        raise plain_error(404, f"missing token in {place}")
    return token if isinstance(token, str) else ""


def _identity_of(context: Context, token: str) -> AuthDoc | None:
    """By the rules of any other request, those of STRICT_TOKENS included."""
    services = context.services
    claims = verified_claims(context, token)
    if claims is None:
        return None
    account = hierarchy.account(services.cache, claims["account_id"])
    if services.settings.strict_tokens and not is_enabled(account):
        return None
    return AuthDoc(claims["account_id"], claims.get("owner_id"), claims.get("method"), claims)


def _refused(context: Context, token: str) -> Stop:
    """Kazoo tells a signature that does not fit from all else."""
    has_bad_signature = context.services.tokens.has_bad_signature(token)
    return plain_error(401, "invalid_jwt_signature" if has_bad_signature else "invalid_jwt")
