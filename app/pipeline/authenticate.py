"""Who is calling: the bucket is charged first, then the credentials are looked at (auth.md section 0)."""

from app.auth import AuthDoc, hierarchy
from app.auth.credentials import basic_auth
from app.auth.trial import is_enabled
from app.context import Context
from app.documents.names import account_db
from app.gates import charge, invalid_credentials, stop_if_expired
from app.pipeline.identify import BASIC, TOKEN


def authenticate(context: Context) -> None:
    """Fill in `auth`. Stops with 429 on an empty bucket, 401 where the resource wants to know who calls."""
    if context.request.method == "OPTIONS":
        return
    if context.token_kind in (TOKEN, BASIC):
        charge(context)
    auth = _identified(context)
    if auth and auth.claims.get("as"):
        auth = _switched(context, auth)
    if auth and context.services.settings.strict_tokens:
        auth = auth if _is_account_enabled(context, auth) else None
    context.auth = auth
    if auth is None and not context.resource.is_anonymous(context):
        raise invalid_credentials()


def _identified(context: Context) -> AuthDoc | None:
    if context.token_kind == TOKEN:
        return context.early_auth
    if context.token_kind != BASIC:
        return None
    auth = basic_auth(
        context.services.store, context.services.recent, context.services.settings.config_nodes, context.token
    )
    if auth:
        stop_if_expired(context, auth)
    return auth


def _switched(context: Context, auth: AuthDoc) -> AuthDoc | None:
    """The identity that the `as` claim asks for; none at all where it is no descendant (auth.md 7.2)."""
    wanted = auth.claims["as"]
    if not isinstance(wanted, dict):
        return auth
    account_id, owner_id = wanted.get("account_id"), wanted.get("owner_id")
    if not isinstance(account_id, str) or not isinstance(owner_id, str):
        return auth
    descendant = context.services.recent.find_doc(account_db(account_id), account_id)
    if auth.account_id not in hierarchy.tree(descendant):
        return None
    return AuthDoc(account_id, owner_id, auth.method, auth.claims)


def _is_account_enabled(context: Context, auth: AuthDoc) -> bool:
    return is_enabled(hierarchy.account(context.services.recent, auth.account_id))
