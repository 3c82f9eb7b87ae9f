"""Writing the documents of numbers: the one in the number database and its copy in the owner's database.

Spec: docs/kazoo/documents.md, section 7.2.
"""

from collections.abc import Callable

from app.documents import Document, fields
from app.documents.clock import gregorian_now
from app.documents.names import account_db, encoded, number_db
from app.events.notices import Notices
from app.store import Conflict, NotFound, Store

ATTEMPTS = 5

Change = Callable[[Document], Document]


def new_number(number: str, account_id: str, module: str) -> Document:
    """The document of a new number, as Kazoo creates it: in service for an account.

    `number` is in E.164 form, and `module` is a carrier module such as `knm_local`.
    """
    now = gregorian_now()
    return {
        "_id": number,
        "pvt_db_name": encoded(number_db(number)),
        "pvt_state": "in_service",
        "pvt_ported_in": False,
        "pvt_module_name": module,
        "pvt_modified": now,
        "pvt_created": now,
        "pvt_type": "number",
        "pvt_assigned_to": account_id,
    }


class NumberDocuments:
    """Saves, copies and removes the documents of numbers. Every write sends a notice to the other nodes."""

    def __init__(self, store: Store, notices: Notices):
        self._store = store
        self._notices = notices

    def find(self, number: str) -> Document | None:
        """The document of a number in E.164 form; None if the system does not know the number."""
        return self._store.find_doc(number_db(number), number)

    def create(self, document: Document) -> Document:
        """Write a new number and its copy. The number database is created if it is missing. Raises Conflict."""
        db = number_db(document["_id"])
        self._store.create_db(db)
        stored = {**document, "_rev": self._store.save_doc(db, document)}
        self._notices.created(db, stored)
        self.copy_to_account(stored)
        return stored

    def save(self, document: Document) -> Document:
        """Replace the revision that the document names, and return the document as stored. No copy is changed.

        Raises Conflict if that revision is not the current one.
        """
        db = number_db(document["_id"])
        stored = {**document, "_rev": self._store.save_doc(db, document)}
        self._notices.edited(db, stored)
        return stored

    def update(self, number: str, change: Change) -> Document:
        """Change the current revision of a number's document, then write its copies. Returns the document as stored.

        After a lost race the change is applied again. Raises NotFound, and Conflict after 5 attempts.
        """
        document = self._write(number_db(number), number, change)
        self.copy_to_account(document)
        return document

    def copy_to_account(self, document: Document) -> None:
        """Write the document to the owner's database, and remove it from the previous owner's."""
        number, owner_id = document["_id"], document.get("pvt_assigned_to")
        previous_id = document.get("pvt_previously_assigned_to")
        if isinstance(owner_id, str):
            self._write(account_db(owner_id), number, lambda stored: fields.without_revision(document), creates=True)
        if isinstance(previous_id, str) and previous_id != owner_id:
            self._remove(account_db(previous_id), number)

    def delete(self, document: Document) -> None:
        """Remove the number from the system: first the copy, then the document. Raises Conflict."""
        number, owner_id = document["_id"], document.get("pvt_assigned_to")
        if isinstance(owner_id, str):
            self._remove(account_db(owner_id), number)
        self._tombstone(number_db(number), document)

    def _write(self, db: str, number: str, change: Change, creates: bool = False) -> Document:
        """Apply `change` to the current revision of a document and save it, unless nothing changed.

        With `creates`, a missing document is created.
        """
        for _ in range(ATTEMPTS):
            stored = self._store.find_doc(db, number)
            if stored is None and not creates:
                raise NotFound(number)
            changed = change(stored or {}) | {"_id": number}
            if stored:
                changed["_rev"] = stored["_rev"]
            if changed == stored:
                return stored
            try:
                changed["_rev"] = self._store.save_doc(db, changed)
            except Conflict:
                continue
            self._notices.saved(db, changed, is_new=stored is None)
            return changed
        raise Conflict(number)

    def _remove(self, db: str, number: str) -> None:
        stored = self._store.find_doc(db, number)
        if stored:
            self._tombstone(db, stored)

    def _tombstone(self, db: str, stored: Document) -> None:
        revision = self._store.delete_doc(db, stored["_id"], stored["_rev"])
        self._notices.deleted(db, {**stored, "_rev": revision, "_deleted": True})
