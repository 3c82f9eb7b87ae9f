"""The leaves of a document's tree of revisions. A document without conflicts has one.

A cluster may answer a write with 409 although some copies have kept it. Replication makes a leaf of that later.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from app.documents import Document
from app.store.couchdb.branches import same

# What CouchDB adds to a document, apart from what was saved.
_ADDED = ("_id", "_rev", "_revisions", "_attachments", "_conflicts")


@dataclass(frozen=True)
class Leaf:
    """A leaf with its body. `history` has its revisions, newest first."""

    document: Document
    history: tuple[str, ...]

    @classmethod
    def from_answer(cls, answer: Document) -> "Leaf":
        """The leaf that CouchDB gives with `revs=true`."""
        document = dict(answer)
        return cls(document, tuple(history_of(document.pop("_revisions"))))

    @property
    def revision(self) -> str:
        """Its revision."""
        return self.history[0]

    @property
    def is_deleted(self) -> bool:
        """Whether it is a tombstone."""
        return self.document.get("_deleted") is True

    @property
    def rank(self) -> tuple[int, str]:
        """CouchDB shows the live leaf with the highest rank."""
        return rank_of(self.revision)

    @property
    def age(self) -> tuple[int, int, str]:
        """The later of two leaves has the higher one. Seconds are coarse, so more revisions are later, too."""
        modified = self.document.get("pvt_modified")
        return (modified if type(modified) is int else 0, *self.rank)

    def children_of(self, revision: str | None) -> list[str]:
        """The revisions in the history that may have replaced this one; without one, that may have created it."""
        if revision is None:
            return list(dict.fromkeys([self.history[0], self.history[-1]]))
        if revision not in self.history[1:]:
            return []
        return [self.history[self.history.index(revision) - 1]]


def rank_of(revision: str) -> tuple[int, str]:
    """The rank of a leaf with this revision."""
    generation, _, digest = revision.partition("-")
    return int(generation), digest


def history_of(revisions: Document) -> list[str]:
    """The revisions, newest first, from CouchDB's `_revisions`."""
    start = revisions["start"]
    return [f"{start - age}-{digest}" for age, digest in enumerate(revisions["ids"])]


def living(leaves: Iterable[Leaf]) -> list[Leaf]:
    """The leaves that are no tombstones. CouchDB shows the first one."""
    return sorted((leaf for leaf in leaves if not leaf.is_deleted), key=lambda leaf: leaf.rank, reverse=True)


def common_ancestor(one: Leaf, other: Leaf) -> str | None:
    """The newest revision that both were made from; None if they have none in common."""
    known = set(other.history)
    return next((revision for revision in one.history if revision in known), None)


def has_content(document: Document, saved: Document) -> bool:
    """Whether a stored document is what was saved, whatever its revision."""
    return same(_content(document), _content(saved))


def _content(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in _ADDED}
