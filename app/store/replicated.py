"""The additional interface of stores that replicate their databases to several nodes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from app.documents import Document
from app.store.couchdb.leaves import Leaf


class Replicated(ABC):
    """A store with nodes, and documents with several leaves. Every method may raise Unavailable."""

    # Whether documents with conflicting leaves are repaired soon after a read finds them.
    repairs = True
    # Called with a database and the document that leaves were merged into.
    on_repair: Callable[[str, Document], None] = staticmethod(lambda db, document: None)

    @abstractmethod
    def nodes(self) -> dict[str, bool]:
        """Whether each node, named by host and port, is up for this process. A single server is one node."""

    @abstractmethod
    def coordinator(self, db: str) -> str:
        """The node that coordinates the writes of a database."""

    @abstractmethod
    def documents_with_leaves(self, db: str) -> Iterator[str]:
        """The ids of documents with several leaves, counting deleted leaves. Raises DatabaseMissing."""

    @abstractmethod
    def leaves(self, db: str, doc_id: str) -> list[Leaf]:
        """All leaves of a document, including deleted ones. Empty if it or its database is missing."""

    @abstractmethod
    def repair(self, db: str, doc_id: str) -> None:
        """Merge conflicting leaves (`couchdb/conflicts.py`). Raises Conflict if other writers keep coming first."""
