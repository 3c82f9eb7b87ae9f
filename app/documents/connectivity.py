"""The contents of a connectivity document: its realm, its servers and its DIDs."""

from collections.abc import Iterator

from app.documents import Document, fields, object_member

SCHEMA = "connectivity"
TYPE = "sys_info"


def is_trunk(document: Document) -> bool:
    """Whether a document is a trunk, or has no type but looks like one."""
    pvt_type = document.get("pvt_type")
    if pvt_type is None:
        return isinstance(document.get("servers"), list)
    return bool(pvt_type == TYPE)


def with_realm(document: Document, realm: str | None) -> Document:
    """A copy whose `account.auth_realm` is this realm. Without a realm, the document itself."""
    if not isinstance(realm, str):
        return document
    account = document.get("account")
    account = dict(account) if isinstance(account, dict) else {}
    account["auth_realm"] = realm
    return {**document, "account": account}


def put_back(trunk_id: str, public: Document, stored: Document | None) -> Document:
    """The document with these members of an earlier version, and the private ones of the stored trunk, if any."""
    kept = fields.private(stored) if stored else {"_id": trunk_id, "pvt_type": TYPE}
    return {**public, **{name: value for name, value in kept.items() if name != "pvt_deleted"}}


def servers(document: Document) -> Iterator[Document]:
    """The servers. Any that are not objects are skipped, because stored documents may violate the schema."""
    stored = document.get("servers")
    return (server for server in stored if isinstance(server, dict)) if isinstance(stored, list) else iter(())


def servers_by_index(document: Document) -> list[Document]:
    """The servers. One that is not an object is replaced with an empty one, so that indexes stay right."""
    stored = document.get("servers")
    return [server if isinstance(server, dict) else {} for server in stored] if isinstance(stored, list) else []


def longest_keys(document: Document) -> Iterator[tuple[str, int]]:
    """The path and the bytes of the texts that Kazoo's views use as keys: of numbers only the longest of a server."""
    for index, server in enumerate(servers_by_index(document)):
        user, numbers = object_member(server, "auth", "auth_user"), server.get("DIDs")
        if isinstance(user, str):
            yield f"servers.{index}.auth.auth_user", _bytes(user)
        if isinstance(numbers, dict):
            yield f"servers.{index}.DIDs", max(map(_bytes, numbers), default=0)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def dids(document: Document) -> list[str]:
    """The DIDs of all servers as the client typed them, in document order, without duplicates."""
    # A dict, because it keeps the order.
    unique: dict[str, None] = {}
    for server in servers(document):
        numbers = server.get("DIDs")
        if isinstance(numbers, dict):
            unique.update(dict.fromkeys(numbers))
    return list(unique)
