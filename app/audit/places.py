"""The rules that compare servers: what must be unique among them (docs/kazoo/documents.md, section 8)."""

import hashlib
from collections.abc import Iterator

from app.audit import Finding, Severity
from app.audit.calls import is_enabled, method
from app.documents import Document, connectivity, object_member


class Places:
    """Remembers the place where each number, address and user name was first seen, across all audited accounts.

    It keeps about a hundred bytes for each of them.
    """

    def __init__(self) -> None:
        self._first_places: dict[bytes, str] = {}

    def findings(self, account_id: str, trunk: Document) -> Iterator[Finding]:
        """What this document shares with another server."""
        document = f"{account_id} {trunk['_id']}"
        for index, server in enumerate(connectivity.servers_by_index(trunk)):
            path = f"servers.{index}"
            yield from self._credentials(f"{document} {path}", path, trunk, server)
            yield from self._address(f"{document} {path}", path, server)
        for did in connectivity.dids(trunk):
            if other := self._other_place("number", did, document):
                message = f"{did} is also in {other}: it rings in only one of them"
                yield Finding(Severity.ERROR, "number-twice", message, f"DIDs.{did}")

    def _credentials(self, place: str, path: str, trunk: Document, server: Document) -> Iterator[Finding]:
        user, realm = object_member(server, "auth", "auth_user"), object_member(trunk, "account", "auth_realm")
        if not isinstance(user, str) or not user or not isinstance(realm, str):
            return
        if other := self._other_place("user", f"{user}@{realm}".lower(), place):
            message = f"{user} in the realm {realm} is also the user name of {other}"
            yield Finding(Severity.ERROR, "credentials-twice", message, f"{path}.auth.auth_user")

    def _address(self, place: str, path: str, server: Document) -> Iterator[Finding]:
        auth = server.get("auth")
        if not isinstance(auth, dict) or method(auth) != "ip" or not is_enabled(server):
            return
        ip, port = auth.get("ip"), auth.get("port")
        if isinstance(ip, str) and ip and (other := self._other_at(ip, port, place)):
            message = f"{ip} is also the address of {other}: all calls are billed to one of them"
            yield Finding(Severity.ERROR, "ip-twice", message, f"{path}.auth.ip")

    def _other_at(self, ip: str, port: object, place: str) -> str | None:
        """The other place with this address. A server without a port uses all ports of its address."""
        on_any_port = self._other_place("ip", ip, place)
        if port is None:
            self._other_place("ip without port", ip, place)
            return on_any_port
        on_all_ports = self._first_places.get(_key("ip without port", ip), place)
        return on_all_ports if on_all_ports != place else self._other_place("ip and port", f"{ip} {port}", place)

    def _other_place(self, kind: str, value: str, place: str) -> str | None:
        """The place where this was first seen. If that is this place, or nowhere yet, None."""
        first = self._first_places.setdefault(_key(kind, value), place)
        return None if first == place else first


def _key(kind: str, value: str) -> bytes:
    return hashlib.blake2b(f"{kind} {value}".encode("utf-8", "surrogatepass"), digest_size=12).digest()
