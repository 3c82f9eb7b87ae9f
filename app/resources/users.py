"""Users, for UIs: `/accounts/{ACCOUNT_ID}/users[/{USER_ID}]`, read-only."""

from app.context import Context
from app.documents import fields
from app.resources import crossbar_doc
from app.resources.base import ReadOnly

TYPE = "user"
LISTING = "users/crossbar_listing"


class Users(ReadOnly):
    """Public members of user documents."""

    METHODS = {0: ("GET", "PUT"), 1: ("GET", "POST", "DELETE", "PATCH")}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the summaries of all users, or with one user."""
        if not params:
            crossbar_doc.load_summaries(context, LISTING)
            return
        document = crossbar_doc.load(context, params[0], TYPE)
        context.respond_document(document, fields.answer_data(document))
