"""Marks number documents with the application that uses them (docs/kazoo/documents.md, section 7.2).

Marks are written after the trunk is saved. If a mark cannot be written, this is logged and counted, and the trunk
stays saved. `python -m app reconcile-numbers` finds and corrects such marks.
"""

import logging
from collections.abc import Callable, Collection

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
    """Marks numbers as used by trunks, and clears such marks. Calls `on_failure` for each failure."""

    def __init__(
        self, documents: NumberDocuments, cache: DocumentCache, on_failure: Callable[[], None] = lambda: None
    ):
        self._documents = documents
        self._cache = cache
        self._on_failure = on_failure

    def track(self, account_id: str, before: Collection[str], after: Collection[str]) -> bool:
        """Clear the marks of DIDs that are only in `before`, then mark those that are only in `after`.

        A number that is in both lists, in different forms, keeps its mark. Returns whether everything was written.
        Store errors are logged, not raised.
        """
        old, new = set(before), set(after)
        if old == new:
            return True
        try:
            numbers = known_numbers(old | new, self._cache.setting)
        except StoreError as error:
            return self._failed(old ^ new, error)
        cleared = {numbers[did] for did in old - new if did in numbers}
        cleared -= {numbers[did] for did in new if did in numbers}
        marked = {numbers[did] for did in new - old if did in numbers}
        is_cleared = self.mark_all(account_id, cleared, None)
        return self.mark_all(account_id, marked, TRUNKSTORE) and is_cleared

    def mark_all(self, account_id: str, numbers: Collection[str], app: str | None) -> bool:
        """Mark numbers in E.164 form for an application. If `app` is None, clear trunkstore's marks.

        Unknown numbers, and numbers that the account may not use, are skipped. Returns whether the others have their
        marks. Store errors are logged, not raised.
        """
        if not numbers:
            return True
        try:
            usable = self._usable(account_id, numbers)
        except StoreError as error:
            return self._failed(numbers, error)
        return self._write(usable, app)

    def mark(self, account_id: str, number: str, app: str | None) -> bool:
        """`mark_all` for one number. Also returns False if the number is skipped."""
        try:
            usable = self._usable(account_id, [number])
        except StoreError as error:
            return self._failed([number], error)
        return bool(usable) and self._write(usable, app)

    def _usable(self, account_id: str, numbers: Collection[str]) -> dict[str, Document]:
        """The documents of those numbers that can have a mark and that the account may use."""
        return {
            number: document
            for number, document in self._documents.find_all(numbers).items()
            if takes_marks(document) and ownership.may_use(self._cache, account_id, document)
        }

    def _write(self, usable: dict[str, Document], app: str | None) -> bool:
        def marked(document: Document) -> Document:
            # Another writer may have changed the number meanwhile, so each attempt looks at it again.
            owner = usable[document["_id"]].get("pvt_assigned_to")
            is_same = document.get("pvt_assigned_to") == owner
            return _with_mark(document, app) if is_same and needs_mark(document, app) else document

        errors = self._documents.update_all(usable, marked)
        return not errors or self._failed(errors, next(iter(errors.values())))

    def _failed(self, numbers: Collection[str], error: StoreError) -> bool:
        for _ in numbers:
            self._on_failure()
        log.warning("%d marks were not written, first %s: %s", len(numbers), next(iter(numbers)), error)
        return False


def needs_mark(document: Document, app: str | None) -> bool:
    """Whether a number's mark must change. Only trunkstore's own mark is ever cleared."""
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
