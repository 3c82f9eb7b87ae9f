"""Callflows, for UIs: `/accounts/{ACCOUNT_ID}/callflows`, only the list."""

from app.crossbar import crossbar_doc
from app.crossbar.context import Context
from app.crossbar.resource import ReadOnly

LISTING = "callflows/crossbar_listing"


class Callflows(ReadOnly):
    """The list is empty if the view is missing: Kazoo creates it with an account's first callflow."""

    METHODS = {0: ("GET", "PUT")}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the summaries."""
        crossbar_doc.load_summaries(context, LISTING, is_optional=True)
