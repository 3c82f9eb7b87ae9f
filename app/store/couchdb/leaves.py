"""The leaves of a document's revision tree. A document without conflicts has one leaf.

A cluster may answer a write with 409 although some copies kept it. Replication then turns that write into a leaf.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from app.documents import Document
from app.documents.differences import same

# The members that CouchDB adds to a saved document.
_ADDED = ("_id", "_rev", "_revisions", "_attachments", "_conflicts")


@dataclass(frozen=True)
class Leaf:
    """A leaf with its body. `history` lists its revisions, newest first."""

    document: Document
    history: tuple[str, ...]

    @classmethod
    def from_answer(cls, answer: Document) -> "Leaf":
        """The leaf in an answer to a request with `revs=true`."""
        document = dict(answer)
        return cls(document, tuple(history_of(document.pop("_revisions"))))

    @property
    def revision(self) -> str:
        """The leaf's revision."""
        return self.history[0]

    @property
    def is_deleted(self) -> bool:
        """Whether the leaf is a tombstone."""
        return self.document.get("_deleted") is True

    @property
    def rank(self) -> tuple[int, str]:
        """CouchDB shows the live leaf with the highest rank."""
        return rank_of(self.revision)

    @property
    def age(self) -> tuple[int, int, str]:
        """Sorts leaves from earliest to latest. Within one second, the leaf with more revisions is the later one."""
        modified = self.document.get("pvt_modified")
        return (modified if type(modified) is int else 0, *self.rank)

    def children_of(self, revision: str | None) -> list[str]:
        """The revisions in the history that may have replaced this one; for None, those that may be the first."""
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
    """The revisions in CouchDB's `_revisions`, newest first."""
    start = revisions["start"]
    return [f"{start - age}-{digest}" for age, digest in enumerate(revisions["ids"])]


def living(leaves: Iterable[Leaf]) -> list[Leaf]:
    """The leaves that are not tombstones. The first is the winner, which CouchDB shows."""
    return sorted((leaf for leaf in leaves if not leaf.is_deleted), key=lambda leaf: leaf.rank, reverse=True)


def common_ancestor(leaf: Leaf, other: Leaf) -> str | None:
    """The newest revision in both histories, or None."""
    others = set(other.history)
    return next((revision for revision in leaf.history if revision in others), None)


def has_content(document: Document, saved: Document) -> bool:
    """Whether a stored document has the content that was saved. Revisions may differ."""
    return same(_content(document), _content(saved))


def _content(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in _ADDED}
