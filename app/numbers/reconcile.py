"""Finds numbers whose marks do not match the trunk documents (docs/kazoo/documents.md, section 7.2)."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.documents import connectivity
from app.documents.names import account_db, account_of
from app.numbers import ownership
from app.numbers.assignment import USED_BY, needs_mark, takes_marks
from app.numbers.normalise import known_numbers
from app.numbers.ownership import TRUNKSTORE
from app.store import Row, Store, ViewMissing
from app.store.cache import DocumentCache

LISTING = "trunkstore/crossbar_listing"
NUMBERS = "phone_numbers/crossbar_listing"


@dataclass(frozen=True)
class Difference:
    """A number whose mark is `found` but should be `wanted`. None means no mark."""

    account_id: str
    number: str
    found: str | None
    wanted: str | None


def differences(store: Store, cache: DocumentCache, account_id: str) -> list[Difference]:
    """The numbers whose mark does not match the account's trunk documents, sorted by number."""
    db = account_db(account_id)
    dids = {
        did
        for row in store.query_view(db, LISTING, include_docs=True)
        if row.doc
        for did in connectivity.dids(row.doc)
    }
    used = set(known_numbers(dids, cache.setting).values())
    rows = _rows(store, db)
    copies = {row.key: (row.value or {}).get("used_by") for row in rows or ()}
    marked = {number for number, mark in copies.items() if mark == TRUNKSTORE}
    found = []
    for number, document in sorted(ownership.number_documents(store, used | marked).items()):
        wanted, mark = TRUNKSTORE if number in used else None, document.get(USED_BY)
        if not takes_marks(document) or not ownership.may_use(cache, account_id, document):
            continue
        if needs_mark(document, wanted):
            found.append(Difference(account_id, number, mark, wanted))
        elif rows is not None and document.get("pvt_assigned_to") == account_id and copies.get(number) != mark:
            # The mark is right in the number database and wrong in the account's copy.
            found.append(Difference(account_id, number, copies.get(number), mark))
    return found


def accounts(store: Store) -> Iterator[str]:
    """The ids of all accounts in the aggregate database."""
    for row in store.query_view("accounts", "accounts/listing_by_realm"):
        account_id = (row.value or {}).get("account_id")
        if isinstance(account_id, str) and account_of(account_db(account_id)):
            yield account_id


def _rows(store: Store, db: str) -> list[Row] | None:
    """The view rows of the account's copies of numbers.

    None if the account has no such view, as is possible for an account that never had a number.
    """
    try:
        return store.query_view(db, NUMBERS)
    except ViewMissing:
        return None
