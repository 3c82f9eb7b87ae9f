"""The rows of the views that Kazoo's routing reads: of this project's views, or of Kazoo's own."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.documents import Document
from app.documents.connectivity import TYPE
from app.numbers.normalise import normalise
from app.routing import System, Views
from app.routing.values import as_object, equals_false, folded, is_truthy, term_key

# Numbers that differ in these are not the same, however they are written.
_LAST_DIGITS = 7


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


@dataclass(frozen=True)
class Loss:
    """Why a server has no row, or, if `is_whole`, why no server of its document has any. `path` is what decided."""

    path: str
    why: str
    is_whole: bool = False


def of_number(system: System, number: str) -> Row | None:
    """The first row of `lookup_did` for a number (4, 5), or None."""

    def with_number(document: Document) -> Iterator[Row | Loss]:
        each = number_rows(document, system.views)
        return (row for row in each if isinstance(row, Loss) or number in as_object(row.server.get("DIDs")))

    return _first(_documents(system), with_number, lambda row: _number_value(row, number))


def of_user(system: System, user: Any, realm: Any) -> Row | None:
    """The first row of `lookup_user_flags` for a user and a realm, in any letter case (6)."""
    if not isinstance(user, str) or not isinstance(realm, str):
        return None
    key = (folded(realm), folded(user))

    def with_user(document: Document) -> Iterator[Row | Loss]:
        each = user_rows(document, system.views)
        return (row for row in each if isinstance(row, Loss) or _user_key(row) == key)

    return _first(_documents(system, with_deleted=system.views is Views.KAZOOS), with_user, _user_value)


def of_registration(system: System, user: str) -> Row | None:
    """The first row of the registrar's view for a user (20 to 23)."""
    key = folded(user)

    def with_user(document: Document) -> Iterator[Row | Loss]:
        each = registration_rows(document)
        return (row for row in each if isinstance(row, Loss) or row.server["auth"]["auth_user"].lower() == key)

    return _first(_documents(system), with_user, _registration_value)


def losses_of_number(system: System, number: str) -> Iterator[tuple[Document, Loss]]:
    """Why a number that is in servers of the account has no row, if that is so."""
    for document in _trunks(system):
        for path, server in _servers(document):
            for did in as_object(as_object(server).get("DIDs")):
                if did == number:
                    yield from _losses_of(document, path, number_rows(document, system.views))
                elif did[-_LAST_DIGITS:] == number[-_LAST_DIGITS:] and normalise(did, system.converters) == number:
                    yield document, Loss(f"{path}.DIDs.{did}", "the number is not in E.164 form (4)")


def losses_of_registration(system: System, user: str) -> Iterator[tuple[Document, Loss]]:
    """Why a user that is in servers of the account may not register, if that is so."""
    for document in _trunks(system):
        for path, server in _servers(document):
            stored = as_object(as_object(server).get("auth")).get("auth_user")
            if isinstance(stored, str) and stored.lower() == user.lower():
                if not stored.isascii():
                    yield document, Loss(f"{path}.auth.auth_user", "the user name is not ASCII (20)")
                yield from _losses_of(document, path, registration_rows(document))


def _losses_of(document: Document, server_path: str, each: Iterable[Row | Loss]) -> Iterator[tuple[Document, Loss]]:
    """The losses of one server, those of its whole document among them."""
    if is_truthy(document.get("pvt_deleted")):
        yield document, Loss("pvt_deleted", "the trunk is deleted")
    for loss in each:
        if isinstance(loss, Loss) and (loss.is_whole or f"{loss.path}.".startswith(f"{server_path}.")):
            yield document, loss


def _trunks(system: System) -> list[Document]:
    """The trunks in the order of their ids, deleted ones too."""
    trunks = (document for document in system.documents if document.get("pvt_type") == TYPE)
    return sorted(trunks, key=lambda document: str(document["_id"]))


def _documents(system: System, with_deleted: bool = False) -> list[Document]:
    """The trunks that views have rows of, in the order of their ids."""
    return [one for one in _trunks(system) if with_deleted or not is_truthy(one.get("pvt_deleted"))]


def _first(
    documents: list[Document],
    rows_of: Callable[[Document], Iterable[Row | Loss]],
    value_of: Callable[[Row], Document],
) -> Row | None:
    """The row of the first document that has any; of several the one whose value is lowest as an Erlang term (4)."""
    for document in documents:
        if rows := kept(rows_of(document)):
            return min(rows, key=lambda row: term_key(value_of(row)))
    return None


def kept(each: Iterable[Row | Loss]) -> list[Row]:
    """The rows of a document, none if it loses them all."""
    found = list(each)
    is_lost = any(isinstance(one, Loss) and one.is_whole for one in found)
    return [] if is_lost else [one for one in found if isinstance(one, Row)]


def server_at(path: str) -> tuple[str | int, str | int]:
    """The path of the server that a member is in, for `documents.value_at`."""
    servers, index, *_ = path.split(".")
    return servers, int(index) if index.isdigit() else index


def _servers(document: Document) -> Iterator[tuple[str, Any]]:
    """The servers with their paths, whether they are in an array or in an object."""
    servers = document.get("servers")
    items = servers.items() if isinstance(servers, dict) else enumerate(servers) if isinstance(servers, list) else ()
    return ((f"servers.{name}", server) for name, server in items)


def number_rows(document: Document, views: Views) -> Iterator[Row | Loss]:
    """The servers whose numbers ring (`lookup_did`), and why others are missing (5)."""
    is_kazoos = views is Views.KAZOOS
    if not is_kazoos and not isinstance(document.get("servers"), list):
        yield Loss("servers", "the servers are not an array", is_whole=True)
        return
    if is_kazoos and not isinstance(document.get("account"), dict):
        yield Loss("account", "the account is missing", is_whole=True)
    for path, server in _servers(document):
        if not isinstance(as_object(server).get("auth"), (dict, list)):
            yield Loss(f"{path}.auth", "the server has no auth", is_whole=is_kazoos)
        elif equals_false(server.get("enabled", True)):
            yield Loss(f"{path}.enabled", "the server is off")
        else:
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


def user_rows(document: Document, views: Views) -> Iterator[Row | Loss]:
    """The servers whose options apply (`lookup_user_flags`), and why others are missing (6)."""
    is_kazoos = views is Views.KAZOOS
    realm = as_object(document.get("account")).get("auth_realm")
    if not is_kazoos and (not isinstance(realm, str) or not isinstance(document.get("servers"), list)):
        return
    for path, server in _servers(document):
        auth = server.get("auth") if isinstance(server, dict) else None
        if not (is_truthy(auth) if is_kazoos else isinstance(auth, dict)):
            continue
        if not isinstance(as_object(auth).get("auth_user"), str):
            yield Loss(f"{path}.auth.auth_user", "the server has no auth_user", is_whole=is_kazoos)
        elif not isinstance(realm, str):
            yield Loss("account.auth_realm", "the realm is missing", is_whole=True)
        else:
            yield Row(document, path, server)


def _user_key(row: Row) -> tuple[str, str]:
    return row.document["account"]["auth_realm"].lower(), row.server["auth"]["auth_user"].lower()


def _user_value(row: Row) -> Document:
    auth = {**row.server["auth"], "auth_realm": row.document["account"]["auth_realm"]}
    value = {"server": {**row.server, "auth": auth}, "account": row.document["account"]}
    if "call_restriction" in row.document:
        value["call_restriction"] = row.document["call_restriction"]
    return value


def registration_rows(document: Document) -> Iterator[Row | Loss]:
    """The servers that may register (the registrar's view), and why others may not (21, 22)."""
    for path, server in _servers(document):
        if server is None:
            yield Loss(path, "the server is null", is_whole=True)
        if not isinstance(server, dict):
            continue
        auth = as_object(server.get("auth"))
        auth_method = auth.get("auth_method")
        if is_truthy(auth_method) and not isinstance(auth_method, str):
            yield Loss(f"{path}.auth.auth_method", "the auth_method is no text", is_whole=True)
        elif not isinstance(auth_method, str) or auth_method.lower() != "password":
            yield Loss(f"{path}.auth.auth_method", "the server does not log in with a password")
        elif not isinstance(auth.get("auth_user"), str):
            yield Loss(f"{path}.auth.auth_user", "the server has no auth_user", is_whole=True)
        elif server.get("options") is None:
            yield Loss(f"{path}.options", "the server has no options", is_whole=True)
        else:
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
