"""Login with a token from another address of the same cluster: `PUT /shared_auth`, for the old kazoo-ui.

Kazoo 4.3 has this module but does not load it. The UI uses it if an app has its own `api_url`
(docs/kazoo/clients.md, section 1b). A request without `shared_token` gets a 404, as every request does in Kazoo.
"""

from app.auth import AuthDoc, hierarchy
from app.auth.trial import is_enabled
from app.crossbar.admission import charge, stop_if_expired, verified_claims
from app.crossbar.context import Context
from app.crossbar.resource import Anonymous
from app.resources import login


class SharedAuth(Anonymous):
    """Answers like user_auth, with a new token, if the shared token is valid here."""

    METHODS = {0: ("PUT",)}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """Exists for requests with a `shared_token`, and for preflights."""
        has_token = context.req_value("shared_token") is not None or context.method == "OPTIONS"
        return super().resource_exists(context, *params) and has_token

    def validate(self, context: Context, *params: str) -> None:
        """Check that the shared token belongs to the given account, and answer with a new token."""
        charge(context, advertised=login.LOGIN_COST, draining=True)
        auth = _shared_auth(context)
        if auth is None:
            raise login.refused(context)
        stop_if_expired(context, auth)
        login.answer_token(context, auth, auth.claims.get("as"))


def _shared_auth(context: Context) -> AuthDoc | None:
    """The identity in the shared token.

    None if the token is not valid for the given account and realm, or its account or user is disabled.
    """
    token, account_id = context.req_value("shared_token"), context.req_value("account_id")
    claims = verified_claims(context, token) if isinstance(token, str) else None
    if claims is None or claims["account_id"] != account_id:
        return None
    realm, owner_id = context.req_value("realm"), claims.get("owner_id")
    cache = context.services.cache
    account = hierarchy.account(cache, account_id)
    if account is None or not is_enabled(account) or (realm is not None and realm != account.get("realm")):
        return None
    user = hierarchy.user(cache, account_id, owner_id) if isinstance(owner_id, str) else None
    if user is not None and user.get("enabled") is False:
        return None
    return AuthDoc.of_claims(claims)
