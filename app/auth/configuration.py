"""Settings of the login modules: the system's, overridden by those of the reseller, the parents and the account.

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

    Without a method there are no settings.
    """
    if method is None:
        return {}
    merged: dict[str, Any] = {}
    system = cache.setting(CONFIG, "auth_modules", method)
    for layer in [system, *(_of_account(cache, one, method) for one in _line(cache, account_id))]:
        if isinstance(layer, dict):
            merged |= layer
    return merged


def token_seconds(cache: DocumentCache, module: dict[str, Any]) -> int:
    """The lifetime of this module's tokens in seconds. With 0 or less they never expire."""
    own = module.get("token_auth_expiry_s")
    if type(own) is int and own > 0:
        return own
    system = cache.setting(CONFIG, "token_auth_expiry_s")
    return system if type(system) is int else DEFAULT_EXPIRY_S


def is_reseller(cache: DocumentCache, account_id: str) -> bool:
    """Whether the account is a reseller according to its services document, which Kazoo reads too."""
    return (cache.find_doc(SERVICES, account_id) or {}).get("pvt_reseller") is True


def reseller_id(cache: DocumentCache, account_id: str) -> str | None:
    """The id of the account's reseller according to its services document; None if it names none."""
    return (cache.find_doc(SERVICES, account_id) or {}).get("pvt_reseller_id")


def _of_account(cache: DocumentCache, account_id: str, method: str) -> Any:
    document = cache.find_doc(account_db(account_id), DOCUMENT)
    modules = public(document).get("auth_modules") if document else None
    return modules.get(method) if isinstance(modules, dict) else None


def _line(cache: DocumentCache, account_id: str) -> list[str]:
    """The ids of the accounts from the nearest reseller down to this account, which is last.

    If the account is a reseller itself, it is the only one.
    """
    line = [account_id]
    if is_reseller(cache, account_id):
        return line
    for ancestor in reversed(hierarchy.tree(hierarchy.account(cache, account_id))):
        line.insert(0, ancestor)
        if is_reseller(cache, ancestor):
            break
    return line
