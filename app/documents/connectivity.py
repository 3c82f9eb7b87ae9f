"""The contents of a connectivity document: its realm, its servers, its DIDs, and what would prevent calls."""

from collections.abc import Iterator

from app.documents import Document, object_member

TYPE = "sys_info"


def with_realm(document: Document, realm: str | None) -> Document:
    """A copy whose `account.auth_realm` is this realm. If the realm is not a text, the document itself."""
    if not isinstance(realm, str):
        return document
    account = document.get("account")
    account = dict(account) if isinstance(account, dict) else {}
    account["auth_realm"] = realm
    return {**document, "account": account}


def servers(document: Document) -> Iterator[Document]:
    """The servers that are objects. Others are left out, because a stored document may not satisfy the schema."""
    stored = document.get("servers")
    return (server for server in stored if isinstance(server, dict)) if isinstance(stored, list) else iter(())


def dids(document: Document) -> list[str]:
    """The DIDs of all servers as the client typed them, each once, in document order."""
    found: dict[str, None] = {}
    for server in servers(document):
        numbers = server.get("DIDs")
        if isinstance(numbers, dict):
            found.update(dict.fromkeys(numbers))
    return list(found)


def routing_warnings(document: Document) -> list[str]:
    """Warnings about parts of the document that Kazoo's own views, call routing or billing treat differently.

    Spec: docs/kazoo/documents.md, sections 7.3, 8, 10.
    """
    warnings = []
    for index, server in enumerate(servers(document)):
        auth = server.get("auth")
        if isinstance(auth, dict) and str(auth.get("auth_method", "")).lower() == "password":
            if not isinstance(server.get("options"), dict):
                warnings.append(f"servers.{index} has no options: none of the servers can register")
            if not isinstance(auth.get("auth_user"), str):
                warnings.append(f"servers.{index} has no auth_user: none of the servers can register")
    for did in dids(document):
        if not did.startswith("+"):
            warnings.append(f"DID {did!r} is not in E.164 form: it never rings")
    for path in (("billing",), ("service", "plans")):
        if object_member(document, *path) is not None:
            warnings.append(f"{'.'.join(path)} is billed by Kazoo, and not here")
    return warnings
