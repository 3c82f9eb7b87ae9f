"""The rows of the views that Kazoo's routing reads: of this project's views, or of Kazoo's own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.documents import Document
from app.documents.connectivity import TYPE
from app.routing import System, Views
from app.routing.values import equals_false, folded, is_truthy, term_key


@dataclass(frozen=True)
class Row:
    """A row of a view: of a server, in a document. `path` is the server's."""

    document: Document
    path: str
    server: Document

    @property
    def document_id(self) -> str:
        document_id: str = self.document["_id"]
        return document_id


class _Thrown(Exception):
    """The map function fails: all rows of the document are lost."""


def of_number(system: System, number: str) -> Row | None:
    """The first row of `lookup_did` for a number (4, 5), or None."""
    return _first(
        _documents(system),
        lambda document: _number_rows(system, document, number),
        lambda row: _number_value(row, number),
    )


def of_user(system: System, user: Any, realm: Any) -> Row | None:
    """The first row of `lookup_user_flags` for a user and a realm, in any letter case (6)."""
    if not isinstance(user, str) or not isinstance(realm, str):
        return None
    key = (folded(realm), folded(user))
    return _first(
        _documents(system, with_deleted=system.views is Views.KAZOOS),
        lambda document: [row for row in _user_rows(system, document) if _user_key(row) == key],
        _user_value,
    )


def of_registration(system: System, user: str) -> Row | None:
    """The first row of the registrar's view for a user (20 to 23)."""
    key = folded(user)
    return _first(
        _documents(system),
        lambda document: [
            row for row in _registration_rows(document) if row.server["auth"]["auth_user"].lower() == key
        ],
        _registration_value,
    )


def _documents(system: System, with_deleted: bool = False) -> list[Document]:
    """The trunks in the order of their ids."""
    trunks = (document for document in system.documents if document.get("pvt_type") == TYPE)
    live = (one for one in trunks if with_deleted or not is_truthy(one.get("pvt_deleted")))
    return sorted(live, key=lambda document: str(document["_id"]))


def _first(
    documents: list[Document], rows_of: Callable[[Document], Iterable[Row]], value_of: Callable[[Row], Document]
) -> Row | None:
    """The row of the first document that has any; of several the one whose value is lowest as an Erlang term (4)."""
    for document in documents:
        try:
            rows = list(rows_of(document))
        except _Thrown:
            continue
        if rows:
            return min(rows, key=lambda row: term_key(value_of(row)))
    return None


def _servers(document: Document) -> Iterator[tuple[str, Any]]:
    """The servers with their paths, whether they are in an array or in an object."""
    servers = document.get("servers")
    items = servers.items() if isinstance(servers, dict) else enumerate(servers) if isinstance(servers, list) else ()
    return ((f"servers.{name}", server) for name, server in items)


def _number_rows(system: System, document: Document, number: str) -> Iterator[Row]:
    is_ours = system.views is not Views.KAZOOS
    if is_ours and not isinstance(document.get("servers"), list):
        return
    if not is_ours and not isinstance(document.get("account"), dict):
        raise _Thrown
    for path, server in _servers(document):
        auth = server.get("auth") if isinstance(server, dict) else None
        if not isinstance(auth, (dict, list)):
            if is_ours:
                continue
            raise _Thrown
        enabled, numbers = server.get("enabled", True), server.get("DIDs")
        if not equals_false(enabled) and isinstance(numbers, dict) and number in numbers:
            yield Row(document, path, server)


def _number_value(row: Row, number: str) -> Document:
    server, document = row.server, row.document
    account = document.get("account")
    auth = server["auth"]
    if isinstance(auth, dict):
        auth = {name: value for name, value in auth.items() if name != "auth_realm"}
        if isinstance(account, dict) and "auth_realm" in account:
            auth = {**server["auth"], "auth_realm": account["auth_realm"]}
    value = {
        "callerid_server": _or(server.get("callerid"), ""),
        "callerid_account": _or(document.get("callerid"), ""),
        "e911_callerid_server": _or(server.get("e911_callerid"), ""),
        "e911_callerid_account": _or(document.get("e911_callerid"), ""),
        "auth": auth,
        "DID_Opts": server["DIDs"][number],
        "inbound_format": _or(server.get("inbound_format"), "npan"),
    }
    if "options" in server:
        value["server"] = server["options"]
    if "account" in document:
        value["account"] = document["account"]
    return value


def _or(value: Any, other: str) -> Any:
    """JavaScript's `value || other`."""
    return value if is_truthy(value) else other


def _user_rows(system: System, document: Document) -> Iterator[Row]:
    account = document.get("account")
    realm = account.get("auth_realm") if isinstance(account, dict) else None
    is_ours = system.views is not Views.KAZOOS
    if is_ours and (not isinstance(realm, str) or not isinstance(document.get("servers"), list)):
        return
    for path, server in _servers(document):
        auth = server.get("auth") if isinstance(server, dict) else None
        if is_ours and not isinstance(auth, dict):
            continue
        if not is_ours and not is_truthy(auth):
            continue
        user = auth.get("auth_user") if isinstance(auth, dict) else None
        if not isinstance(user, str) or not isinstance(realm, str):
            if is_ours:
                continue
            raise _Thrown
        yield Row(document, path, server)


def _user_key(row: Row) -> tuple[str, str]:
    return row.document["account"]["auth_realm"].lower(), row.server["auth"]["auth_user"].lower()


def _user_value(row: Row) -> Document:
    auth = {**row.server["auth"], "auth_realm": row.document["account"]["auth_realm"]}
    value = {"server": {**row.server, "auth": auth}, "account": row.document["account"]}
    if "call_restriction" in row.document:
        value["call_restriction"] = row.document["call_restriction"]
    return value


def _registration_rows(document: Document) -> Iterator[Row]:
    for path, server in _servers(document):
        if server is None:
            raise _Thrown
        if not isinstance(server, dict):
            continue
        auth = server.get("auth")
        auth = auth if isinstance(auth, dict) else {}
        auth_method = auth.get("auth_method")
        if not is_truthy(auth_method):
            continue
        if not isinstance(auth_method, str):
            raise _Thrown
        if auth_method.lower() != "password":
            continue
        if not isinstance(auth.get("auth_user"), str) or server.get("options") is None:
            raise _Thrown
        yield Row(document, path, server)


def _registration_value(row: Row) -> Document:
    auth, options = row.server["auth"], row.server["options"]
    stored = options.get("inbound_format") if isinstance(options, dict) else None
    password = {"password": auth["auth_password"]} if "auth_password" in auth else {}
    return {
        **password,
        "username": auth["auth_user"],
        "method": auth["auth_method"],
        "invite_format": _or(stored, "e164"),
        "authorizing_id": row.document_id,
        "authorizing_type": TYPE,
    }
