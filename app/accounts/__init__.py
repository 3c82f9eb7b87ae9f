"""The accounts of the system. Each has a document in its own database, and a copy in `accounts`.

The two documents have separate revisions (docs/kazoo/documents.md, section 1).
"""

import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator

from app import contention
from app.auth.trial import expired_since
from app.documents import Document, fields
from app.documents.clock import gregorian_now
from app.documents.names import ACCOUNTS, account_db, account_of
from app.events.notices import Notices
from app.store import Conflict, Store, StoreError
from app.store.cache import DocumentCache

log = logging.getLogger(__name__)


def every_account_id(store: Store) -> Iterator[str]:
    """The ids of all accounts in the aggregate database."""
    for row in store.query_view(ACCOUNTS, "accounts/listing_by_realm"):
        account_id = (row.value or {}).get("account_id")
        if isinstance(account_id, str) and account_of(account_db(account_id)):
            yield account_id


def save_aggregate(store: Store, db: str, stored: Document) -> tuple[Document, bool]:
    """Replace the copy in `accounts` with the saved account. Returns the copy, and whether it is new.

    After a lost race, the account is read and copied again, for up to five seconds. Raises Conflict.
    """
    for attempt in contention.attempts():
        if attempt:
            stored = store.open_to_write(db, stored["_id"])
        copy = store.find_to_write(ACCOUNTS, stored["_id"])
        aggregate = {**stored, "_rev": copy["_rev"]} if copy else fields.without_revision(stored)
        try:
            aggregate["_rev"] = store.save_doc(ACCOUNTS, aggregate)
            return aggregate, copy is None
        except Conflict:
            continue
    raise Conflict(stored["_id"])


def change_account(store: Store, notices: Notices, account_id: str, change: Callable[[], Document]) -> None:
    """Set the members that `change` returns in both documents of an account, whoever else writes meanwhile.

    Does nothing if there is no such account. Raises Conflict, Unavailable.
    """
    db = account_db(account_id)
    for _ in contention.attempts():
        stored = store.find_to_write(db, account_id)
        if stored is None:
            return
        document = {**stored, **change()}
        try:
            if document != stored:
                document["_rev"] = store.save_doc(db, document)
                notices.edited(db, document)
        except Conflict:
            continue
        aggregate, is_new = save_aggregate(store, db, document)
        notices.saved(ACCOUNTS, aggregate, is_new)
        return
    raise Conflict(account_id)


def new_api_key(store: Store, notices: Notices, account_id: str) -> str:
    """Give an account a new API key. Returns it. Raises Conflict, Unavailable."""
    api_key = secrets.token_hex(32)
    members = {"pvt_api_key": api_key, "pvt_modified": gregorian_now()}
    change_account(store, notices, account_id, lambda: members)
    return api_key


def disable_expired(store: Store, cache: DocumentCache, notices: Notices, account_id: str) -> None:
    """Disable an expired account in both of its documents, as Kazoo does. Store errors are ignored.

    A document is changed only if its trial has expired. The caller may have read an old document from the cache, and
    the trial may have been extended since.
    """
    for db in (account_db(account_id), ACCOUNTS):
        with contextlib.suppress(StoreError):
            document = store.find_to_write(db, account_id)
            if document is None or expired_since(document) is None or document.get("pvt_enabled") is False:
                continue
            disabled = {**document, "pvt_enabled": False}
            disabled["_rev"] = store.save_doc(db, disabled)
            notices.edited(db, disabled)
            log.info("account %s is disabled: its trial has expired", account_id)
    cache.forget(account_db(account_id), account_id)
