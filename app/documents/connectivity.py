"""The contents of a connectivity document: its realm, its servers and its DIDs."""

from collections.abc import Iterator

from app.documents import Document

TYPE = "sys_info"


def with_realm(document: Document, realm: str | None) -> Document:
    """A copy whose `account.auth_realm` is this realm. Without a realm, the document itself."""
    if not isinstance(realm, str):
        return document
    account = document.get("account")
    account = dict(account) if isinstance(account, dict) else {}
    account["auth_realm"] = realm
    return {**document, "account": account}


def servers(document: Document) -> Iterator[Document]:
    """The servers. Any that are not objects are skipped, because stored documents may violate the schema."""
    stored = document.get("servers")
    return (server for server in stored if isinstance(server, dict)) if isinstance(stored, list) else iter(())


def dids(document: Document) -> list[str]:
    """The DIDs of all servers as the client typed them, in document order, without duplicates."""
    # A dict, because it keeps the order.
    unique: dict[str, None] = {}
    for server in servers(document):
        numbers = server.get("DIDs")
        if isinstance(numbers, dict):
            unique.update(dict.fromkeys(numbers))
    return list(unique)
