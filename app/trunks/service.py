"""Creates, replaces, deletes and restores trunks.

A write has four parts, in this order: the document, its replaced version (if versions are kept), the notices to other
nodes, and the marks on numbers (docs/kazoo/documents.md, sections 3 and 7). Every method raises Conflict if another
writer was faster, and the store's other errors. A version or a mark that cannot be written is logged and counted; the
trunk stays saved.
"""

from dataclasses import dataclass

from app.documents import Document, connectivity, fields
from app.documents.fields import Author
from app.documents.names import account_db
from app.events.notices import Notices
from app.history.versions import History, Write
from app.numbers.assignment import Assignment
from app.store import Store


@dataclass(frozen=True)
class Trunks:
    """The trunks of all accounts. `history` is None if versions are not kept.

    `account` is an account's document, and `stored` the trunk with the revision that is replaced. A `Write` says who
    writes and how, for the version.
    """

    store: Store
    notices: Notices
    assignment: Assignment
    history: History | None = None

    def create(self, account: Document, document: Document, author: Author) -> Document:
        """Save a new trunk. Its numbers are not marked, as in Kazoo. Returns it as stored."""
        created = self._stamped(account, document, author)
        created["_rev"] = self.store.save_doc(_db(account), created)
        self._flush_registrations(account)
        self.notices.created(_db(account), created)
        return created

    def replace(
        self, account: Document, stored: Document, document: Document, author: Author, write: Write
    ) -> Document:
        """Save a trunk in place of the stored one. Returns it as stored."""
        replaced = self._save_upon(account, stored, document, author, write)
        self.notices.edited(_db(account), replaced)
        self._track(account, connectivity.dids(stored), replaced)
        return replaced

    def restore(
        self, account: Document, stored: Document | None, document: Document, author: Author, write: Write
    ) -> Document:
        """Save an earlier version of a trunk, upon the stored one or, after a hard deletion, anew."""
        is_live = stored is not None and not fields.is_deleted(stored)
        restored = self._save_upon(account, stored, document, author, write)
        if not is_live:
            self._flush_registrations(account)
        self.notices.saved(_db(account), restored, is_new=stored is None)
        self._track(account, connectivity.dids(stored) if stored and is_live else [], restored)
        return restored

    def delete(self, account: Document, stored: Document, author: Author, write: Write, softly: bool) -> Document:
        """Delete a trunk. Returns it as it is then stored, or its tombstone."""
        if softly:
            deleted = self._stamped(account, {**stored, "pvt_deleted": True}, author)
            deleted["_rev"] = self.store.save_doc(_db(account), deleted)
        else:
            revision = self.store.delete_doc(_db(account), stored["_id"], stored["_rev"])
            deleted = {**stored, "_rev": revision, "_deleted": True}
        if self.history:
            self.history.keep(account["_id"], stored, write.making(deleted["_rev"]))
        self._flush_registrations(account)
        self.notices.deleted(_db(account), deleted)
        self.assignment.track(account["_id"], connectivity.dids(stored), [])
        return deleted

    def _save_upon(
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

    def _flush_registrations(self, account: Document) -> None:
        realm = account.get("realm")
        if isinstance(realm, str):
            self.notices.registrations_flushed(realm)

    def _track(self, account: Document, before: list[str], document: Document) -> None:
        self.assignment.track(account["_id"], before, connectivity.dids(document))


def _db(account: Document) -> str:
    return account_db(account["_id"])
