"""Callflows, for UIs: `/accounts/{ACCOUNT_ID}/callflows`. Only the list is served."""

from app.crossbar import crossbar_doc
from app.crossbar.context import Context
from app.crossbar.resource import ReadOnly

LISTING = "callflows/crossbar_listing"


class Callflows(ReadOnly):
    """The list. It is empty if the view is missing, because Kazoo creates the view with the first callflow."""

    METHODS = {0: ("GET", "PUT")}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the summaries."""
        crossbar_doc.load_summaries(context, LISTING, is_optional=True)
