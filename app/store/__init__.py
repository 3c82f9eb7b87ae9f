"""Where documents live: the interface of every engine, and what each of them promises.

The promises are CouchDB's. `tests/store/contract.py` holds every engine to them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.documents import Document

UNSET: Any = object()


class StoreError(Exception):
    """Anything a store can answer instead of what was asked."""


class NotFound(StoreError):
    """No such document (or it is deleted)."""


class DatabaseMissing(NotFound):
    """No such database."""


class ViewMissing(StoreError):
    """The database is there, the design document or the view in it is not."""


class Conflict(StoreError):
    """The revision written upon is not the current one, or the document exists already."""


class Unavailable(StoreError):
    """The store does not answer, not in time, or not in its own language. Nothing is known of a write."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a view. `doc` only with include_docs."""

    id: str | None
    key: Any
    value: Any
    doc: Document | None = None

    @property
    def document(self) -> Document:
        """The document of a row that was asked for with it. Raises LookupError where it is gone."""
        if self.doc is None:
            raise LookupError(self.id)
        return self.doc


class Store(ABC):
    """Databases of revisioned documents. Every method may raise Unavailable; all are safe with threads.

    Documents are dicts with `_id`, `_rev` and, where they have attachments, `_attachments` (stubs). What a
    method returns belongs to the caller. Database names are unencoded (`account/11/fd/…`).
    """

    # Whether this service alone uses the store, so that it makes the keys and settings that Kazoo would make.
    is_embedded = False

    @abstractmethod
    def open_doc(self, db: str, doc_id: str) -> Document:
        """The current revision. Raises NotFound, DatabaseMissing."""

    @abstractmethod
    def save_doc(self, db: str, document: Document) -> str:
        """Write a document, durably before this returns, and return its new revision.

        `_rev` must be the current revision, and must be absent where there is none. `_deleted: true` leaves
        a tombstone. Attachments that are not named in `_attachments` are dropped. Raises Conflict,
        DatabaseMissing.
        """

    @abstractmethod
    def revisions(self, db: str, doc_id: str) -> list[str]:
        """The chain of revisions of a document, newest first. Raises NotFound."""

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

        With `reduce` the view's `_count`: one row, or none where nothing matches. Raises ViewMissing,
        DatabaseMissing.
        """

    @abstractmethod
    def open_attachment(self, db: str, doc_id: str, name: str) -> bytes:
        """The bytes of an attachment. Raises NotFound."""

    @abstractmethod
    def create_db(self, db: str, design_documents: Iterable[Document] = ()) -> None:
        """Create a database with these design documents. One that exists keeps what it has."""

    @abstractmethod
    def has_db(self, db: str) -> bool:
        """Whether the database exists."""

    @abstractmethod
    def database_names(self) -> list[str]:
        """All databases, sorted."""

    @abstractmethod
    def load_docs(self, db: str, documents: Iterable[Document]) -> None:
        """Put documents in as they are, `_rev` kept and attachments inline (CouchDB's new_edits=false)."""

    @abstractmethod
    def iterate_docs(self, db: str) -> Iterator[Document]:
        """All live documents, by id, with stubs of their attachments, read in pieces. Raises DatabaseMissing."""

    @abstractmethod
    def dump_docs(self, db: str) -> Iterator[Document]:
        """All live documents, by id, attachments inline: what load_docs takes. Raises DatabaseMissing."""

    @abstractmethod
    def engine(self) -> str:
        """The engine's name and version, for people. Raises Unavailable where it is out of reach."""

    def close(self) -> None:
        """Let go of connections. The store opens them again when used."""

    def find_doc(self, db: str, doc_id: str) -> Document | None:
        """The current revision, or None where the document or its database is missing."""
        try:
            return self.open_doc(db, doc_id)
        except NotFound:
            return None

    def find_docs(self, db: str, doc_ids: list[str]) -> dict[str, Document]:
        """The current revisions of those that are there, by id; none where the database is missing."""
        found = {doc_id: self.find_doc(db, doc_id) for doc_id in doc_ids}
        return {doc_id: document for doc_id, document in found.items() if document is not None}

    def delete_doc(self, db: str, doc_id: str, revision: str) -> str:
        """Leave a tombstone in place of this revision; returns the tombstone's. Raises Conflict."""
        return self.save_doc(db, {"_id": doc_id, "_rev": revision, "_deleted": True})


def is_document_id(doc_id: str) -> bool:
    """Whether a text can name an ordinary document: CouchDB reserves the leading underscore."""
    return bool(doc_id) and not doc_id.startswith("_")
