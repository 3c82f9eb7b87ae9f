"""Accounts whose trial has run out (docs/kazoo/auth.md, section 2.6)."""

from app.documents import Document
from app.documents.clock import gregorian_now


def expired_since(account: Document | None) -> int | None:
    """When the trial ran out, in Gregorian seconds; None where it has not, or there is none."""
    expires = (account or {}).get("pvt_trial_expires")
    return expires if type(expires) is int and expires <= gregorian_now() else None


def is_enabled(account: Document | None) -> bool:
    """Whether both the client's and Kazoo's own switch of an account are on; each is on by default."""
    account = account or {}
    return account.get("enabled", True) is not False and account.get("pvt_enabled", True) is not False
