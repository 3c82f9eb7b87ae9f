"""Accounts whose trial has run out (docs/kazoo/auth.md, section 2.6)."""

import contextlib
import logging

from app.documents import Document
from app.documents.clock import gregorian_now
from app.documents.names import ACCOUNTS, account_db
from app.events.notices import Notices
from app.store import Store, StoreError
from app.store.recent import Recent

log = logging.getLogger(__name__)


def expired_since(account: Document | None) -> int | None:
    """When the trial ran out, in Gregorian seconds; None where it has not, or there is none."""
    expires = (account or {}).get("pvt_trial_expires")
    return expires if type(expires) is int and expires <= gregorian_now() else None


def is_enabled(account: Document | None) -> bool:
    """Whether both the client's and Kazoo's own switch of an account are on; each is on by default."""
    account = account or {}
    return account.get("enabled", True) is not False and account.get("pvt_enabled", True) is not False


def disable_expired(store: Store, recent: Recent, notices: Notices, account_id: str) -> None:
    """Switch an expired account off in both places, as Kazoo does. A fault is logged, never passed on.

    Only where the trial has still run out: what the caller saw may be a moment old, and the trial longer by now.
    """
    for db in (account_db(account_id), ACCOUNTS):
        with contextlib.suppress(StoreError):
            document = store.find_doc(db, account_id)
            if document is None or expired_since(document) is None or document.get("pvt_enabled") is False:
                continue
            disabled = {**document, "pvt_enabled": False}
            disabled["_rev"] = store.save_doc(db, disabled)
            notices.edited(db, disabled)
            log.info("account %s is disabled: its trial has run out", account_id)
    recent.forget(account_db(account_id), account_id)
