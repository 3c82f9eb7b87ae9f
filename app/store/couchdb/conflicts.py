"""Conflicting leaves of documents: what became of a write, and one document again from several leaves."""

import logging
from collections.abc import Callable
from typing import Protocol

from app import contention, metrics
from app.documents import Document
from app.documents.names import account_of
from app.store import Conflict
from app.store.couchdb.branches import Merged, merge_branches
from app.store.couchdb.leaves import Leaf, common_ancestor, has_content, living, rank_of

# In a deleted leaf that keeps the body of the version that had to give way: the paths of what it lost, sorted.
LOST = "pvt_conflict_lost"
REQUEST_ID = "pvt_request_id"
ATTACHMENTS = "_attachments"
# The types of the documents that this service writes. Others are Kazoo's to repair.
REPAIRED_TYPES = ("sys_info", "number", "account", "user", "app", "login_attempt")

log = logging.getLogger(__name__)


class Leaves(Protocol):
    """What a store with leaves offers. Every method may raise Unavailable."""

    # Called with a database and the document into which leaves were merged.
    on_repair: Callable[[str, Document], None]

    def leaves(self, db: str, doc_id: str) -> list[Leaf]:
        """All leaves, those that are deleted as well; none if the document or its database is missing."""

    def open_revision(self, db: str, doc_id: str, revision: str) -> Document | None:
        """The body of a revision; None if it is no longer there."""

    def open_ancestor(self, db: str, doc_id: str, revision: str) -> Document | None:
        """The same, when all copies have been asked. Raises Unavailable if some are out of reach."""

    def save_merged(self, db: str, document: Document) -> str:
        """Write a merged document. Raises Conflict, even if another instance has written the same."""

    def save_leaves(self, db: str, documents: list[Document]) -> None:
        """Replace these leaves, each named by `_rev`. Those that are no longer leaves are left out."""


def fate(store: Leaves, db: str, document: Document) -> str | None:
    """What became of a write whose answer was lost: its revision; None if it did not happen and may be sent again.

    To send the same document again upon the same revision gives the same revision, so it happens once even if the
    first one arrives late. Raises Conflict if another write came first.
    """
    leaves = store.leaves(db, document["_id"])
    own = _own_revision(store, db, document, leaves)
    if own is not None:
        return own[1]
    parent = document.get("_rev")
    current = [leaf.revision for leaf in living(leaves)]
    if (parent is None and not current) or parent in current:
        return None
    raise Conflict(document["_id"])


def settle_refusal(store: Leaves, db: str, document: Document) -> str | None:
    """Look at the leaves after a write was refused. Returns its revision if it was carried out nevertheless.

    CouchDB up to 3.5 may keep a refused write in some copy, beside another write. Then it is withdrawn, and its
    client learns that it was refused. A write is withdrawn only if a rival leaf has a higher rank. So exactly one of
    several such writes stays, even if each instance sees only some of them. A document without the id of its request
    is left alone, because nobody can say whose write it is.
    """
    if REQUEST_ID not in document:
        return None
    leaves = store.leaves(db, document["_id"])
    own = _own_revision(store, db, document, leaves)
    if own is None:
        return None
    leaf, revision = own
    if _stays(leaf.revision, revision, document, leaves):
        return revision
    if leaf.revision == revision and not leaf.is_deleted:
        _withdraw(store, db, document["_id"], revision)
    return None


def settle_acceptance(store: Leaves, db: str, document: Document, revision: str) -> bool:
    """Look at the leaves after fewer copies than a majority have taken a write. Returns whether it stays.

    In CouchDB up to 3.5 another write may have come first at the other copies. Then this one is withdrawn, by the
    rules of `settle_refusal`.
    """
    if REQUEST_ID not in document or _stays(revision, revision, document, store.leaves(db, document["_id"])):
        return True
    _withdraw(store, db, document["_id"], revision)
    return False


def _stays(leaf: str, own: str, document: Document, leaves: list[Leaf]) -> bool:
    """Whether this leaf outranks those of all other writes upon the same revision.

    The leaf is our write, `own`, or what was later written upon it.
    """
    rivals = (other for other in living(leaves) if other.revision != leaf and _is_rival(other, document, own))
    return all(rank_of(leaf) > rival.rank for rival in rivals)


def _withdraw(store: Leaves, db: str, doc_id: str, revision: str) -> None:
    store.save_leaves(db, [{"_id": doc_id, "_rev": revision, "_deleted": True}])
    metrics.conflict_met("withdrawn")


def _is_rival(leaf: Leaf, document: Document, own: str) -> bool:
    """Whether the leaf comes from another write upon the revision that the document names."""
    return any(revision != own for revision in leaf.children_of(document.get("_rev")))


def _own_revision(store: Leaves, db: str, document: Document, leaves: list[Leaf]) -> tuple[Leaf, str] | None:
    """The revision that has this content and replaced the revision that the document names, and its leaf."""
    for leaf in leaves:
        for revision in leaf.children_of(document.get("_rev")):
            is_leaf = revision == leaf.revision
            body = leaf.document if is_leaf else store.open_revision(db, document["_id"], revision)
            if body is not None and has_content(body, document):
                return leaf, revision
    return None


def repair(store: Leaves, db: str, doc_id: str) -> None:
    """Merge the conflicting leaves of a document into the one that CouchDB shows, and delete the others.

    Several instances may do this at once: they make the same document of the same leaves. The merged document is
    written before the leaves are deleted. So nothing is gone if this is interrupted, and it can be done again. What
    had to give way is logged, and its body is kept in a deleted leaf. Documents of types that this service does
    not write are left alone. Raises Conflict if other writers keep coming first, and Unavailable while a copy that
    may have the common revision is out of reach.
    """
    for _ in contention.attempts():
        leaves = living(store.leaves(db, doc_id))
        if len(leaves) < 2 or not is_repaired(leaves[0].document):
            return
        try:
            _merge_into_first(store, db, leaves)
            return
        except Conflict:
            continue
    metrics.conflict_met("failed")
    raise Conflict(doc_id)


def is_repaired(document: Document) -> bool:
    """Whether the conflicts of such a document are repaired."""
    return document.get("pvt_type") in REPAIRED_TYPES or str(document.get("_id")).startswith("_design/")


def _merge_into_first(store: Leaves, db: str, leaves: list[Leaf]) -> None:
    first, *others = leaves
    merged, tombstones = first, []
    for leaf in others:
        result, earlier = merge_leaves(store, db, merged, leaf), min(merged, leaf, key=lambda one: one.age)
        # The result is what comes next after the first leaf.
        merged = Leaf(result.document | {"_rev": first.revision}, first.history)
        tombstones.append(_tombstone(leaf, earlier.document, result.lost))
        log.warning(*_told(db, leaf, result.lost))
        metrics.conflict_met("lost" if result.lost else "merged")
    # Even if nothing is new: whoever would withdraw the first leaf meanwhile must fail.
    revision = store.save_merged(db, merged.document)
    store.save_leaves(db, tombstones)
    store.on_repair(db, {**merged.document, "_rev": revision})


def merge_leaves(store: Leaves, db: str, one: Leaf, other: Leaf) -> Merged:
    """The merge of two leaves, upon the newest revision that both were made from."""
    ancestor = common_ancestor(one, other)
    base = store.open_ancestor(db, one.document["_id"], ancestor) if ancestor else None
    earlier, later = sorted((one, other), key=lambda leaf: leaf.age)
    merged = merge_branches(base and _without(base), _without(earlier.document), _without(later.document))
    # A leaf can only keep its own attachments.
    kept, others = one.document.get(ATTACHMENTS, {}), other.document.get(ATTACHMENTS, {})
    document = merged.document | ({ATTACHMENTS: kept} if kept else {})
    lost = [f"{ATTACHMENTS}.{name}" for name, stub in others.items() if _digest(kept.get(name)) != _digest(stub)]
    return Merged(document, tuple(sorted([*merged.lost, *lost])))


def _without(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != ATTACHMENTS}


def _digest(stub: Document | None) -> object:
    return stub and stub.get("digest")


def _tombstone(leaf: Leaf, loser: Document, lost: tuple[str, ...]) -> Document:
    """What replaces a leaf: with the body of the loser, perhaps that of the other leaf, and its own attachments."""
    names = {"_id": leaf.document["_id"], "_rev": leaf.revision, "_deleted": True}
    if not lost:
        return names
    attachments = {name: leaf.document[name] for name in (ATTACHMENTS,) if name in leaf.document}
    return {**_without(loser), **attachments, **names, LOST: list(lost)}


def _told(db: str, leaf: Leaf, lost: tuple[str, ...]) -> tuple[str, ...]:
    place = (account_of(db) or db, leaf.document["_id"], leaf.revision)
    if lost:
        return (
            "conflict in account %s, document %s: the deleted leaf %s keeps the values of %s",
            *place,
            ", ".join(lost),
        )
    return "conflict in account %s, document %s: leaf %s was merged", *place


def losses(leaves: list[Leaf]) -> list[Leaf]:
    """The deleted leaves that keep what they lost in a conflict."""
    return [leaf for leaf in leaves if leaf.is_deleted and leaf.document.get(LOST)]
