"""What a store adds that has its databases on several nodes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from app.documents import Document
from app.store.couchdb.leaves import Leaf


class Replicated(ABC):
    """Nodes, and documents with several leaves. Every method may raise Unavailable."""

    # Called with a database and a document after conflicting leaves were merged into it.
    on_repair: Callable[[str, Document], None] = staticmethod(lambda db, document: None)

    @abstractmethod
    def nodes(self) -> dict[str, bool]:
        """The nodes by host and port, and whether this process finds them up. A single server is one node."""

    @abstractmethod
    def coordinator(self, db: str) -> str:
        """The node that coordinates the writes of a database."""

    @abstractmethod
    def documents_with_leaves(self, db: str) -> Iterator[str]:
        """The ids of documents with more than one leaf, deleted ones included. Raises DatabaseMissing."""

    @abstractmethod
    def leaves(self, db: str, doc_id: str) -> list[Leaf]:
        """All leaves of a document, deleted ones included; none if it or its database is missing."""

    @abstractmethod
    def repair(self, db: str, doc_id: str) -> None:
        """Merge conflicting leaves (`couchdb/conflicts.py`). Raises Conflict if other writers keep coming first."""
