"""The features of numbers: which features a number has or may have, and how a save changes them.

Spec: docs/kazoo/documents.md, section 7.4.
"""

from dataclasses import dataclass
from typing import Any

from app.auth import configuration
from app.documents import Document, is_empty, is_true, object_member
from app.documents.names import account_db
from app.numbers import ownership
from app.numbers.carriers import LOCAL_CARRIERS, carrier_of
from app.numbers.feature_names import (
    CARRIER_NAME,
    CNAM,
    E911,
    FAILOVER,
    FORCE_OUTBOUND,
    INBOUND_CNAM,
    LOCAL,
    MESSAGING,
    OUTBOUND_CNAM,
    PORT,
    PREPEND,
    RINGBACK,
    current_name,
)
from app.store.cache import DocumentCache

_KAZOO = (FAILOVER, FORCE_OUTBOUND, PREPEND, RINGBACK)
_EXTERNAL = (CNAM, INBOUND_CNAM, OUTBOUND_CNAM, E911, PORT, *MESSAGING)
_ADMIN_ONLY = (CARRIER_NAME,)
# The public members that request a feature.
_REQUESTING_MEMBERS = (CNAM, E911, FAILOVER, FORCE_OUTBOUND, PORT, PREPEND, CARRIER_NAME, RINGBACK)
# When a number is saved, features of the same provider are allowed or denied together.
_PROVIDERS = {INBOUND_CNAM: CNAM, OUTBOUND_CNAM: CNAM}

CONFIG = "number_manager"
_RESELLERS_DOCUMENT = f"configs_{CONFIG}"


@dataclass(frozen=True)
class Policy:
    """Which features an account's numbers may have.

    `denied` is the reseller's list, else the system's, or None.
    """

    allowed: tuple[str, ...]
    denied: tuple[str, ...] | None
    local_override: bool
    is_admin: bool


def reseller_setting(cache: DocumentCache, account_id: str | None, *path: str, default: Any = None) -> Any:
    """A `number_manager` setting of the account's reseller, else of the system."""
    reseller_id = configuration.reseller_id(cache, account_id) if account_id else None
    if reseller_id and reseller_id != account_id:
        value = object_member(cache.find_doc(account_db(reseller_id), _RESELLERS_DOCUMENT), *path)
        if value is not None:
            return value
    return cache.setting(CONFIG, *path, default=default)


def policy(cache: DocumentCache, account_id: str | None, is_admin: bool) -> Policy:
    """The policy for the numbers of an account. `account_id` is None for numbers without an owner."""
    providers = cache.setting(CONFIG, "providers")
    allowed = reseller_setting(cache, account_id, "features", "allow", default=providers)
    denied = reseller_setting(cache, account_id, "features", "deny")
    return Policy(
        _names(allowed) if isinstance(allowed, list) else (*_KAZOO, *_EXTERNAL, *_ADMIN_ONLY),
        _names(denied) if isinstance(denied, list) else None,
        is_true(cache.setting(CONFIG, "local_feature_override")),
        is_admin,
    )


def held(document: Document) -> dict[str, Any]:
    """The features that a number has, by name, as in Kazoo. The carrier decides about `local`.

    A number from Kazoo 3 must be upgraded first (`app.numbers.legacy`).
    """
    stored = document.get("pvt_features")
    features = stored if isinstance(stored, dict) else {}
    others = {name: value for name, value in features.items() if name != LOCAL}
    is_local = carrier_of(document) in LOCAL_CARRIERS
    return {LOCAL: features.get(LOCAL) or {}, **others} if is_local else others


def available(document: Document, rules: Policy) -> list[str]:
    """The features that a number may have, sorted.

    Messaging is never included, because only Kazoo knows which carriers support it.
    """
    return _available(
        rules,
        is_local=LOCAL in held(document),
        is_assigned=bool(document.get("pvt_assigned_to")),
        used_by=document.get("pvt_used_by"),
        allowed=_names(document.get("pvt_features_allowed")),
        denied=_names(document.get("pvt_features_denied")),
    )


def available_as_listed(row: Document, rules: Policy) -> list[str]:
    """`available` for a row of the number list, where Kazoo ignores the number's own lists."""
    return _available(
        rules,
        is_local=LOCAL in (row.get("features") or ()),
        is_assigned=bool(row.get("assigned_to")),
        used_by=row.get("used_by"),
    )


def _available(
    rules: Policy,
    *,
    is_local: bool,
    is_assigned: bool,
    used_by: Any,
    allowed: tuple[str, ...] = (),
    denied: tuple[str, ...] = (),
) -> list[str]:
    refused = {*MESSAGING, *(denied or _denied(rules, is_local, is_assigned, used_by))}
    if not rules.is_admin:
        refused.update(_ADMIN_ONLY)
    return sorted(set(allowed or rules.allowed) - refused)


def _denied(rules: Policy, is_local: bool, is_assigned: bool, used_by: Any) -> list[str]:
    denied: list[str] = []
    if not is_assigned:
        denied += _EXTERNAL
    elif rules.denied is not None:
        denied += rules.denied
    elif is_local and not rules.local_override:
        denied += _EXTERNAL
    if used_by != ownership.TRUNKSTORE:
        denied.append(FAILOVER)
    return denied


def refused(public: Document, document: Document, rules: Policy) -> list[str]:
    """The features that a number has, or that a save requests, but that it may not have. Sorted.

    `public` has the number's public members after the save. `document` is the stored number.
    """
    requested = {name for name in _REQUESTING_MEMBERS if public.get(name) is not None}
    present = held(document).keys() - {LOCAL, *MESSAGING}
    allowed = {_provider(name) for name in available(document, rules)}
    return sorted(name for name in requested | present if _provider(name) not in allowed)


def saved(public: Document, document: Document) -> dict[str, Any]:
    """The features that a number has after a save of these public members. `e911` does not change."""
    features = held(document)
    state = ownership.state(document)
    in_service = state == ownership.IN_SERVICE
    for name in (PREPEND, FAILOVER, FORCE_OUTBOUND):
        _set(features, name, _requested(name, public) if in_service else None)
    if state in (ownership.RESERVED, ownership.IN_SERVICE, ownership.PORT_IN):
        looks_up = is_true(object_member(public, CNAM, "inbound_lookup"))
        display_name = object_member(public, CNAM, "display_name")
        _set(features, INBOUND_CNAM, {"inbound_lookup": True} if looks_up else None)
        _set(features, OUTBOUND_CNAM, {"display_name": display_name} if display_name else None)
        features.pop(CNAM, None)
    return features


def _requested(name: str, public: Document) -> Any:
    """The value that public members request for a feature, or None if they turn it off."""
    value = public.get(name)
    if is_empty(value) or (name == PREPEND and not is_true(object_member(value, "enabled"))):
        return None
    return value


def _set(features: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        features.pop(name, None)
    else:
        features[name] = value


def _provider(feature: str) -> str:
    return _PROVIDERS.get(feature, feature)


def _names(features: Any) -> tuple[str, ...]:
    """The current names in a list of features."""
    names = features if isinstance(features, list) else []
    return tuple(current_name(name) for name in names if isinstance(name, str))
