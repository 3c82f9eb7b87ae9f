"""Finds and repairs marks that do not match the trunks, and copies that do not match their numbers.

Spec: docs/kazoo/documents.md, section 7.2.
"""

from dataclasses import dataclass

from app.documents import Document, fields
from app.documents.names import NUMBERS_VIEW, account_db
from app.numbers import ownership
from app.numbers.assignment import USED_BY, Assignment, needs_mark, takes_marks
from app.numbers.documents import NumberDocuments
from app.numbers.normalise import known_numbers
from app.numbers.ownership import TRUNKSTORE
from app.store import Row, Store, Unavailable, ViewMissing
from app.store.cache import DocumentCache


@dataclass(frozen=True)
class WrongMark:
    """A number whose mark is `current` but should be `expected`. None means no mark."""

    account_id: str
    number: str
    current: str | None
    expected: str | None


def wrong_marks(store: Store, cache: DocumentCache, account_id: str, dids: set[str] | None = None) -> list[WrongMark]:
    """The numbers whose mark does not match the account's trunks, sorted by number.

    `dids` are those of the trunks as they will be; without them, the stored trunks count.
    """
    db = account_db(account_id)
    typed = ownership.dids_of_trunks(store, db) if dids is None else dids
    used = set(known_numbers(typed, cache.setting).values())
    marked = {row.key for row in _rows(store, db) if (row.value or {}).get("used_by") == TRUNKSTORE}
    wrong = []
    for number, document in sorted(ownership.number_documents(store, used | marked).items()):
        if not takes_marks(document) or not ownership.may_use(cache, account_id, document):
            continue
        expected = TRUNKSTORE if number in used else None
        if needs_mark(document, expected):
            wrong.append(WrongMark(account_id, number, document.get(USED_BY), expected))
    return wrong


def repair(
    store: Store, cache: DocumentCache, documents: NumberDocuments, assignment: Assignment, account_id: str
) -> None:
    """Correct the marks and copies of an account's numbers. Raises Unavailable if a mark cannot be written."""
    wrong = wrong_marks(store, cache, account_id)
    for app in (None, TRUNKSTORE):
        numbers = [mark.number for mark in wrong if mark.expected == app]
        if not assignment.mark_all(account_id, numbers, app):
            raise Unavailable("marks")
    # A trunk that was written meanwhile may use a number whose mark was cleared.
    if wrong and wrong_marks(store, cache, account_id):
        raise Unavailable("marks")
    for number in stale_copies(store, account_id):
        documents.copy_to(account_id, number)


def stale_copies(store: Store, account_id: str) -> list[str]:
    """The numbers whose copy in the account's database differs from the number database, sorted.

    If a number no longer belongs to the account, it should have no copy.
    """
    copies = {row.key: row.doc for row in _rows(store, account_db(account_id), include_docs=True) if row.doc}
    numbers = ownership.number_documents(store, copies)
    return sorted(number for number, copy in copies.items() if not _is_copy(copy, numbers.get(number), account_id))


def _is_copy(copy: Document, document: Document | None, account_id: str) -> bool:
    if document is None or document.get("pvt_assigned_to") != account_id:
        return False
    return fields.without_revision(copy) == fields.without_revision(document)


def _rows(store: Store, db: str, include_docs: bool = False) -> list[Row]:
    """The view rows of the account's copies. Empty if the view is missing, because the account never had a number."""
    try:
        return store.query_view(db, NUMBERS_VIEW, include_docs=include_docs)
    except ViewMissing:
        return []
