"""Settings of the login modules. The reseller, the parents and the account override the system's, in this order.

Spec: docs/kazoo/auth.md, section 4.6.
"""

from typing import Any

from app.auth import hierarchy
from app.documents.fields import public
from app.documents.names import SERVICES, account_db
from app.store.cache import DocumentCache

DOCUMENT = "configs_crossbar.auth"
CONFIG = "crossbar.auth"
DEFAULT_EXPIRY_S = 3600


def module_settings(cache: DocumentCache, account_id: str, method: str | None) -> dict[str, Any]:
    """The merged `auth_modules.{method}` for an account, e.g. ``{"enabled": True, "token_auth_expiry_s": 3600}``.

    Empty if `method` is None.
    """
    if method is None:
        return {}
    merged: dict[str, Any] = {}
    system = cache.setting(CONFIG, "auth_modules", method)
    for layer in [system, *(_account_settings(cache, ancestor, method) for ancestor in _lineage(cache, account_id))]:
        if isinstance(layer, dict):
            merged |= layer
    return merged


def token_seconds(cache: DocumentCache, module: dict[str, Any]) -> int:
    """The lifetime of this module's tokens in seconds. If it is 0 or less, they never expire."""
    expiry = module.get("token_auth_expiry_s")
    if type(expiry) is int and expiry > 0:
        return expiry
    system = cache.setting(CONFIG, "token_auth_expiry_s")
    return system if type(system) is int else DEFAULT_EXPIRY_S


def is_reseller(cache: DocumentCache, account_id: str) -> bool:
    """Whether the account is a reseller according to its services document. Kazoo reads the same document."""
    return (cache.find_doc(SERVICES, account_id) or {}).get("pvt_reseller") is True


def reseller_id(cache: DocumentCache, account_id: str) -> str | None:
    """The id of the account's reseller according to its services document; None if it names none."""
    return (cache.find_doc(SERVICES, account_id) or {}).get("pvt_reseller_id")


def _account_settings(cache: DocumentCache, account_id: str, method: str) -> Any:
    document = cache.find_doc(account_db(account_id), DOCUMENT)
    modules = public(document).get("auth_modules") if document else None
    return modules.get(method) if isinstance(modules, dict) else None


def _lineage(cache: DocumentCache, account_id: str) -> list[str]:
    """The ids of the accounts from the nearest reseller down to this account.

    If the account is itself a reseller, it is the only one.
    """
    lineage = [account_id]
    if is_reseller(cache, account_id):
        return lineage
    for ancestor in reversed(hierarchy.tree(hierarchy.account(cache, account_id))):
        lineage.insert(0, ancestor)
        if is_reseller(cache, ancestor):
            break
    return lineage
