"""Authenticates the caller: charges the bucket, then accepts or refuses the credentials.

Spec: docs/kazoo/auth.md, section 0.
"""

from app.auth import AuthDoc, hierarchy
from app.auth.credentials import basic_auth, basic_credentials
from app.auth.trial import is_enabled
from app.crossbar.admission import charge, charge_guess, invalid_credentials, refund_guess, stop_if_expired
from app.crossbar.context import Context, too_long_error
from app.pipeline.identify import BASIC, TOKEN

# In characters of base64.
LONGEST_BASIC = 2048


def authenticate(context: Context) -> None:
    """Fill in `auth` if the credentials are valid.

    Stops with 429 if the bucket holds too little, and with 400 if basic credentials belong to an expired trial. Stops
    with 401 if the resource needs credentials, and they are missing or invalid.
    """
    if context.method == "OPTIONS" and context.resource.ANSWERS_PREFLIGHTS:
        return
    if context.token_kind in (TOKEN, BASIC):
        charge(context)
    auth = _identify(context)
    if auth and context.services.settings.strict_tokens:
        auth = auth if _is_account_enabled(context, auth) else None
    if auth is not None:
        context.auth = auth
    elif not context.resource.is_anonymous(context):
        raise invalid_credentials()


def _identify(context: Context) -> AuthDoc | None:
    if context.token_kind == TOKEN:
        return context.early_auth
    if context.token_kind != BASIC or context.token is None:
        return None
    if len(context.token) > LONGEST_BASIC:
        raise too_long_error("authorization", LONGEST_BASIC)
    credentials = basic_credentials(context.token)
    if credentials is None:
        return None
    charge_guess(context, credentials[0])
    auth = basic_auth(context.services.store, context.services.cache, *credentials)
    if auth:
        refund_guess(context, credentials[0])
        stop_if_expired(context, auth)
    return auth


def _is_account_enabled(context: Context, auth: AuthDoc) -> bool:
    return is_enabled(hierarchy.account(context.services.cache, auth.account_id))
