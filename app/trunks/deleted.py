"""Finds the deleted trunks of an account: those marked as deleted, and those of which only versions are left."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from app.documents import Document, connectivity, fields
from app.documents.names import NUMBERS_VIEW, TRUNKS_VIEW, USERS_VIEW, account_db
from app.history.timeline import generation, stamped_write
from app.history.versions import History, Version, Write
from app.store import DatabaseMissing, Store, ViewMissing, in_time, is_document_id

# In characters. Only this much of a name is shown, because a list may have many names.
LONGEST_NAME = 255

# Lists of documents that are no trunks, and of which an account may have many.
_OTHERS = (NUMBERS_VIEW, USERS_VIEW)

T = TypeVar("T")


@dataclass(frozen=True)
class DeletedTrunk:
    """A deleted trunk as it was. `revision` is its last version, and `by` is what is known of the deletion."""

    trunk_id: str
    name: str | None
    servers: int
    numbers: int
    revision: str
    by: Write

    @property
    def sort_key(self) -> tuple[int, str]:
        """The time of the deletion, 0 if it is unknown, and the id."""
        return self.by.when or 0, self.trunk_id


def deleted_trunks(store: Store, history: History | None, account_id: str) -> list[DeletedTrunk]:
    """The deleted trunks, the latest deletion first. Raises Unavailable, also after the request's deadline.

    Without a history, these are only the trunks that are marked as deleted. Few documents are in memory at a time.
    """
    marked, live = _stored(store, account_id)
    found = [*_of_versions(store, history, account_id, marked, live), *marked.values()]
    return sorted(found, key=lambda trunk: trunk.sort_key, reverse=True)


def _in_time(items: Iterable[T]) -> Iterator[T]:
    return in_time(items, "the account has too many documents to find its deleted trunks in time")


def _stored(store: Store, account_id: str) -> tuple[dict[str, DeletedTrunk], set[str]]:
    """The trunks that are marked as deleted, by id, and the ids of the live ones."""
    marked: dict[str, DeletedTrunk] = {}
    live: set[str] = set()
    db = account_db(account_id)
    with suppress(DatabaseMissing):
        live |= _listed(store, db, TRUNKS_VIEW)
        known = live.union(*(_listed(store, db, view) for view in _OTHERS))
        ids = (doc_id for doc_id in store.doc_ids(db) if doc_id not in known and is_document_id(doc_id))
        for document in _in_time(store.read_docs(db, _in_time(ids))):
            if not connectivity.is_trunk(document):
                continue
            if fields.is_deleted(document):
                marked[document["_id"]] = _deleted_trunk(document, stamped_write(document))
            else:
                live.add(document["_id"])
    return marked, live


def _listed(store: Store, db: str, view: str) -> set[str]:
    """The ids in a view, which need not be read. Without the view there are none, and they are read."""
    try:
        return {row.id for row in store.query_view(db, view) if row.id}
    except ViewMissing:
        return set()


def _of_versions(
    store: Store, history: History | None, account_id: str, marked: dict[str, DeletedTrunk], live: set[str]
) -> Iterator[DeletedTrunk]:
    """The deleted trunks that have versions. Those of them that are marked are removed from `marked`."""
    seen = set(live)
    for version in _in_time(history.newest_versions(account_id, seen)) if history else ():
        trunk_id = version.document["_id"]
        seen.add(trunk_id)
        if trunk_id in marked:
            yield _with_deletion(marked.pop(trunk_id), version)
        elif store.find_doc(account_db(account_id), trunk_id) is None:
            by = version.replaced_by
            yield _deleted_trunk(version.document, by if by.verb == "DELETE" else Write(None, None))


def _with_deletion(trunk: DeletedTrunk, version: Version) -> DeletedTrunk:
    """The marked trunk, with the version that its deletion replaced if that is this one."""
    is_last = generation(trunk.revision) == generation(version.revision) + 1
    if not is_last or version.replaced_by.verb != "DELETE":
        return trunk
    return replace(trunk, revision=version.revision, by=version.replaced_by)


def _deleted_trunk(document: Document, by: Write) -> DeletedTrunk:
    name = document.get("name")
    return DeletedTrunk(
        trunk_id=document["_id"],
        name=name[:LONGEST_NAME] if isinstance(name, str) else None,
        servers=len(connectivity.servers_by_index(document)),
        numbers=len(connectivity.dids(document)),
        revision=document["_rev"],
        by=by if isinstance(by.when, int) else replace(by, when=None),
    )
