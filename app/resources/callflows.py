"""Callflows, for UIs: `/accounts/{ACCOUNT_ID}/callflows`, the list alone."""

from app.context import Context
from app.resources import crossbar_doc
from app.resources.base import ReadOnly

LISTING = "callflows/crossbar_listing"


class Callflows(ReadOnly):
    """An account that Kazoo never gave a callflow has no view of them either: an empty list."""

    METHODS = {0: ("GET", "PUT")}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the summaries."""
        crossbar_doc.load_summaries(context, LISTING, is_optional=True)
