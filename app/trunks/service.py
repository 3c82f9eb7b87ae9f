"""Finds, creates, replaces, deletes and restores trunks, and lists their versions.

Data that the schema accepts goes through `accepted`, and then into a write. A write saves the document, keeps the
replaced version (if versions are kept), notifies the other nodes, and marks the numbers, in this order
(docs/kazoo/documents.md, sections 3 and 7). It raises Conflict if another writer was faster. Every method raises the
store's other errors. If a version or a mark cannot be written, this is logged and counted, and the trunk stays saved.
Such marks are retried later.
"""

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.documents import Document, connectivity, fields
from app.documents.fields import Author
from app.documents.names import account_db
from app.events.notices import Notices
from app.history.timeline import Entry, is_at_or_before, timeline
from app.history.versions import History, Write, is_revision
from app.later import Later
from app.numbers import ownership
from app.numbers.assignment import Assignment
from app.store import Store, is_document_id
from app.store.cache import DocumentCache
from app.trunks.deleted import DeletedTrunk, deleted_trunks
from app.trunks.overwrites import SECONDS, Additions

log = logging.getLogger(__name__)

# In bytes. A view compares keys again and again.
LONGEST_KEY = 8192


class KeyTooLong(Exception):
    """A text at this `path` is a key of Kazoo's views and has more than LONGEST_KEY bytes."""

    def __init__(self, path: str):
        super().__init__(f"{path} has a text of more than {LONGEST_KEY} bytes")
        self.path = path


class NumbersRefused(Exception):
    """An account may not use these `numbers` (E.164 form, in descending order)."""

    def __init__(self, numbers: list[str]):
        super().__init__(f"unauthorized to use {', '.join(numbers)}")
        self.numbers = numbers


@dataclass(frozen=True)
class Trunks:
    """The trunks of all accounts. `history` is None if versions are not kept.

    `account` is the account's document. `stored` is the trunk that is replaced. A `Write` describes the write, for
    the kept version.
    """

    store: Store
    cache: DocumentCache
    notices: Notices
    assignment: Assignment
    history: History | None = None
    # Retries marks that could not be written, by account.
    late_marks: Later | None = None
    # Watches for numbers that a POST takes away right after another request has added them.
    additions: Additions | None = None
    on_overwrite: Callable[[], None] = lambda: None

    def find(self, account_id: str, trunk_id: str, to_write: bool = False) -> Document | None:
        """The stored trunk, even if it is soft-deleted, or None."""
        if not is_document_id(trunk_id):
            return None
        find_doc = self.store.find_to_write if to_write else self.store.find_doc
        stored = find_doc(account_db(account_id), trunk_id)
        return stored if stored and fields.has_type(stored, connectivity.TYPE) else None

    def find_version(self, account_id: str, trunk_id: str, revision: str, stored: Document | None) -> Document | None:
        """A version of a trunk, either stored or kept, or None."""
        if stored and stored["_rev"] == revision:
            return stored
        if not self.history or not is_document_id(trunk_id) or not is_revision(revision):
            return None
        version = self.history.find(account_id, trunk_id, revision)
        return version.document if version else None

    def timeline(self, account_id: str, trunk_id: str, first: str | None = None) -> Iterator[Entry]:
        """The history of a trunk, newest first. With `first`, it begins at that revision. Empty without a trunk."""
        if not self.history or not is_document_id(trunk_id):
            return iter(())
        stored = self.find(account_id, trunk_id)
        versions = self.history.versions(account_id, trunk_id, first)
        if first is None:
            return timeline(stored, versions)
        newest = stored if stored and stored["_rev"] == first else None
        entries = timeline(newest, versions)
        return itertools.dropwhile(lambda entry: not is_at_or_before(entry, first), entries)

    def deleted(self, account_id: str) -> list[DeletedTrunk]:
        """The deleted trunks of an account, the latest deletion first. Raises Unavailable after the deadline."""
        return deleted_trunks(self.store, self.history, account_id)

    def accepted(self, account: Document, document: Document, caller_id: str) -> Document:
        """The document with the account's realm, if the caller's account may use its numbers.

        Raises KeyTooLong and NumbersRefused.
        """
        for path, length in connectivity.longest_keys(document):
            if length > LONGEST_KEY:
                raise KeyTooLong(path)
        refused = ownership.refused(self.store, self.cache, caller_id, connectivity.dids(document))
        if refused:
            raise NumbersRefused(refused)
        return connectivity.with_realm(document, account.get("realm"))

    def create(self, account: Document, document: Document, author: Author) -> Document:
        """Save a new trunk. As in Kazoo, its numbers are not marked. Returns the trunk as stored."""
        created = self._stamped(account, document, author)
        created["_rev"] = self.store.save_doc(_db(account), created)
        self._flush_registrations(account)
        self.notices.created(_db(account), created)
        return created

    def replace(
        self, account: Document, stored: Document, document: Document, author: Author, write: Write
    ) -> Document:
        """Replace the stored trunk. Returns the new one as stored."""
        replaced = self._save_over(account, stored, document, author, write)
        self.notices.edited(_db(account), replaced)
        before, after = connectivity.dids(stored), connectivity.dids(replaced)
        self._watch_overwrites(account, replaced, before, after, write)
        self._update_marks(account, before, after)
        return replaced

    def restore(
        self, account: Document, stored: Document | None, document: Document, author: Author, write: Write
    ) -> Document:
        """Save an earlier version of a trunk. `stored` is None after a hard delete. Returns the trunk as stored."""
        is_live = stored is not None and not fields.is_deleted(stored)
        restored = self._save_over(account, stored, document, author, write)
        if not is_live:
            self._flush_registrations(account)
        self.notices.saved(_db(account), restored, is_new=stored is None)
        before = connectivity.dids(stored) if stored and is_live else []
        self._update_marks(account, before, connectivity.dids(restored))
        return restored

    def delete(self, account: Document, stored: Document, author: Author, write: Write, softly: bool) -> Document:
        """Delete a trunk. Returns the deleted trunk as stored, or its tombstone."""
        if softly:
            deleted = self._save_over(account, stored, {**stored, "pvt_deleted": True}, author, write)
        else:
            revision = self.store.delete_doc(_db(account), stored["_id"], stored["_rev"])
            deleted = {**stored, "_rev": revision, "_deleted": True}
            if self.history:
                self.history.keep(account["_id"], stored, write.making(revision))
        self._flush_registrations(account)
        self.notices.deleted(_db(account), deleted)
        self._update_marks(account, connectivity.dids(stored), [])
        return deleted

    def _save_over(
        self, account: Document, stored: Document | None, document: Document, author: Author, write: Write
    ) -> Document:
        saved = self._stamped(account, document, author)
        if self.history and stored:
            saved["_rev"] = self.history.replace(account["_id"], stored, write, _db(account), saved)
        else:
            saved["_rev"] = self.store.save_doc(_db(account), saved)
        return saved

    def _stamped(self, account: Document, document: Document, author: Author) -> Document:
        return fields.stamp(document, account["_id"], author)

    def _watch_overwrites(
        self, account: Document, trunk: Document, before: list[str], after: list[str], write: Write
    ) -> None:
        lost = self.additions.overwritten(_db(account), trunk, before, after) if self.additions else []
        if lost and write.verb == "POST":
            self.on_overwrite()
            log.warning(
                "%s/%s: a POST took away %s, which another request had added less than %d s before",
                account["_id"],
                trunk["_id"],
                ", ".join(map(repr, lost)),
                SECONDS,
            )

    def _flush_registrations(self, account: Document) -> None:
        realm = account.get("realm")
        if isinstance(realm, str):
            self.notices.registrations_flushed(realm)

    def _update_marks(self, account: Document, before: list[str], after: list[str]) -> None:
        if not self.assignment.track(account["_id"], before, after) and self.late_marks:
            self.late_marks.note(account["_id"])


def _db(account: Document) -> str:
    return account_db(account["_id"])
