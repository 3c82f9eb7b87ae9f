"""Public and private members of documents, and the private members that each save sets.

Spec: docs/kazoo/documents.md, sections 2.2, 2.4.
"""

from dataclasses import dataclass

from app.documents import Document, is_empty, is_true, object_member
from app.documents.clock import gregorian_now
from app.documents.names import account_db, alphanumeric, encoded

# The members that `stamp` sets.
STAMPS = frozenset(
    {
        "pvt_vsn",
        "pvt_account_id",
        "pvt_account_db",
        "pvt_created",
        "pvt_modified",
        "pvt_request_id",
        "pvt_is_authenticated",
        "pvt_auth_user_id",
        "pvt_auth_account_id",
        "pvt_original_auth_account_id",
        "pvt_original_auth_owner_id",
        "pvt_alphanum_name",
    }
)
_ID_PATHS = (("_id",), ("id",), ("ID",), ("value", "id"), ("doc", "_id"))


@dataclass(frozen=True)
class Author:
    """The caller who saves a document. Members that are None are not written: stored values stay."""

    request_id: str
    is_authenticated: bool
    account_id: str | None = None
    user_id: str | None = None
    original_account_id: str | None = None
    original_owner_id: str | None = None


def is_private(name: str) -> bool:
    """Whether a top-level member belongs to Kazoo rather than to the client."""
    return name.startswith(("_", "pvt_"))


def public(document: Document) -> Document:
    """The members that a client may see and send, in the document's order."""
    return {name: value for name, value in document.items() if not is_private(name)}


def private(document: Document) -> Document:
    """The members that no client may set, in the document's order."""
    return {name: value for name, value in document.items() if is_private(name)}


def without_revision(document: Document) -> Document:
    """The document without `_rev`, for a copy in another database, which has its own revisions."""
    return {name: value for name, value in document.items() if name != "_rev"}


def given_id(data: Document) -> object:
    """The id that a client sent, of any JSON type; None if it is missing or empty.

    Spec: docs/kazoo/http.md, section 8.1.
    """
    for path in _ID_PATHS:
        value = object_member(data, *path)
        if value is not None:
            return None if is_empty(value) else value
    return None


def answer_data(document: Document) -> Document:
    """A document as clients see it: public members, then `id`, then `_read_only` if the document has it.

    Spec: docs/kazoo/documents.md, section 4.1.
    """
    data = public(document)
    data.pop("id", None)
    data["id"] = document["_id"]
    if "_read_only" in document:
        data["_read_only"] = document["_read_only"]
    return data


def has_type(document: Document, pvt_type: str) -> bool:
    """Whether a document has this `pvt_type`, or none (docs/kazoo/documents.md, section 3.5)."""
    return is_empty(document.get("pvt_type")) or document["pvt_type"] == pvt_type


def is_deleted(document: Document) -> bool:
    """Whether a document is soft-deleted, as after Kazoo's DELETE."""
    return is_true(document.get("pvt_deleted"))


def stamp(document: Document, account_id: str, author: Author) -> Document:
    """A copy of the document with its private members set for a save.

    `pvt_created` is set only if the document has no `_rev`. A public member `rev` does not count.
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
