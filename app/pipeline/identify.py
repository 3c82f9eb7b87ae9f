"""Finds the token, and whom it belongs to, before authentication (docs/kazoo/auth.md, sections 0 and 1)."""

from app.auth import AuthDoc, hierarchy
from app.crossbar.admission import stop_if_expired, verified_claims
from app.crossbar.context import Context
from app.documents.fields import is_deleted

TOKEN, BASIC, OAUTH, UNKNOWN = "x-auth-token", "basic", "oauth", "unknown"
_KINDS = (("Basic ", BASIC), ("Bearer ", OAUTH))


def locate_token(context: Context) -> None:
    """Take the token from the first place that has one, even an empty one."""
    header = context.header("x-auth-token")
    if header is not None:
        context.token = header
        return
    value = context.req_value("auth_token")
    if isinstance(value, str):
        context.token = value
        return
    authorization = context.header("authorization") or context.req_value("authorization")
    if isinstance(authorization, str):
        context.token_kind, context.token = _kind_of(authorization)


def _kind_of(authorization: str) -> tuple[str, str]:
    for prefix, kind in _KINDS:
        if authorization.startswith(prefix):
            return kind, authorization[len(prefix) :]
    return UNKNOWN, authorization


def identify_early(context: Context) -> None:
    """Verify the token, if there is one. An invalid token is not an error yet. Stops with 400 on an expired trial."""
    if context.token_kind != TOKEN or not context.token:
        return
    auth = token_auth(context, context.token)
    if auth:
        stop_if_expired(context, auth)
        context.early_auth = _switch(context, auth) if auth.claims.get("as") else auth


def token_auth(context: Context, token: str) -> AuthDoc | None:
    """The identity that a token proves, or None if the token is not valid for this request."""
    claims = verified_claims(context, token)
    if claims is None:
        return None
    expected_id = context.header("x-auth-account-id")
    if expected_id is not None and expected_id != claims["account_id"]:
        return None
    return AuthDoc.of_claims(claims)


def _switch(context: Context, auth: AuthDoc) -> AuthDoc | None:
    """The identity in the `as` claim, or None if its account is not a descendant or has no such user.

    A malformed claim does not change the identity.

    Spec: docs/kazoo/auth.md, section 7.
    """
    identity = auth.claims["as"]
    if not isinstance(identity, dict):
        return auth
    account_id, owner_id = identity.get("account_id"), identity.get("owner_id")
    if not isinstance(account_id, str) or not isinstance(owner_id, str):
        return auth
    cache = context.services.cache
    descendant = hierarchy.account(cache, account_id)
    if auth.account_id not in hierarchy.tree(descendant):
        return None
    owner = hierarchy.user(cache, account_id, owner_id)
    if owner is None or owner.get("pvt_type") != "user" or is_deleted(owner):
        return None
    return AuthDoc(account_id, owner_id, auth.method, auth.claims, caller=auth)
