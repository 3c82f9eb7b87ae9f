"""The interface of all stores for documents.

Every engine behaves as CouchDB does. `tests/store/contract.py` tests this for each of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.documents import Document

UNSET: Any = object()

# The limit of the embedded store, in bytes of JSON: a body of the largest size, with room for the private members.
LARGEST_DOCUMENT = 8_100_000


OnFault = Callable[[str, Exception], None]


class StoreError(Exception):
    """The base class of all errors of stores."""


class NotFound(StoreError):
    """There is no such document, or it is deleted."""


class DatabaseMissing(NotFound):
    """There is no such database."""


class ViewMissing(StoreError):
    """The database exists, but the design document or the view in it is missing."""


class Conflict(StoreError):
    """The revision to be replaced is not the current one, or the document exists already."""


class TooLarge(StoreError):
    """The document is larger than the store takes. Nothing was written."""


class Unavailable(StoreError):
    """The store does not answer, is too slow, or sends an invalid answer. A write may or may not have happened."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a view. `doc` is there only with `include_docs`."""

    id: str | None
    key: Any
    value: Any
    doc: Document | None = None

    @property
    def document(self) -> Document:
        """The document of a row that was read with `include_docs`. Raises LookupError if it is missing."""
        if self.doc is None:
            raise LookupError(self.id)
        return self.doc


class Store(ABC):
    """Databases of documents with revisions. Every method may raise Unavailable. All are safe with threads.

    Documents are dicts with `_id`, `_rev` and, if they have attachments, `_attachments` (stubs). Callers may change
    the documents that a method returns. Database names are unencoded (`account/11/fd/…`).
    """

    # Whether only this service uses the store, so that it must create the keys and settings that Kazoo creates.
    is_embedded = False

    @abstractmethod
    def open_doc(self, db: str, doc_id: str) -> Document:
        """The current revision. Raises NotFound, DatabaseMissing.

        If the document has conflicting leaves, they are merged soon afterwards.
        """

    @abstractmethod
    def save_doc(self, db: str, document: Document) -> str:
        """Write a document and return its new revision. The write is durable when this returns.

        `_rev` must be the current revision, and must be absent if there is none. `_deleted: true` leaves a tombstone.
        Attachments that are not named in `_attachments` are deleted. Raises Conflict, DatabaseMissing, TooLarge.
        """

    @abstractmethod
    def save_docs(self, db: str, documents: list[Document]) -> dict[str, str]:
        """Write many documents, each by itself. Returns the new revisions by id. Raises DatabaseMissing.

        A document that was refused is left out, and so is one of which nobody knows whether it was written.
        `save_doc` tells why.
        """

    @abstractmethod
    def save_with(self, db: str, document: Document, other_db: str, other: Document) -> tuple[str, StoreError | None]:
        """`save_doc`, and meanwhile write another document. Returns the new revision, and why the other one failed.

        The other one replaces what has its id, in a database that is created if it is missing. It is not written if
        the document is refused with Conflict, DatabaseMissing or TooLarge, which are raised.
        """

    @abstractmethod
    def revisions(self, db: str, doc_id: str) -> list[str]:
        """The revision history of a document, newest first. Raises NotFound."""

    @abstractmethod
    def query_view(
        self,
        db: str,
        view: str,
        *,
        key: Any = UNSET,
        startkey: Any = UNSET,
        endkey: Any = UNSET,
        limit: int | None = None,
        descending: bool = False,
        include_docs: bool = False,
        reduce: bool = False,
    ) -> list[Row]:
        """Rows of ``design/view`` in CouchDB's collation order; `startkey` and `endkey` are inclusive.

        With `reduce`, the answer is one row with the view's `_count`, or no row if nothing matches. Raises
        ViewMissing, DatabaseMissing.
        """

    @abstractmethod
    def open_attachment(self, db: str, doc_id: str, name: str) -> bytes:
        """The bytes of an attachment. Raises NotFound."""

    @abstractmethod
    def create_db(self, db: str, design_documents: Iterable[Document] = ()) -> None:
        """Create a database with these design documents. A database that already exists is not changed."""

    @abstractmethod
    def has_db(self, db: str) -> bool:
        """Whether the database exists."""

    @abstractmethod
    def delete_db(self, db: str) -> None:
        """Delete a database with all that is in it. Nothing happens if there is none."""

    @abstractmethod
    def database_names(self) -> list[str]:
        """The names of all databases, sorted."""

    @abstractmethod
    def load_docs(self, db: str, documents: Iterable[Document]) -> None:
        """Write documents with the revisions that they have (CouchDB's new_edits=false). Attachments are inline."""

    @abstractmethod
    def all_docs(
        self, db: str, startkey: str, endkey: str, limit: int | None = None, descending: bool = False
    ) -> list[Document]:
        """Live documents with ids from `startkey` to `endkey`, both included; with `descending` from the end on.

        Ids of ASCII letters, digits, `/` and `-` are in the order of their characters. Raises DatabaseMissing.
        """

    @abstractmethod
    def iterate_docs(self, db: str, conflicts: bool = False) -> Iterator[Document]:
        """All live documents, sorted by id, with attachments as stubs, read in pages. Raises DatabaseMissing.

        With `conflicts`, a document with several living leaves has their other revisions in `_conflicts`.
        """

    @abstractmethod
    def dump_docs(self, db: str, on_fault: OnFault | None = None) -> Iterator[Document]:
        """All live documents, sorted by id, with attachments inline, as for load_docs. Raises DatabaseMissing.

        With `on_fault`, documents that cannot be read are left out, and it is called with the id and the error.
        """

    @abstractmethod
    def engine(self) -> str:
        """The engine's name and version, to be shown to people. Raises Unavailable if it cannot be reached."""

    def close(self) -> None:
        """Close the connections. The store opens them again when it is used."""

    def open_to_write(self, db: str, doc_id: str) -> Document:
        """The revision that a write builds upon: conflicting leaves are merged first. Raises as `open_doc`."""
        return self.open_doc(db, doc_id)

    def find_doc(self, db: str, doc_id: str) -> Document | None:
        """The current revision; None if the document or its database is missing."""
        try:
            return self.open_doc(db, doc_id)
        except NotFound:
            return None

    def find_to_write(self, db: str, doc_id: str) -> Document | None:
        """The same, as `open_to_write` has it."""
        try:
            return self.open_to_write(db, doc_id)
        except NotFound:
            return None

    def find_docs(self, db: str, doc_ids: list[str]) -> dict[str, Document]:
        """The current revisions of the documents that exist, by id. Empty if the database is missing."""
        found = {doc_id: self.find_doc(db, doc_id) for doc_id in doc_ids}
        return {doc_id: document for doc_id, document in found.items() if document is not None}

    def delete_doc(self, db: str, doc_id: str, revision: str) -> str:
        """Replace this revision with a tombstone, and return the tombstone's revision. Raises Conflict."""
        return self.save_doc(db, {"_id": doc_id, "_rev": revision, "_deleted": True})


def is_document_id(doc_id: str) -> bool:
    """Whether a text can be the id of an ordinary document. CouchDB reserves ids with a leading underscore."""
    return bool(doc_id) and not doc_id.startswith("_")
