"""Calls of trunk users, emergency calls among them (26 to 34)."""

from typing import Any

from app.documents import MISSING
from app.documents.connectivity import TYPE
from app.numbers.classifiers import classify
from app.numbers.normalise import is_reconcilable, normalise
from app.routing import Failure, Outcome, Step, System, rows
from app.routing.values import as_object, filled, first_caller_id, first_value, is_true, member

REFUSED, FAILED = "403", "686"


def outbound(system: System, user: str, realm: str, to: str, caller: tuple[str, str], zone: str = "local") -> Outcome:
    """What Kazoo does with a call of a registered user. `caller` is the call's own name and number.

    Not looked at: the account's `dial_plan`, its own flags, and dynamic flags but those below.
    """
    number = normalise(to, system.converters)
    try:
        return _routed(system, user, realm, number, caller, zone)
    except Failure as failure:
        steps = (Step("with this value, the call fails inside trunkstore (35)", failure.path),)
        return Outcome("none", "it fails inside trunkstore", steps=steps)


def _routed(system: System, user: str, realm: str, number: str, caller: tuple[str, str], zone: str) -> Outcome:
    by_name = rows.of_number(system, caller[0])
    of_user = rows.of_user(system, user, realm)
    row = by_name or of_user
    did: Any = by_name.server["DIDs"][caller[0]] if by_name else {}
    did_path = f"{by_name.path}.DIDs.{caller[0]}" if by_name else ""
    account: Any = row.document.get("account", {}) if row else {}
    options, options_path = _options(row, by_name)
    hunts = is_true(member(options, "hunt_non_reconcilable", options_path), default=False)
    kind = classify(number, system.classifiers)
    if not (is_reconcilable(number, system.reconcile) or kind == "emergency" or hunts):
        why = "the number does not go out (short or not a number)"
        return Outcome("none", why, steps=(Step(f"{why} (27)"),))
    steps = _found(row, by_name)

    def each(name: str) -> list[Any]:
        return [member(did, name, did_path), member(options, name, options_path), member(account, name, "account")]

    target = {
        "to_did": number,
        "caller_id": filled(first_caller_id(each("caller_id"), "caller_id") or caller),
        "emergency_caller_id": filled(first_caller_id(each("emergency_caller_id"), "emergency_caller_id")),
        "media": "process" if first_value(each("media_handling")) == "process" else "bypass",
        "flags": _flags(system, each, user, realm, caller, zone),
        "timeout": each("timeout")[0],
        "ignore_early_media": each("ignore_early_media")[0],
        "ringback": each("ringback")[0],
        "hunt_account": each("hunt_account_id")[1],
    }
    if of_user and _is_denied(system, kind):
        step = Step("the account must not call numbers of this class (31)", f"call_restriction.{kind}.action")
        return Outcome("respond", "the account is restricted", target={"code": REFUSED}, steps=(*steps, step))
    if number == "0":
        return Outcome("accepted, then nothing", "the number counts as empty (37)", steps=steps)
    kept = {name: value for name, value in target.items() if value is not MISSING and value not in (None, "")}
    document_id = row.document_id if row else None
    return Outcome("offnet", "", document_id, kept, Outcome("respond", target={"code": FAILED}), steps=steps)


def _options(row: rows.Row | None, by_name: rows.Row | None) -> tuple[Any, str]:
    """The options that apply, and their path. By the caller's name, Kazoo looks a level too deep (28)."""
    if row is None:
        return {}, ""
    path = f"{row.path}.options"
    stored = row.server.get("options", {})
    return (member(stored, "options", path, {}), f"{path}.options") if by_name else (stored, path)


def _found(row: rows.Row | None, by_name: rows.Row | None) -> tuple[Step, ...]:
    if row is None:
        return (Step("no server has this user and realm, so no settings apply (28)"),)
    if by_name:
        return (Step("the caller's name is a number of this server (28)", f"{row.path}.DIDs", row.document_id),)
    return (Step("the server of this user", f"{row.path}.auth.auth_user", row.document_id),)


def _is_denied(system: System, kind: str | None) -> bool:
    restriction = as_object(as_object(system.account.get("call_restriction")).get(kind or ""))
    return restriction.get("action") == "deny"


def _flags(system: System, each: Any, user: str, realm: str, caller: tuple[str, str], zone: str) -> list[Any]:
    """The flags of the server, else of the account, after those that are worked out (32)."""
    _, *levels = each("flags")
    static = next((flags for flags in levels if isinstance(flags, list)), [])
    _, *levels = each("dynamic_flags")
    dynamic = next((flags for flags in levels if isinstance(flags, list)), [])
    known = {
        "zone": zone,
        "account_id": system.account_id,
        "account_realm": system.account.get("realm"),
        "authorizing_type": TYPE,
        "from": f"{user}@{realm}",
        "from_user": user,
        "from_realm": realm,
        "caller_id_name": caller[0],
        "caller_id_number": caller[1],
    }
    return [*(known[flag] for flag in reversed(dynamic) if isinstance(flag, str) and flag in known), *static]
