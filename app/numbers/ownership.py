"""Checks whether an account may use a number (docs/kazoo/documents.md, section 7.1)."""

from collections.abc import Collection, Iterable

from app.auth import hierarchy
from app.documents import Document, connectivity
from app.documents.names import NUMBERS, TRUNKS_VIEW, number_db
from app.numbers.normalise import known_numbers
from app.store import Store
from app.store.cache import DocumentCache

AVAILABLE, RESERVED, DELETED, IN_SERVICE, PORT_IN = "available", "reserved", "deleted", "in_service", "port_in"
# The states in which Kazoo routes calls to a number's account (docs/kazoo/routing.md, 2).
CALLABLE = (PORT_IN, IN_SERVICE, "port_out", RESERVED)
# The `pvt_used_by` of numbers that trunks use.
TRUNKSTORE = "trunkstore"


def refused(store: Store, cache: DocumentCache, caller_id: str, dids: Collection[str]) -> list[str]:
    """The normalised numbers that the caller's account may not use, in descending order.

    Unknown numbers have no owner, so they are not refused.
    """
    if not dids:
        return []
    numbers = set(known_numbers(dids, cache.setting).values())
    documents = number_documents(store, numbers)
    return sorted(
        (number for number, document in documents.items() if not may_use(cache, caller_id, document)),
        reverse=True,
    )


def number_documents(store: Store, numbers: Iterable[str]) -> dict[str, Document]:
    """The documents of these numbers, by number. Unknown numbers are left out."""
    by_db: dict[str, list[str]] = {}
    for number in numbers:
        by_db.setdefault(number_db(number), []).append(number)
    return {number: document for db, ids in by_db.items() for number, document in store.find_docs(db, ids).items()}


def databases_of_numbers(store: Store) -> list[str]:
    """The names of the databases of numbers."""
    return [db for db in store.database_names() if db.startswith(NUMBERS)]


def dids_of_trunks(store: Store, db: str) -> set[str]:
    """The DIDs in all trunks of an account's database, as typed. Raises ViewMissing, DatabaseMissing."""
    trunks = store.read_docs(db, (row.id for row in store.query_view(db, TRUNKS_VIEW) if row.id))
    return {did for trunk in trunks for did in connectivity.dids(trunk)}


def state(document: Document) -> str | None:
    """The number's state. Older documents have it under another name."""
    return document.get("pvt_state") or document.get("pvt_number_state")


def may_use(cache: DocumentCache, account_id: str, document: Document) -> bool:
    """Whether an account may use a number, because it is available or the account may change it."""
    return state(document) == AVAILABLE or may_change(cache, account_id, document)


def may_change(cache: DocumentCache, account_id: str, document: Document) -> bool:
    """Whether an account may change a number, because it holds the number or an ancestor reserved it."""
    if holds(cache, account_id, document):
        return True
    owner_id = document.get("pvt_assigned_to")
    if not isinstance(owner_id, str) or state(document) != RESERVED:
        return False
    if owner_id in hierarchy.tree(hierarchy.account(cache, account_id)):
        return True
    return hierarchy.is_superduper_admin(hierarchy.account(cache, owner_id))


def holds(cache: DocumentCache, account_id: str, document: Document) -> bool:
    """Whether a number belongs to the account or a descendant. Superduper admins hold all numbers."""
    if hierarchy.is_superduper_admin(hierarchy.account(cache, account_id)):
        return True
    owner_id = document.get("pvt_assigned_to")
    if not isinstance(owner_id, str):
        return False
    return owner_id == account_id or account_id in hierarchy.tree(hierarchy.account(cache, owner_id))
