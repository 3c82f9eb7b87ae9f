"""The interface of document stores.

Every engine behaves like CouchDB. `tests/store/contract.py` tests this.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from app import deadline
from app.documents import Document
from app.kazoo import json_text

UNSET: Any = object()

# The limit of the embedded store, in bytes of JSON: the largest request body, with room for private members.
LARGEST_DOCUMENT = 8_100_000
# `read_docs` begins with a few documents, and aims at so many bytes of JSON at a time. More than MOST_BYTES are read
# for a single document only.
FEW, MANY, BYTES_AT_A_TIME, MOST_BYTES = 4, 200, 8_000_000, 16_000_000

T = TypeVar("T")
OnFault = Callable[[str, Exception], None]


class StoreError(Exception):
    """The base class of store errors."""


class NotFound(StoreError):
    """The document does not exist, or is deleted."""


class DatabaseMissing(NotFound):
    """The database does not exist."""


class ViewMissing(StoreError):
    """The database exists, but lacks the design document or its view."""


class Conflict(StoreError):
    """The revision to be replaced is not the current one, or the new document already exists."""


class TooLarge(StoreError):
    """The document is too large for the store. Nothing was written."""


class Unavailable(StoreError):
    """The store does not answer, is too slow, or sends an invalid answer. A write may have been done or not."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a view. `doc` is set only with `include_docs`."""

    id: str | None
    key: Any
    value: Any
    doc: Document | None = None

    @property
    def document(self) -> Document:
        """The document of a row read with `include_docs`. Raises LookupError if it is missing."""
        if self.doc is None:
            raise LookupError(self.id)
        return self.doc


class Store(ABC):
    """Databases of documents with revisions. Thread-safe. Every method may raise Unavailable.

    Documents are dicts with `_id`, `_rev` and, if they have attachments, `_attachments` (stubs). Callers may change
    the documents that a method returns. Database names are unencoded (`account/11/fd/…`).
    """

    # Whether this service is the store's only user, and so must create the keys and settings that Kazoo creates.
    is_embedded = False

    @abstractmethod
    def open_doc(self, db: str, doc_id: str) -> Document:
        """The current revision. Raises NotFound, DatabaseMissing.

        If the document has conflicting leaves, they will be merged soon.
        """

    @abstractmethod
    def save_doc(self, db: str, document: Document) -> str:
        """Save a document and return its new revision. The write is durable when this returns.

        `_rev` must be the current revision, or absent for a new document. `_deleted: true` leaves a tombstone.
        Attachments that `_attachments` does not name are deleted. Raises Conflict, DatabaseMissing, TooLarge.
        """

    @abstractmethod
    def save_docs(self, db: str, documents: list[Document]) -> dict[str, str]:
        """Save many documents independently. Returns the new revisions by id. Raises DatabaseMissing.

        Documents that were refused, or may not have been written, are left out. `save_doc` raises the reason.
        """

    @abstractmethod
    def save_with(self, db: str, document: Document, other_db: str, other: Document) -> tuple[str, StoreError | None]:
        """`save_doc`, with a write of another document at the same time.

        Returns the new revision, and the other write's error or None. The other document replaces any with its id.
        Its database is created if it is missing. If `document` is refused, the other one is not kept, and this raises
        Conflict, DatabaseMissing or TooLarge.
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
        """The rows of ``design/view`` in CouchDB's collation order. `startkey` and `endkey` are inclusive.

        With `reduce`, there is a single row with the view's `_count`, or no row if nothing matches. Raises
        ViewMissing, DatabaseMissing.
        """

    @abstractmethod
    def open_attachment(self, db: str, doc_id: str, name: str) -> bytes:
        """The bytes of an attachment. Raises NotFound."""

    @abstractmethod
    def create_db(self, db: str, design_documents: Iterable[Document] = ()) -> None:
        """Create a database with these design documents. An existing database is not changed."""

    @abstractmethod
    def has_db(self, db: str) -> bool:
        """Whether the database exists."""

    @abstractmethod
    def delete_db(self, db: str) -> None:
        """Delete a database and its contents, if it exists."""

    @abstractmethod
    def database_names(self) -> list[str]:
        """The names of all databases, sorted."""

    @abstractmethod
    def load_docs(self, db: str, documents: Iterable[Document]) -> None:
        """Write documents with their own revisions (CouchDB's new_edits=false). Attachments are inline."""

    @abstractmethod
    def all_docs(
        self, db: str, startkey: str, endkey: str, limit: int | None = None, descending: bool = False
    ) -> list[Document]:
        """Live documents with ids from `startkey` to `endkey`, inclusive. With `descending`, in reverse order.

        Ids of ASCII letters, digits, `/` and `-` are sorted by character. Raises DatabaseMissing.
        """

    @abstractmethod
    def doc_ids(self, db: str, after: str = "", before: str | None = None) -> Iterator[str]:
        """The ids of all live documents, sorted, or of those between two ids. Reads in pages. Raises DatabaseMissing.

        With `after` and `before`, ids are sorted as by `all_docs`.
        """

    @abstractmethod
    def iterate_docs(self, db: str, conflicts: bool = False) -> Iterator[Document]:
        """All live documents, sorted by id, with attachments as stubs. Reads in pages. Raises DatabaseMissing.

        With `conflicts`, a document with several live leaves lists the other revisions in `_conflicts`.
        """

    @abstractmethod
    def dump_docs(self, db: str, on_fault: OnFault | None = None) -> Iterator[Document]:
        """All live documents, sorted by id, with attachments inline, as for load_docs. Raises DatabaseMissing.

        Documents that cannot be read are skipped if `on_fault` is given. It is called with the id and the error.
        """

    @abstractmethod
    def engine(self) -> str:
        """The engine's name and version, for people to read. Raises Unavailable if it cannot be reached."""

    def close(self) -> None:
        """Close the connections. The store reopens them when it is used."""

    def open_to_write(self, db: str, doc_id: str) -> Document:
        """Open a document to change it. Conflicting leaves are merged first. Raises as `open_doc`."""
        return self.open_doc(db, doc_id)

    def find_doc(self, db: str, doc_id: str) -> Document | None:
        """The current revision, or None if the document or its database is missing."""
        try:
            return self.open_doc(db, doc_id)
        except NotFound:
            return None

    def find_to_write(self, db: str, doc_id: str) -> Document | None:
        """`open_to_write`, but None if the document or its database is missing."""
        try:
            return self.open_to_write(db, doc_id)
        except NotFound:
            return None

    def find_docs(self, db: str, doc_ids: list[str]) -> dict[str, Document]:
        """The current revisions of the documents that exist, by id. Empty if the database is missing."""
        documents = {doc_id: self.find_doc(db, doc_id) for doc_id in doc_ids}
        return {doc_id: document for doc_id, document in documents.items() if document is not None}

    def find_few_docs(self, db: str, doc_ids: list[str], most_bytes: int) -> dict[str, Document] | None:
        """`find_docs`, or None if the documents have more bytes of JSON. A single document may be larger."""
        return self.find_docs(db, doc_ids)

    def read_docs(self, db: str, doc_ids: Iterable[str]) -> Iterator[Document]:
        """`find_docs` for any number of documents, in this order. Only a few megabytes are in memory at a time."""
        ids, size = list(dict.fromkeys(doc_ids)), FEW
        while ids:
            batch = ids[:size]
            documents = self.find_few_docs(db, batch, MOST_BYTES)
            if documents is None:
                size = len(batch) // 2
                continue
            del ids[:size]
            length = sum(len(json_text.dumps(document)) for document in documents.values())
            size = max(1, min(4 * size, MANY, len(batch) * BYTES_AT_A_TIME // (length or 1)))
            for doc_id in batch:
                if doc_id in documents:
                    yield documents.pop(doc_id)

    def delete_doc(self, db: str, doc_id: str, revision: str) -> str:
        """Replace this revision with a tombstone, and return the tombstone's revision. Raises Conflict."""
        return self.save_doc(db, {"_id": doc_id, "_rev": revision, "_deleted": True})


def in_time(items: Iterable[T], message: str) -> Iterator[T]:
    """The same items. Raises Unavailable with this message after the request's deadline."""
    for item in items:
        if deadline.is_over():
            raise Unavailable(message)
        yield item


def is_document_id(doc_id: str) -> bool:
    """Whether a text can be a document id. CouchDB reserves ids with a leading underscore."""
    return bool(doc_id) and not doc_id.startswith("_")
