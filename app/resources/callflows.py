"""Callflows, for UIs: `/accounts/{ACCOUNT_ID}/callflows[/{CALLFLOW_ID}]`."""

from app.crossbar import crossbar_doc
from app.crossbar.context import Context
from app.crossbar.resource import ReadOnly
from app.documents import fields

LISTING = "callflows/crossbar_listing"
TYPE = "callflow"


class Callflows(ReadOnly):
    """The list is empty if the view is missing, because Kazoo creates the view with the first callflow."""

    METHODS = {0: ("GET", "PUT"), 1: ("GET", "POST", "PATCH", "DELETE")}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the summaries, or with one callflow."""
        if not params:
            crossbar_doc.load_summaries(context, LISTING, is_optional=True)
            return
        document = crossbar_doc.load(context, params[0], TYPE)
        context.respond_document(document, fields.answer_data(document))
