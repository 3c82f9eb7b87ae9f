"""Public and private members, and the private ones that every save refreshes.

Spec: docs/kazoo/documents.md, sections 2.2, 2.4.
"""

from dataclasses import dataclass

from app.documents import Document, is_empty, is_true, object_member
from app.documents.clock import gregorian_now
from app.documents.names import account_db, alphanumeric, encoded

_ID_PATHS = (("_id",), ("id",), ("ID",), ("value", "id"), ("doc", "_id"))


@dataclass(frozen=True)
class Author:
    """Who saves a document. Members that are None are not written, and do not clear what is there."""

    request_id: str
    is_authenticated: bool
    account_id: str | None = None
    user_id: str | None = None
    original_account_id: str | None = None
    original_owner_id: str | None = None


def is_private(name: str) -> bool:
    """Top-level members that belong to Kazoo, not to the client."""
    return name.startswith(("_", "pvt_"))


def public(document: Document) -> Document:
    """The members a client may see and send, in their order."""
    return {name: value for name, value in document.items() if not is_private(name)}


def private(document: Document) -> Document:
    """The members no client may set, in their order."""
    return {name: value for name, value in document.items() if is_private(name)}


def without_revision(document: Document) -> Document:
    """The document as it can be written to another database, which has revisions of its own."""
    return {name: value for name, value in document.items() if name != "_rev"}


def given_id(data: Document) -> object:
    """The id a client gave, of any JSON type; None where it gave none that counts.

    Spec: docs/kazoo/http.md, section 8.1.
    """
    for path in _ID_PATHS:
        value = object_member(data, *path)
        if value is not None:
            return None if is_empty(value) else value
    return None


def answer_data(document: Document) -> Document:
    """A document as clients see it: public members, `_read_only` where stored, `id` last.

    Spec: docs/kazoo/documents.md, section 4.1.
    """
    data = public(document)
    data.pop("id", None)
    data["id"] = document["_id"]
    if "_read_only" in document:
        data["_read_only"] = document["_read_only"]
    return data


def is_deleted(document: Document) -> bool:
    """Soft-deleted, as Kazoo's DELETE leaves a document."""
    return is_true(document.get("pvt_deleted"))


def stamp(document: Document, account_id: str, author: Author) -> Document:
    """The document with its private members refreshed for a save; the argument is not touched.

    `pvt_created` is written only to a document without a revision; a public member `rev` is no revision.
    """
    now = gregorian_now()
    stamped = dict(document)
    stamped.setdefault("pvt_vsn", "1")
    stamped.setdefault("pvt_account_id", account_id)
    stamped.setdefault("pvt_account_db", encoded(account_db(account_id)))
    if "_rev" not in document:
        stamped["pvt_created"] = now
    stamped["pvt_modified"] = now
    stamped["pvt_request_id"] = author.request_id
    stamped["pvt_is_authenticated"] = author.is_authenticated
    for name, value in (
        ("pvt_auth_user_id", author.user_id),
        ("pvt_auth_account_id", author.account_id),
        ("pvt_original_auth_account_id", author.original_account_id),
        ("pvt_original_auth_owner_id", author.original_owner_id),
    ):
        if value is not None:
            stamped[name] = value
    if isinstance(stamped.get("name"), str):
        stamped["pvt_alphanum_name"] = alphanumeric(stamped["name"])
    stamped.pop("id", None)
    return stamped
