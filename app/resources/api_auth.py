"""Login with an account's API key: `PUT /api_auth` (docs/kazoo/auth.md, section 3.7)."""

from app.auth import AuthDoc, credentials
from app.crossbar.context import Context, plain_error
from app.crossbar.resource import Public
from app.resources import login

METHOD = "cb_api_auth"


class ApiAuth(Public):
    """Answers with a token for the account itself, even if it is disabled or expired."""

    METHODS = {0: ("PUT",)}

    def validate(self, context: Context, *params: str) -> None:
        """Find the account and answer with a token."""
        api_key = login.validated(context, "api_auth")["api_key"]
        account_ids = credentials.accounts_by_api_key(context.services.store, api_key)
        if not account_ids:
            context.paging = {"page_size": 0}
            raise plain_error(404, "bad identifier", [api_key])
        login.answer_token(context, AuthDoc(account_ids[0], method=METHOD))
