"""The rules on what Kazoo does with calls. Each cites its facts by number (docs/kazoo/routing.md)."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from app.audit import Finding, Severity
from app.documents import MISSING, Document, connectivity, object_member
from app.routing import Views
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
    if not isinstance(document.get("account"), dict):
        yield _without_account(views)
    for index, server in enumerate(servers):
        yield from _server(f"servers.{index}", server, views)
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


def _without_account(views: Views) -> Finding:
    if views is Views.OURS:
        message = "the account is missing: calls to its servers have no realm (routing, views)"
        return Finding(Severity.WARNING, "realm", message, "account")
    message = "the account is missing: with Kazoo's own views, none of the document's numbers ring (routing, views)"
    return Finding(Severity.ERROR, "realm", message, "account")


def _server(path: str, server: Document, views: Views) -> Iterator[Finding]:
    auth, options = server.get("auth"), server.get("options")
    if not isinstance(auth, dict):
        yield _without_auth(path, server, views)
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
    yield from _credentials(path, auth, options, views)
    if not is_enabled(server):
        message = "the server is disabled: it gets no calls, but it can still register and call out (7, 23, 26)"
        yield Finding(Severity.NOTE, "disabled", message, path)
    if method(auth) == "ip":
        yield from _address(f"{path}.auth.ip", auth.get("ip") or object_member(server, "options", "ip"))


def _without_auth(path: str, server: Document, views: Views) -> Finding:
    if views is Views.OURS:
        severity = Severity.WARNING if server.get("DIDs") else Severity.NOTE
        message = "the server has no auth: its numbers do not ring (5)"
        return Finding(severity, "no-auth", message, f"{path}.auth")
    message = "the server has no auth: with Kazoo's own views, none of the document's numbers ring (routing, views)"
    return Finding(Severity.ERROR, "no-auth", message, f"{path}.auth")


def _credentials(path: str, auth: Document, options: Any, views: Views) -> Iterator[Finding]:
    user = auth.get("auth_user")
    if "auth_user" in auth and not isinstance(user, str):
        yield _fails(f"{path}.auth.auth_user")
    if method(auth) == "password":
        if options is None:
            message = "the server has no options: no user of the document can register (22)"
            yield Finding(Severity.ERROR, "no-options", message, f"{path}.options")
        if not isinstance(user, str):
            message = "the server has no auth_user: no user of the document can register (22)"
            yield Finding(Severity.ERROR, "no-user", message, f"{path}.auth.auth_user")
    elif not isinstance(user, str) and views is not Views.OURS:
        message = "the server has no auth_user: with Kazoo's own views, others lose their options (routing, views)"
        yield Finding(Severity.WARNING, "no-user", message, f"{path}.auth.auth_user")
    if isinstance(user, str) and not user.isascii():
        message = (
            "the user name is not ASCII: it may never register, and its options have no effect, so a server that is"
            " disabled there still gets calls (6, 20)"
        )
        yield Finding(Severity.ERROR, "user-name", message, f"{path}.auth.auth_user")


def _password(path: str, auth: Document) -> Iterator[Finding]:
    password, user = auth.get("auth_password"), auth.get("auth_user")
    if not password:
        yield Finding(Severity.ERROR, "password", "the password is empty: nobody can register with it (24)", path)
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
