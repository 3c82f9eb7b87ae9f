"""What the audit finds in a trunk, beside the answer: `?findings=true`, which Kazoo lacks (docs/deviations.md)."""

import logging

from app.audit.review import review
from app.crossbar.context import Context
from app.documents import Document, is_true
from app.store import StoreError

log = logging.getLogger(__name__)


def add(context: Context, document: Document) -> None:
    """Add the findings to the answer, if the client asks for them in the query and the path names an account.

    They are null if the store does not tell: the document may have been saved by then.
    """
    if not is_true(context.query_value("findings")) or not context.has_account:
        return
    services = context.services
    try:
        found = review(services.store, services.cache, services.schemas, context.account, document)
    except StoreError as error:
        log.warning("the findings were not worked out: %s", error)
        context.members["findings"] = None
        return
    context.members["findings"] = [finding.as_json() for finding in found]
