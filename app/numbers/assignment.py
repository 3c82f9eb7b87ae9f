"""Marks on number documents that tell what uses them (docs/kazoo/documents.md, section 7.2).

Marks are made after the document is saved and never undo it. What could not be marked is logged and counted;
`python -m app reconcile-numbers` finds and mends it.
"""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from app.documents import Document
from app.documents.clock import gregorian_now
from app.documents.names import account_db, number_db
from app.events.notices import Notices
from app.numbers import ownership
from app.numbers.normalise import known_numbers
from app.store import Conflict, NotFound, Store, StoreError

if TYPE_CHECKING:
    from app.services import Services

USED_BY = "pvt_used_by"
TRUNKSTORE = "trunkstore"
NO_MARKS_CARRIER = "knm_mdn"
ATTEMPTS = 5

log = logging.getLogger(__name__)


class Assignment:
    """Marks numbers as used by trunks, and clears the mark. `on_failure` is called for each that failed."""

    def __init__(self, store: Store, notices: Notices, on_failure: Callable[[], None] = lambda: None):
        self._store = store
        self._notices = notices
        self._on_failure = on_failure

    def track(self, services: "Services", account_id: str, before: Iterable[str], after: Iterable[str]) -> None:
        """Mark the DIDs that came, clear those that went; compared as typed. Never raises a store's error."""
        before, after = set(before), set(after)
        for dids, app in ((after - before, TRUNKSTORE), (before - after, None)):
            try:
                numbers = set(known_numbers(dids, services.config).values()) if dids else ()
            except StoreError as error:
                self._on_failure()
                log.warning("%d numbers are not marked as used by %s: %s", len(dids), app, error)
                continue
            for number in sorted(numbers):
                self.mark(services, account_id, number, app)

    def mark(self, services: "Services", account_id: str, number: str, app: str | None) -> bool:
        """Mark one number for an application, or clear trunkstore's mark; whether that is so now."""
        try:
            return self._mark(services, account_id, number, app)
        except StoreError as error:
            self._on_failure()
            log.warning("number %s is not marked as used by %s: %s", number, app, error)
            return False

    def _mark(self, services: "Services", account_id: str, number: str, app: str | None) -> bool:
        document = self._store.find_doc(number_db(number), number)
        if document is None or not ownership.may_use(services.recent, account_id, document):
            return False
        if not takes_marks(document):
            return True
        # Another writer may have come first each time, and have taken the number for something else.
        document = self._write(
            number_db(number), number, lambda stored: _with_mark(stored, app) if needs_mark(stored, app) else stored
        )
        self._copy_to_account(document)
        return True

    def _copy_to_account(self, document: Document) -> None:
        """The owner's database holds the same body; the previous owner's is to hold none."""
        number, owner_id = document["_id"], document.get("pvt_assigned_to")
        previous_id = document.get("pvt_previously_assigned_to")
        if isinstance(owner_id, str):
            self._write(account_db(owner_id), number, lambda stored: _body(document), creates=True)
        if isinstance(previous_id, str) and previous_id != owner_id:
            self._remove(account_db(previous_id), number)

    def _write(self, db: str, number: str, change: Callable[[Document], Document], creates: bool = False) -> Document:
        """Save a changed number document upon its current revision, again where another writer came first.

        What `change` leaves as it is need not be saved.
        """
        for _ in range(ATTEMPTS):
            stored = self._store.find_doc(db, number)
            if stored is None and not creates:
                raise NotFound(number)
            changed = change(stored or {}) | {"_id": number}
            if stored:
                changed["_rev"] = stored["_rev"]
            if changed == stored:
                return stored
            try:
                changed["_rev"] = self._store.save_doc(db, changed)
            except Conflict:
                continue
            self._notices.saved(db, changed, is_new=stored is None)
            return changed
        raise Conflict(number)

    def _remove(self, db: str, number: str) -> None:
        stored = self._store.find_doc(db, number)
        if stored:
            revision = self._store.delete_doc(db, number, stored["_rev"])
            self._notices.deleted(db, {**stored, "_rev": revision, "_deleted": True})


def needs_mark(document: Document, app: str | None) -> bool:
    """Whether a number's mark has to change. Only trunkstore's own mark is cleared."""
    current = document.get(USED_BY)
    return takes_marks(document) and (current == TRUNKSTORE if app is None else current != app)


def takes_marks(document: Document) -> bool:
    """Whether a number can have a mark at all."""
    return ownership.state(document) != ownership.DELETED and document.get("pvt_module_name") != NO_MARKS_CARRIER


def _with_mark(document: Document, app: str | None) -> Document:
    marked = {name: value for name, value in document.items() if name != USED_BY}
    if app is not None:
        marked[USED_BY] = app
    marked["pvt_modified"] = gregorian_now()
    return marked


def _body(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "_rev"}
