"""`descendants_count`, which account switchers of UIs show: how many accounts are below an account.

Kazoo keeps it in both documents of the account (docs/kazoo/auth.md, section 5.4).
"""

from collections import Counter

from app.accounts import change_account
from app.auth import hierarchy
from app.documents import Document
from app.documents.names import ACCOUNTS
from app.events.notices import Notices
from app.store import Store

MEMBER = "descendants_count"
DESCENDANTS, CHILDREN = "accounts/listing_by_descendants", "accounts/listing_by_children"


def count(store: Store, account_id: str) -> int:
    """How many accounts are below this one. Raises the store's errors."""
    return len(store.query_view(ACCOUNTS, DESCENDANTS, startkey=[account_id], endkey=[account_id, {}]))


def wrong_counts(store: Store) -> dict[str, tuple[int, int]]:
    """The accounts that UIs show with a wrong count: the one that is shown, and the right one.

    Raises the store's errors.
    """
    right = Counter(row.key[0] for row in store.query_view(ACCOUNTS, DESCENDANTS))
    rows = store.query_view(ACCOUNTS, CHILDREN)
    shown = {row.id: (row.value or {}).get(MEMBER, 0) for row in rows if row.id}
    return {
        account_id: (number, right[account_id]) for account_id, number in shown.items() if number != right[account_id]
    }


def wrong_count(store: Store, account_id: str) -> tuple[int, int] | None:
    """The count that UIs show for an account, and the right one. None if they are the same."""
    shown, right = (store.find_doc(ACCOUNTS, account_id) or {}).get(MEMBER, 0), count(store, account_id)
    return None if shown == right else (shown, right)


def update_ancestors(store: Store, notices: Notices, account: Document) -> None:
    """Put the counts of the accounts above this one right. Raises the store's errors."""
    for account_id in hierarchy.tree(account):
        update(store, notices, account_id)


def update(store: Store, notices: Notices, account_id: str) -> None:
    """Put the count of an account right in both of its documents. Raises the store's errors."""
    change_account(store, notices, account_id, lambda: {MEMBER: count(store, account_id)})
