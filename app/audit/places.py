"""The rules that compare servers with each other: what only one of them may have (docs/kazoo/documents.md, 8)."""

import hashlib
from collections.abc import Iterator

from app.audit import Finding, Severity
from app.audit.trunk import is_enabled, method
from app.documents import Document, connectivity, object_member


class Places:
    """Remembers in which document each number, address and user name was first met, of all accounts audited.

    It keeps some hundred bytes for each of them.
    """

    def __init__(self) -> None:
        self._first: dict[bytes, str] = {}

    def findings(self, account_id: str, trunk: Document) -> Iterator[Finding]:
        """What this document has that another server has, too."""
        own = f"{account_id} {trunk['_id']}"
        servers = trunk.get("servers")
        for index, server in enumerate(servers if isinstance(servers, list) else ()):
            if isinstance(server, dict):
                path = f"servers.{index}"
                yield from self._credentials(f"{own} {path}", path, trunk, server)
                yield from self._address(f"{own} {path}", path, server)
        for did in connectivity.dids(trunk):
            if other := self._met("number", did, own):
                message = f"{did} is in {other}, too: only one of them rings"
                yield Finding(Severity.ERROR, "number-twice", message, f"DIDs.{did}")

    def _credentials(self, own: str, path: str, trunk: Document, server: Document) -> Iterator[Finding]:
        user, realm = object_member(server, "auth", "auth_user"), object_member(trunk, "account", "auth_realm")
        if not isinstance(user, str) or not user or not isinstance(realm, str):
            return
        if other := self._met("user", f"{user}@{realm}".lower(), own):
            message = f"{user} in the realm {realm} is the user name of {other}, too"
            yield Finding(Severity.ERROR, "credentials-twice", message, f"{path}.auth.auth_user")

    def _address(self, own: str, path: str, server: Document) -> Iterator[Finding]:
        auth = server.get("auth")
        if not isinstance(auth, dict) or method(auth) != "ip" or not is_enabled(server):
            return
        ip, port = auth.get("ip"), auth.get("port")
        if isinstance(ip, str) and ip and (other := self._at_address(ip, port, own)):
            message = f"{ip} is the address of {other}, too: calls are billed to one of them"
            yield Finding(Severity.ERROR, "ip-twice", message, f"{path}.auth.ip")

    def _at_address(self, ip: str, port: object, own: str) -> str | None:
        """Who has this address. A server without a port has all ports of it."""
        on_any = self._met("ip", ip, own)
        on_all = self._met("ip without port", ip, own) if port is None else self._seen("ip without port", ip, own)
        return on_any if port is None else on_all or self._met("ip and port", f"{ip} {port}", own)

    def _met(self, kind: str, value: str, own: str) -> str | None:
        """Where this was met before; None if it is here for the first time."""
        first = self._first.setdefault(_key(kind, value), own)
        return None if first == own else first

    def _seen(self, kind: str, value: str, own: str) -> str | None:
        """The same, without remembering this place."""
        first = self._first.get(_key(kind, value), own)
        return None if first == own else first


def _key(kind: str, value: str) -> bytes:
    return hashlib.blake2b(f"{kind} {value}".encode("utf-8", "surrogatepass"), digest_size=12).digest()
