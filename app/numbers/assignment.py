"""Marks on number documents that tell what uses them (docs/kazoo/documents.md, section 7.2).

Marks are written after the trunk document is saved. If a mark cannot be written, this is logged and counted, and the
document stays saved. `python -m app reconcile-numbers` finds and corrects such marks.
"""

import logging
from collections.abc import Callable, Iterable

from app.documents import Document
from app.documents.clock import gregorian_now
from app.numbers import ownership
from app.numbers.carriers import MDN_CARRIER
from app.numbers.documents import NumberDocuments
from app.numbers.normalise import known_numbers
from app.numbers.ownership import TRUNKSTORE
from app.store import StoreError
from app.store.cache import DocumentCache

USED_BY = "pvt_used_by"

log = logging.getLogger(__name__)


class Assignment:
    """Marks numbers as used by trunks, and clears such marks. `on_failure` is called after each failure."""

    def __init__(
        self, documents: NumberDocuments, cache: DocumentCache, on_failure: Callable[[], None] = lambda: None
    ):
        self._documents = documents
        self._cache = cache
        self._on_failure = on_failure

    def track(self, account_id: str, before: Iterable[str], after: Iterable[str]) -> None:
        """Mark the DIDs that are only in `after`, and clear the marks of those that are only in `before`.

        The DIDs are compared as typed. Errors of the store are logged and not raised.
        """
        before, after = set(before), set(after)
        for dids, app in ((after - before, TRUNKSTORE), (before - after, None)):
            if dids:
                self._mark_all(account_id, dids, app)

    def _mark_all(self, account_id: str, dids: set[str], app: str | None) -> None:
        try:
            numbers = set(known_numbers(dids, self._cache.setting).values())
            found = self._documents.find_all(numbers)
        except StoreError as error:
            self._on_failure()
            log.warning("%d numbers are not marked as used by %s: %s", len(dids), app, error)
            return
        faults = {}
        for number in sorted(found):
            try:
                self._mark(account_id, found[number], app)
            except StoreError as error:
                faults[number] = error
                self._on_failure()
        if faults:
            number, fault = next(iter(faults.items()))
            log.warning("%d numbers are not marked as used by %s, first %s: %s", len(faults), app, number, fault)

    def mark(self, account_id: str, number: str, app: str | None) -> bool:
        """Mark one number for an application. If `app` is None, clear trunkstore's mark.

        Returns False if the number is unknown, the account may not use it, or the store failed.
        """
        try:
            document = self._documents.find(number)
            return document is not None and self._mark(account_id, document, app)
        except StoreError as error:
            self._on_failure()
            log.warning("number %s is not marked as used by %s: %s", number, app, error)
            return False

    def _mark(self, account_id: str, document: Document, app: str | None) -> bool:
        if not ownership.may_use(self._cache, account_id, document):
            return False
        if not takes_marks(document):
            return True
        # Another writer may have changed the number meanwhile, so each attempt looks at the mark again.
        self._documents.update(
            document["_id"], lambda stored: _with_mark(stored, app) if needs_mark(stored, app) else stored
        )
        return True


def needs_mark(document: Document, app: str | None) -> bool:
    """Whether a number's mark has to change. Only trunkstore's own mark is cleared."""
    current = document.get(USED_BY)
    return takes_marks(document) and (current == TRUNKSTORE if app is None else current != app)


def takes_marks(document: Document) -> bool:
    """Whether a number can have a mark."""
    return ownership.state(document) != ownership.DELETED and document.get("pvt_module_name") != MDN_CARRIER


def _with_mark(document: Document, app: str | None) -> Document:
    marked = {name: value for name, value in document.items() if name != USED_BY}
    if app is not None:
        marked[USED_BY] = app
    marked["pvt_modified"] = gregorian_now()
    return marked
