"""The rules on what Kazoo does with calls. Each cites its facts by number (docs/kazoo/routing.md)."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from app.audit import Finding, Severity
from app.documents import MISSING, Document, connectivity, object_member, value_at
from app.routing import Failure, System, Views, inbound, rows
from app.routing.registration import RANDOM, has_valid_password
from app.routing.values import as_object, equals_false, is_true

SHORTEST_PASSWORD = 8
_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
_TIMES = ("timeout", "progress_timeout", "delay")


def findings(document: Document, views: Views = Views.UNKNOWN) -> Iterator[Finding]:
    """What Kazoo's routing does not do with this trunk as its owner expects, the worst first."""
    servers = connectivity.servers_by_index(document)
    for index, server in enumerate(servers):
        yield from _timeouts(f"servers.{index}", server)
    yield from _failovers("account.failover", object_member(document, "account", "failover"), "")
    yield from _lost(document, views)
    for index, server in enumerate(servers):
        yield from _server(f"servers.{index}", server)
    yield from _switched_off(document, views)
    yield from _numbers(servers)


def passwords(document: Document) -> Iterator[Finding]:
    """Passwords that are empty or easy to guess. The log of a save must not have these."""
    for index, server in enumerate(connectivity.servers_by_index(document)):
        auth = server.get("auth")
        if isinstance(auth, dict) and method(auth) == "password":
            yield from _password(f"servers.{index}.auth.auth_password", auth)


def method(auth: Document) -> str:
    """How a server authenticates, in lower case: ``password`` or ``ip``."""
    return str(auth.get("auth_method", "password")).lower()


def is_enabled(server: Document) -> bool:
    """Whether a server gets calls (5, 7)."""
    options = server.get("options")
    is_on = is_true(as_object(options).get("enabled", MISSING), default=True)
    return is_on and not equals_false(server.get("enabled", True))


def _lost(document: Document, views: Views) -> Iterator[Finding]:
    """What keeps servers out of the views that Kazoo's routing reads."""
    if views is Views.OURS and not isinstance(document.get("account"), dict):
        message = "the account is missing: calls to its servers have no realm (routing, views)"
        yield Finding(Severity.WARNING, "realm", message, "account")
    # Where nobody knows which views there are, what Kazoo's own lose is a risk.
    assumed = Views.OURS if views is Views.OURS else Views.KAZOOS
    told = set()
    for loss in _losses(rows.number_rows(document, assumed)):
        told.add(f"{loss.path}.auth_user")
        if loss.path == "account":
            yield Finding(Severity.ERROR, "realm", _none_ring(loss), loss.path)
        elif loss.path.endswith(".auth"):
            yield _no_auth(document, loss)
    for loss in _losses(rows.registration_rows(document)):
        if not loss.is_whole:
            continue
        told.add(loss.path)
        message = f"{loss.why}: no user of the document can register (22)"
        if loss.path.endswith(".options"):
            yield Finding(Severity.ERROR, "no-options", message, loss.path)
        else:
            yield Finding(Severity.ERROR, "no-user", message, loss.path)
    for loss in _losses(rows.user_rows(document, assumed)):
        if loss.is_whole and loss.path.endswith(".auth_user") and loss.path not in told:
            message = f"{loss.why}: with Kazoo's own views, others lose their options (routing, views)"
            yield Finding(Severity.WARNING, "no-user", message, loss.path)


def _losses(each: Iterable[rows.Row | rows.Loss]) -> Iterator[rows.Loss]:
    return (one for one in each if isinstance(one, rows.Loss))


def _none_ring(loss: rows.Loss) -> str:
    return f"{loss.why}: with Kazoo's own views, none of the document's numbers ring (routing, views)"


def _no_auth(document: Document, loss: rows.Loss) -> Finding:
    if loss.is_whole:
        return Finding(Severity.ERROR, "no-auth", _none_ring(loss), loss.path)
    has_numbers = value_at(document, (*rows.server_at(loss.path), "DIDs")) not in (MISSING, {}, None)
    severity = Severity.WARNING if has_numbers else Severity.NOTE
    return Finding(severity, "no-auth", f"{loss.why}: its numbers do not ring (5)", loss.path)


def _switched_off(document: Document, views: Views) -> Iterator[Finding]:
    """The servers that get no calls because a switch is off, their own or that of a server with the same user."""
    whole = {"_id": "", **document, "pvt_type": connectivity.TYPE}
    alone = System("", {}, (whole,), lambda number: None, views)
    for one in rows.number_rows(whole, views):
        if isinstance(one, rows.Row):
            server, path = one.path, _switch_of(alone, one)
        else:
            server, path = one.path.removesuffix(".enabled"), one.path if one.path.endswith(".enabled") else None
        if path:
            message = "the server is disabled: it gets no calls, but it can still register and call out (7, 23, 26)"
            yield Finding(Severity.NOTE, "disabled", message, server)


def _switch_of(system: System, row: rows.Row) -> str | None:
    try:
        switch = inbound.off_switch(system, row)
    except Failure:
        # This is reported as a crash.
        return None
    return switch.path if switch else None


def _server(path: str, server: Document) -> Iterator[Finding]:
    auth, options = server.get("auth"), server.get("options")
    if not isinstance(auth, dict):
        return
    if "options" in server and not isinstance(options, dict):
        yield _fails(f"{path}.options")
    if auth.get("port") == "":
        yield _fails(f"{path}.auth.port")
    headers = object_member(server, "options", "sip_headers")
    if headers is not None and not isinstance(headers, dict):
        message = "sip_headers is not an object, so it has no effect (14)"
        yield Finding(Severity.WARNING, "sip-headers", message, f"{path}.options.sip_headers")
    yield from _failovers(f"{path}.options.failover", object_member(server, "options", "failover"), "")
    yield from _user_name(f"{path}.auth.auth_user", auth)
    if method(auth) == "ip":
        yield from _address(f"{path}.auth.ip", auth.get("ip") or object_member(server, "options", "ip"))


def _user_name(path: str, auth: Document) -> Iterator[Finding]:
    user = auth.get("auth_user")
    if "auth_user" in auth and not isinstance(user, str):
        yield _fails(path)
    if isinstance(user, str) and not user.isascii():
        message = (
            "the user name is not ASCII: it may never register, and its options have no effect, so a server that is"
            " disabled there still gets calls (6, 20)"
        )
        yield Finding(Severity.ERROR, "user-name", message, path)


def _password(path: str, auth: Document) -> Iterator[Finding]:
    password, user = auth.get("auth_password"), auth.get("auth_user")
    if not has_valid_password(auth):
        message = "the password is empty, or no text: nobody can register with it (24)"
        yield Finding(Severity.ERROR, "password", message, path)
    elif password is None:
        yield Finding(Severity.ERROR, "password", RANDOM, path)
    elif isinstance(password, str) and isinstance(user, str) and password.lower() == user.lower():
        yield Finding(Severity.ERROR, "password", "the password is the user name", path)
    elif isinstance(password, str) and len(password) < SHORTEST_PASSWORD:
        message = f"the password has fewer than {SHORTEST_PASSWORD} characters"
        yield Finding(Severity.WARNING, "password", message, path)


def _address(path: str, ip: Any) -> Iterator[Finding]:
    if not isinstance(ip, str) or not ip:
        message = "the server has no address: calls go to its user name and realm (9, 10)"
        yield Finding(Severity.WARNING, "ip", message, path)
        return
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        # A host name may be fine.
        return
    if any(address in network for network in _PRIVATE):
        yield Finding(Severity.WARNING, "ip", f"{ip} is a private address", path)
    elif not address.is_global or address.is_multicast:
        yield Finding(Severity.WARNING, "ip", f"{ip} is a reserved address, which is not routed", path)


def _timeouts(path: str, server: Document) -> Iterator[Finding]:
    options, dids = server.get("options"), server.get("DIDs")
    places = [(f"{path}.options", options)] + [
        (f"{path}.DIDs.{did}", value) for did, value in (dids.items() if isinstance(dids, dict) else ())
    ]
    for place, values in places:
        if not isinstance(values, dict):
            continue
        timeout = values.get("timeout")
        if _is_endless(timeout, is_number_read=values is not options):
            message = "a time-out of 0 or less makes Kazoo's process of a call run for ever, and fills its log (36)"
            yield Finding(Severity.ERROR, "timeout", message, f"{place}.timeout")
        for name in _TIMES:
            # The schema's default of `delay` is 0.
            if type(values.get(name)) in (int, float) and values[name] > 0:
                message = f"{name} is a number: it has no effect on inbound calls, a text would (13)"
                yield Finding(Severity.NOTE, "no-effect", message, f"{place}.{name}")


def _is_endless(timeout: Any, is_number_read: bool) -> bool:
    """Whether trunkstore waits in a loop that does not end. Of options it reads only texts."""
    if isinstance(timeout, str):
        try:
            return float(timeout) <= 0
        except ValueError:
            return False
    return is_number_read and type(timeout) in (int, float) and timeout <= 0


def _numbers(servers: list[Document]) -> Iterator[Finding]:
    places: dict[str, str] = {}
    for index, server in enumerate(servers):
        dids = server.get("DIDs")
        for did, value in dids.items() if isinstance(dids, dict) else ():
            path = f"servers.{index}.DIDs.{did}"
            if not did.startswith("+"):
                message = "the number is not in E.164 form: it never rings (4)"
                yield Finding(Severity.ERROR, "number-format", message, path)
            if did in places:
                message = f"the number is also in {places[did]}: it rings in only one of them (4)"
                yield Finding(Severity.ERROR, "number-twice", message, path)
            places.setdefault(did, f"servers.{index}")
            if value is None or value is True or value == "":
                yield _fails(path)
            yield from _failovers(f"{path}.failover", object_member(value, "failover"), did)


def _failovers(path: str, failover: Any, did: str) -> Iterator[Finding]:
    if not isinstance(failover, dict):
        return
    if any(failover.get(kind) == "" for kind in ("e164", "sip")):
        message = "the target is empty: when the call fails over, the caller is left hanging (17)"
        yield Finding(Severity.ERROR, "failover", message, path)
    elif did and failover.get("e164") == did:
        yield Finding(Severity.WARNING, "failover", "the number fails over to itself (17)", path)


def _fails(path: str) -> Finding:
    return Finding(Severity.ERROR, "crash", "with this value, calls fail inside trunkstore (35)", path)
