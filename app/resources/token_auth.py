"""The owner of a token: `GET /token_auth` (docs/kazoo/auth.md, section 3.8)."""

from app.crossbar.context import Context
from app.crossbar.resource import Resource
from app.documents import fields
from app.resources import login


class TokenAuth(Resource):
    """Shows the claims. DELETE answers as in Kazoo and, as in Kazoo, the token stays valid."""

    METHODS = {0: ("GET", "DELETE")}

    def authorize(self, context: Context) -> bool:
        """Everyone with a valid token is allowed."""
        return True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the claims and the account's particulars."""
        if context.verb == "GET":
            claims = fields.public(context.auth.claims)
            context.respond({**claims, **login.particulars(context, context.auth)})
