"""Accounts whose trial has run out (docs/kazoo/auth.md, section 2.6)."""

from app.documents import Document
from app.documents.clock import gregorian_now


def expired_since(account: Document | None) -> int | None:
    """When the trial ran out, in Gregorian seconds; None if it has not, or if there is no trial."""
    expires = (account or {}).get("pvt_trial_expires")
    return expires if type(expires) is int and expires <= gregorian_now() else None


def is_enabled(account: Document | None) -> bool:
    """Whether an account is enabled, both by clients (`enabled`) and by Kazoo (`pvt_enabled`)."""
    account = account or {}
    return account.get("enabled", True) is not False and account.get("pvt_enabled", True) is not False
