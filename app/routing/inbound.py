"""Calls from carriers to a number (0 to 18)."""

import re
from dataclasses import dataclass
from typing import Any

from app.documents import MISSING, Document
from app.numbers.classifiers import classify
from app.numbers.normalise import matched, normalise
from app.numbers.ownership import CALLABLE
from app.routing import Failure, Number, Outcome, Step, System, rows
from app.routing.values import as_object, as_text, filled, first_caller_id, first_value, is_true, member

HANGUP = Outcome("hangup")
NOT_IN_SYSTEM = "the number is not in the system"
NOT_ASSIGNED = "the number is assigned to no account"
NOT_IN_SERVICE = "the number is not in service"
NOT_OURS = "the number is not of this account"
NOT_LISTED = "the number is in no live document of the account"
_FACTS = {NOT_OURS: 3, NOT_LISTED: 4}
DEFAULT_PORT = 5060
_LOCAL, _WITH_ONE = 10, 11


def inbound(system: System, to: str, caller: tuple[str, str], from_account: str | None = None) -> Outcome:
    """What Kazoo does with a call to a number. `caller` is its name and number.

    `from_account` is the account that it comes from, if it is one of this Kazoo.
    """
    number = normalise(to, system.converters)
    known = system.find_number(number)
    if refusal := refusal_of_number(known, system.account_id):
        return _none(refusal)
    if not system.is_enabled:
        return _none("the account of the number is disabled")
    row = rows.of_number(system, number)
    if row is None:
        lost = (
            Step(loss.why, loss.path, document["_id"]) for document, loss in rows.losses_of_number(system, number)
        )
        return _none(NOT_LISTED, *lost)
    found = Step("the number is in this server", f"{row.path}.DIDs.{number}", row.document_id)
    try:
        return _routed(system, row, number, known.document if known else {}, caller, from_account, found)
    except Failure as failure:
        steps = (found, Step("with this value, the call fails inside trunkstore (35)", failure.path, row.document_id))
        return Outcome("none", "it fails inside trunkstore", row.document_id, steps=steps)


def refusal_of_number(known: Number | None, account_id: str) -> str | None:
    """Why calls to a number reach no trunk of this account, whatever its trunks say (2, 3); None if they do."""
    if known is None:
        return NOT_IN_SYSTEM
    if known.account_id is None:
        return NOT_ASSIGNED
    if known.account_id != account_id:
        return NOT_OURS
    return None if known.state in CALLABLE else NOT_IN_SERVICE


def _none(why: str, *steps: Step) -> Outcome:
    return Outcome("none", why, steps=(*steps, Step(f"{why} ({_FACTS.get(why, 2)})")))


@dataclass(frozen=True)
class _Settings:
    """The levels that settings are taken from (6), and the path of the options."""

    options: Any
    server: Document
    account: Any
    path: str
    document_id: str


def off_switch(system: System, row: rows.Row) -> Step | None:
    """The member that keeps calls from a server, or None (7). Raises Failure."""
    user = member(row.server["auth"], "auth_user", f"{row.path}.auth")
    return _off_switch(_settings(system, row, user, _realm(row)))


def _realm(row: rows.Row) -> Any:
    return as_object(row.document.get("account")).get("auth_realm", MISSING)


def _off_switch(settings: "_Settings") -> Step | None:
    if isinstance(settings.options, list):
        raise Failure(settings.path)
    if is_true(member(settings.options, "enabled", settings.path), default=True):
        return None
    return Step("the server is off (7)", f"{settings.path}.enabled", settings.document_id)


def _settings(system: System, row: rows.Row, user: Any, realm: Any) -> _Settings:
    """The options of the server's user, which may be those of another server; without a user, those of the number."""
    of_account = system.account.get("caller_id_options")
    rules = {"caller_id_options": of_account} if isinstance(of_account, dict) else {}
    if user is MISSING:
        account = {**as_object(row.document.get("account")), **rules}
        return _Settings(row.server.get("options", {}), {}, account, f"{row.path}.options", row.document_id)
    found = rows.of_user(system, user, realm)
    if found is None:
        return _Settings({}, {}, {}, "", "")
    account = {**as_object(found.document.get("account")), **rules}
    return _Settings(
        found.server.get("options", {}), found.server, account, f"{found.path}.options", found.document_id
    )


def _routed(
    system: System,
    row: rows.Row,
    number: str,
    number_document: Document,
    caller: tuple[str, str],
    from_account: str | None,
    found: Step,
) -> Outcome:
    auth, did, did_path = row.server["auth"], row.server["DIDs"][number], f"{row.path}.DIDs.{number}"
    account_path = "account"
    member(did, "options", did_path)
    hunt_account = member(row.server.get("options", {}), "hunt_account_id", f"{row.path}.options")
    user = member(auth, "auth_user", f"{row.path}.auth")
    realm = _realm(row)
    settings = _settings(system, row, user, realm)
    if off := _off_switch(settings):
        return Outcome("none", "options.enabled", row.document_id, steps=(found, off))
    _check_address_of_record(user, realm, row.path)
    options = settings.options

    def each(name: str) -> list[Any]:
        return [
            member(did, name, did_path),
            member(options, name, settings.path),
            member(settings.account, name, account_path),
        ]

    early = first_value(each("ignore_early_media"))
    if early not in (None, "true", "false"):
        raise Failure("ignore_early_media")
    media = first_value(each("media_handling"))
    callees = [each("caller_id")[0], row.document.get("callerid"), row.server.get("callerid")]
    failover = first_value([number_document.get("failover"), *each("failover")])
    codecs = member(options, "codecs", settings.path)
    target = {
        **_format(number, member(options, "inbound_format", settings.path)),
        "to_user": user,
        "to_realm": realm,
        **_address(auth, options, row.path),
        "caller_id": {"name": caller[0] or caller[1], "number": _formatted(system, caller[1], settings)},
        "callee_id": filled(first_caller_id([one for one in callees if isinstance(one, dict)], did_path)),
        "bypass_media": media != "process",
        "codecs": settings.server.get("codecs") if codecs is MISSING else codecs,
        "timeout": first_value(each("timeout")),
        "progress_timeout": first_value(each("progress_timeout")),
        "delay": first_value(each("delay")),
        "ignore_early_media": early,
        "failover": failover if isinstance(failover, dict) else None,
        "media": "process" if from_account or media == "process" else "bypass",
    }
    then = _after(target["failover"], target["caller_id"], hunt_account)
    kept = {name: value for name, value in target.items() if value is not MISSING and value not in (None, "")}
    return Outcome("bridge", "", row.document_id, kept, then, steps=(found,))


def _check_address_of_record(user: Any, realm: Any, path: str) -> None:
    """Kazoo joins user and realm into a text, if both are there (9, 35). Raises Failure."""
    is_there = [value is not MISSING and value != "" for value in (user, realm)]
    if all(is_there) and not isinstance(user, str):
        raise Failure(f"{path}.auth.auth_user")
    if all(is_there) and not isinstance(realm, str):
        raise Failure("account.auth_realm")


def _format(number: str, stored: Any) -> Document:
    """How the number is dialled (8)."""
    name = "npan" if stored is MISSING else str(stored).lower()
    if name in ("e164", "e.164"):
        return {"invite_format": "e164", "to_did": number}
    if name == "e164_without_plus":
        return {"invite_format": "e164", "to_did": number.removeprefix("+")}
    if name in ("1npan", "1npanxxxxxx"):
        return {"invite_format": "1npan", "to_did": _with_one(number)}
    if name in ("npan", "npanxxxxxx"):
        return {"invite_format": "npan", "to_did": _local(number)}
    return {"invite_format": "username", "to_did": number}


def _local(number: str) -> str:
    """Ten digits of a North American number; others as they are."""
    digits = number.removeprefix("+")
    return digits[1:] if digits.startswith("1") and len(digits) == _WITH_ONE else number


def _with_one(number: str) -> str:
    local = _local(number)
    return f"1{local}" if len(local) == _LOCAL and local.isdigit() else number


def _address(auth: Document, options: Any, path: str) -> Document:
    """The address, and the port if it is not the usual one (10). Raises Failure."""
    ip, port = (_first(name, auth, options, path) for name in ("ip", "port"))
    if ip is MISSING:
        return {}
    if isinstance(port, str):
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", port, re.ASCII):
            raise Failure(f"{path}.auth.port")
        port = int(port)
    return {"to_ip": ip} if port in (MISSING, DEFAULT_PORT) else {"to_ip": ip, "port": as_text(port)}


def _first(name: str, auth: Document, options: Any, path: str) -> Any:
    value = member(auth, name, path)
    return member(options, name, path) if value is MISSING else value


def _formatted(system: System, number: str, settings: _Settings) -> str:
    """The caller's number as `caller_id_options.format` rewrites it (11)."""
    levels = (
        as_object(settings.options).get("caller_id_options"),
        as_object(settings.account).get("caller_id_options"),
    )
    rules = as_object(next((level for level in levels if isinstance(level, dict)), {}).get("format"))
    normalised = normalise(number, system.converters)
    rule = as_object(rules.get(classify(normalised, system.classifiers) or "") or rules.get("all"))
    regex = rule.get("regex")
    found = matched(regex, normalised) if isinstance(regex, str) and regex else None
    return number if found is None else f"{rule.get('prefix') or ''}{found}{rule.get('suffix') or ''}"


def _after(failover: Document | None, caller_id: Document, hunt_account: Any) -> Outcome:
    """What follows when the bridge fails (17, 18)."""
    if not failover:
        return HANGUP
    number, address = (as_text(failover.get(name, "")) for name in ("e164", "sip"))
    if number:
        target = {"to_did": number, "caller_id": caller_id, "hunt_account": as_text(hunt_account)}
        return Outcome("offnet", target={name: value for name, value in target.items() if value}, then=HANGUP)
    if address:
        return Outcome("bridge", target={"route": address, "invite_format": "route"}, then=HANGUP)
    return Outcome("nothing", "the target of the failover is empty")
