"""Upgrades numbers that Kazoo 3 stored, as Kazoo 4 does (docs/kazoo/documents.md, section 7.4)."""

from typing import Any

from app.documents import Document, is_empty, is_true, object_member
from app.numbers.feature_names import (
    CNAM,
    E911,
    FAILOVER,
    FORCE_OUTBOUND,
    INBOUND_CNAM,
    OLD_E911,
    OUTBOUND_CNAM,
    PREPEND,
    RINGBACK,
    current_name,
)

_INBOUND_LOOKUP = "inbound_lookup"
_REMOVED = ("im", *OLD_E911)
_KEPT_MEMBERS = {RINGBACK: ("early", "transfer"), FAILOVER: ("e164", "sip")}


def upgraded(document: Document) -> Document:
    """The number with `e911` and `pvt_features` as Kazoo 4 stores them. The argument is not changed.

    In Kazoo 3, features were a list of names, and their data was only in public members.
    """
    number = with_e911(document)
    stored = number.get("pvt_features")
    if isinstance(stored, list):
        stored = _from_names([name for name in stored if isinstance(name, str)], number)
    if not isinstance(stored, dict):
        return number
    features = {name: value for name, value in with_e911(stored).items() if name not in _REMOVED}
    return number | {"pvt_features": features}


def with_e911(members: Document) -> Document:
    """The members with `e911` filled in from a provider's name, where Kazoo 3 or the old kazoo-ui put it."""
    old = next((members[name] for name in OLD_E911 if not is_empty(members.get(name))), None)
    return {**members, E911: old} if old is not None else members


def _from_names(names: list[str], public: Document) -> dict[str, Any]:
    features: dict[str, Any] = {}
    for name in names:
        if name == _INBOUND_LOOKUP:
            features[INBOUND_CNAM] = {_INBOUND_LOOKUP: True}
        elif current_name(name) == E911:
            features[E911] = public.get(name)
        else:
            features[name] = _feature_data(name, public)
    return {name: value for name, value in features.items() if value is not None}


def _feature_data(name: str, public: Document) -> Any:
    if name == FORCE_OUTBOUND:
        return is_true(public.get(name))
    if name == OUTBOUND_CNAM:
        return _without_empty({"display_name": object_member(public, CNAM, "display_name")})
    if name in _KEPT_MEMBERS:
        return _without_empty({member: object_member(public, name, member) for member in _KEPT_MEMBERS[name]})
    data = public.get(name)
    data = {} if is_empty(data) else data
    if name == PREPEND:
        return {**(data if isinstance(data, dict) else {}), "enabled": is_true(object_member(data, "enabled"))}
    return data


def _without_empty(members: Document) -> Document:
    return {name: value for name, value in members.items() if not is_empty(value)}
