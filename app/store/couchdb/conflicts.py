"""Conflicting leaves: finds out whether a write was done, and merges the leaves of a document."""

import logging
from collections.abc import Callable
from operator import attrgetter
from typing import Protocol

from app import contention, metrics
from app.documents import Document
from app.documents.names import account_of
from app.store import Conflict
from app.store.couchdb.branches import Merged, merge_branches
from app.store.couchdb.leaves import Leaf, common_ancestor, has_content, living, rank_of

# In a deleted leaf that keeps the body of the overridden version: the sorted paths of the overridden values.
LOST = "pvt_conflict_lost"
REQUEST_ID = "pvt_request_id"
ATTACHMENTS = "_attachments"
# The types of the documents that this service writes. Others are Kazoo's to repair.
REPAIRED_TYPES = ("sys_info", "number", "account", "user", "app", "login_attempt")

log = logging.getLogger(__name__)


class Leaves(Protocol):
    """A store whose documents have leaves. Every method may raise Unavailable."""

    # Called with a database and the document that leaves were merged into.
    on_repair: Callable[[str, Document], None]

    def leaves(self, db: str, doc_id: str) -> list[Leaf]:
        """All leaves, including deleted ones. Empty if the document or its database is missing."""

    def open_revision(self, db: str, doc_id: str, revision: str) -> Document | None:
        """The body of a revision, or None if it is gone."""

    def open_ancestor(self, db: str, doc_id: str, revision: str) -> Document | None:
        """The same, after asking all copies. Raises Unavailable if it is not found and copies are out of reach."""

    def save_merged(self, db: str, document: Document) -> str:
        """Write a merged document. Raises Conflict, even if another instance wrote the same content."""

    def save_leaves(self, db: str, documents: list[Document]) -> None:
        """Replace leaves, each named by `_rev`. Revisions that are no longer leaves are skipped."""


def find_lost_write(store: Leaves, db: str, document: Document) -> str | None:
    """The revision of a write whose answer was lost, or None if it was not done and may be sent again.

    Sending the same document again, on the same revision, gives the same revision. So it is written once, even if the
    first request arrives late. Raises Conflict if another write came first.
    """
    leaves = store.leaves(db, document["_id"])
    written = _find_write(store, db, document, leaves)
    if written is not None:
        return written[1]
    parent = document.get("_rev")
    current = [leaf.revision for leaf in living(leaves)]
    if (parent is None and not current) or parent in current:
        return None
    raise Conflict(document["_id"])


def settle_refusal(store: Leaves, db: str, document: Document) -> str | None:
    """Look at the leaves after a write was refused. Returns its revision if it was kept all the same and stays.

    CouchDB up to 3.5 may keep a refused write in some copy, beside another write. A leaf with a rival of higher rank
    is withdrawn, so that the refusal is true. The leaf with the highest rank always stays, even if each instance sees
    only some of the leaves. A document without a request id is left alone: nobody can tell whose write it is.
    """
    if REQUEST_ID not in document:
        return None
    leaves = store.leaves(db, document["_id"])
    written = _find_write(store, db, document, leaves)
    if written is None:
        return None
    leaf, revision = written
    if _wins(leaf.revision, revision, document, leaves):
        return revision
    if leaf.revision == revision and not leaf.is_deleted:
        _withdraw(store, db, document["_id"], revision)
    return None


def settle_acceptance(store: Leaves, db: str, document: Document, revision: str) -> bool:
    """Look at the leaves after a minority of copies accepted a write. Returns whether the write stays.

    In CouchDB up to 3.5, the other copies may have accepted another write first. Then this one may be withdrawn, by
    the rules of `settle_refusal`.
    """
    if REQUEST_ID not in document or _wins(revision, revision, document, store.leaves(db, document["_id"])):
        return True
    _withdraw(store, db, document["_id"], revision)
    return False


def _wins(leaf: str, written: str, document: Document, leaves: list[Leaf]) -> bool:
    """Whether this leaf outranks the leaves of all other writes on the same revision.

    The leaf is our write, whose revision is `written`, or a later revision of it.
    """
    rivals = (other for other in living(leaves) if other.revision != leaf and _is_rival(other, document, written))
    return all(rank_of(leaf) > rival.rank for rival in rivals)


def _withdraw(store: Leaves, db: str, doc_id: str, revision: str) -> None:
    store.save_leaves(db, [{"_id": doc_id, "_rev": revision, "_deleted": True}])
    metrics.conflict_met("withdrawn")


def _is_rival(leaf: Leaf, document: Document, written: str) -> bool:
    """Whether the leaf comes from another write on the document's `_rev`."""
    return any(revision != written for revision in leaf.children_of(document.get("_rev")))


def _find_write(store: Leaves, db: str, document: Document, leaves: list[Leaf]) -> tuple[Leaf, str] | None:
    """The revision that this document was saved as, after the leaf whose history has it."""
    for leaf in leaves:
        for revision in leaf.children_of(document.get("_rev")):
            is_leaf = revision == leaf.revision
            body = leaf.document if is_leaf else store.open_revision(db, document["_id"], revision)
            if body is not None and has_content(body, document):
                return leaf, revision
    return None


def repair(store: Leaves, db: str, doc_id: str) -> None:
    """Merge the conflicting leaves of a document into the winner, and delete the other leaves.

    Several instances may do this at once: from the same leaves, they make the same document. The merged document is
    written before the leaves are deleted, so nothing is lost if this is interrupted, and it can run again. Overridden
    values are logged, and a deleted leaf keeps the overridden version. Documents of types that this service does not
    write are left alone. Raises Conflict if other writers keep coming first, and Unavailable while a copy that may
    have the common ancestor is out of reach.
    """
    for _ in contention.attempts():
        leaves = living(store.leaves(db, doc_id))
        if len(leaves) < 2 or not is_repaired(leaves[0].document):
            return
        try:
            _merge_into_winner(store, db, leaves)
            return
        except Conflict:
            continue
    metrics.conflict_met("failed")
    raise Conflict(doc_id)


def is_repaired(document: Document) -> bool:
    """Whether this service repairs conflicts of this document."""
    return document.get("pvt_type") in REPAIRED_TYPES or str(document.get("_id")).startswith("_design/")


def _merge_into_winner(store: Leaves, db: str, leaves: list[Leaf]) -> None:
    winner, *others = leaves
    merged, tombstones = winner, []
    for leaf in others:
        result, earlier = merge_leaves(store, db, merged, leaf), min(merged, leaf, key=attrgetter("age"))
        # The merged document will replace the winner.
        merged = Leaf(result.document | {"_rev": winner.revision}, winner.history)
        tombstones.append(_tombstone(leaf, earlier.document, result.lost))
        log.warning(*_log_message(db, leaf, result.lost))
        metrics.conflict_met("lost" if result.lost else "merged")
    # Write it even if it equals the winner. Then nobody can withdraw the winner after its rivals are deleted.
    revision = store.save_merged(db, merged.document)
    store.save_leaves(db, tombstones)
    store.on_repair(db, {**merged.document, "_rev": revision})


def merge_leaves(store: Leaves, db: str, leaf: Leaf, other: Leaf) -> Merged:
    """Merge two leaves, based on their newest common revision."""
    ancestor = common_ancestor(leaf, other)
    base = store.open_ancestor(db, leaf.document["_id"], ancestor) if ancestor else None
    earlier, later = (_body(version.document) for version in sorted((leaf, other), key=attrgetter("age")))
    merged = merge_branches(base and _body(base), earlier, later)
    # A leaf can only keep its own attachments, so the first leaf keeps those it has.
    kept, others = leaf.document.get(ATTACHMENTS, {}), other.document.get(ATTACHMENTS, {})
    document = merged.document | ({ATTACHMENTS: kept} if kept else {})
    lost = [f"{ATTACHMENTS}.{name}" for name, stub in others.items() if _digest(kept.get(name)) != _digest(stub)]
    return Merged(document, tuple(sorted([*merged.lost, *lost])))


def _body(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != ATTACHMENTS}


def _digest(stub: Document | None) -> object:
    return stub and stub.get("digest")


def _tombstone(leaf: Leaf, overridden: Document, lost: tuple[str, ...]) -> Document:
    """Replaces a leaf. If values were lost, it keeps the overridden version's body and the leaf's attachments."""
    names = {"_id": leaf.document["_id"], "_rev": leaf.revision, "_deleted": True}
    if not lost:
        return names
    attachments = {name: leaf.document[name] for name in (ATTACHMENTS,) if name in leaf.document}
    return {**_body(overridden), **attachments, **names, LOST: list(lost)}


def _log_message(db: str, leaf: Leaf, lost: tuple[str, ...]) -> tuple[str, ...]:
    place = (account_of(db) or db, leaf.document["_id"], leaf.revision)
    if lost:
        return (
            "conflict in account %s, document %s: the deleted leaf %s keeps the values of %s",
            *place,
            ", ".join(lost),
        )
    return "conflict in account %s, document %s: leaf %s was merged", *place


def losses(leaves: list[Leaf]) -> list[Leaf]:
    """The deleted leaves that keep an overridden version."""
    return [leaf for leaf in leaves if leaf.is_deleted and leaf.document.get(LOST)]
