"""Login with a user's credentials: `PUT /user_auth` (docs/kazoo/auth.md, sections 3.1 to 3.6)."""

from app.auth import AuthDoc, credentials, hierarchy
from app.auth.trial import is_enabled
from app.crossbar.admission import charge_guess, invalid_credentials, refund_guess, stop_if_expired
from app.crossbar.context import Context, system_error, too_long_error, validation_error
from app.crossbar.resource import Resource
from app.documents import Document
from app.resources import login
from app.schema.errors import error

METHOD = "cb_user_auth"
# Kazoo accepts `realm` for `account_realm`, which has a limit in the schema.
LONGEST_REALM = 1024


class UserAuth(Resource):
    """Answers with a token. `GET /user_auth/{TOKEN}` is a 403 for the caller's own token, as in Kazoo, else a 401."""

    METHODS = {0: ("PUT",), 1: ("GET",)}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """All but `recovery`, which sends e-mail. Only Kazoo does that."""
        return super().resource_exists(context, *params) and params != ("recovery",)

    def is_anonymous(self, context: Context) -> bool:
        """A login needs no token, unless the path names an account. A GET needs one."""
        return context.verb == "PUT" and not context.has_account

    def authorize(self, context: Context) -> bool | None:
        """Everyone may log in, but not with an `action`. `validate` refuses a GET."""
        if context.verb == "GET":
            return True
        if context.req_value("action") is not None:
            return False
        return None if context.has_account else True

    def validate(self, context: Context, *params: str) -> None:
        """Find the user and answer with a token."""
        if context.verb == "GET":
            raise system_error(403, "forbidden") if params[0] == context.token else invalid_credentials()
        data = login.validated(context, "user_auth")
        realm = data.get("realm")
        if isinstance(realm, str) and len(realm) > LONGEST_REALM:
            raise too_long_error("realm", LONGEST_REALM)
        account_ids = _find_accounts(context, data)
        if not account_ids:
            raise login.refused(context)
        charge_guess(context, account_ids[0])
        auth = _find_user(context, account_ids, data)
        if auth is None:
            login.record_failure(context, account_ids[0], METHOD)
            raise login.refused(context, view_was_empty=True)
        refund_guess(context, account_ids[0])
        context.paging = {"page_size": 1}
        _check_account(context, auth)
        login.answer_token(context, auth, data.get("as"))


def _find_accounts(context: Context, data: Document) -> list[str]:
    store = context.services.store
    realm, name = data.get("account_realm") or data.get("realm"), data.get("account_name")
    account_ids = credentials.accounts_by_realm(store, realm) if isinstance(realm, str) else []
    return account_ids or (credentials.accounts_by_name(store, name) if isinstance(name, str) else [])


def _find_user(context: Context, account_ids: list[str], data: Document) -> AuthDoc | None:
    for account_id in account_ids:
        users = credentials.users_with(context.services.store, account_id, data["credentials"], data["method"])
        if users:
            return AuthDoc(users[0].account_id, users[0].owner_id, METHOD)
    return None


def _check_account(context: Context, auth: AuthDoc) -> None:
    stop_if_expired(context, auth)
    if not is_enabled(hierarchy.account(context.services.cache, auth.account_id)):
        raise validation_error(error("account", "disabled", message="account disabled"))
