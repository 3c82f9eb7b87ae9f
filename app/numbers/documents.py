"""Writes the documents of numbers: the one in the number database, and its copy in the owner's database.

Spec: docs/kazoo/documents.md, section 7.2.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

from app import contention
from app.documents import Document, fields
from app.documents.clock import gregorian_now
from app.documents.names import account_db, encoded, number_db
from app.events.notices import Notices
from app.numbers import ownership
from app.store import Conflict, DatabaseMissing, Store, StoreError

Change = Callable[[Document], Document]

log = logging.getLogger(__name__)


def new_number(number: str, account_id: str, module: str) -> Document:
    """The document of a new number in service for an account, as Kazoo creates it.

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
    """Saves and deletes numbers with their copies, and notifies the other nodes of every write.

    The copy is written after the number. If it cannot be written within five seconds, because of other writers, the
    number stays saved, this is logged, and `on_failure` is called. `python -m app reconcile-numbers` finds and
    corrects such copies.
    """

    def __init__(self, store: Store, notices: Notices, on_failure: Callable[[], None] = lambda: None):
        self._store = store
        self._notices = notices
        self._on_failure = on_failure

    def find(self, number: str) -> Document | None:
        """The document of a number in E.164 form, or None if the number is unknown."""
        return self._store.find_doc(number_db(number), number)

    def find_to_write(self, number: str) -> Document | None:
        """`find`, to change the document."""
        return self._store.find_to_write(number_db(number), number)

    def find_all(self, numbers: Iterable[str]) -> dict[str, Document]:
        """The documents of known numbers, by number. Takes one request for each number database."""
        return ownership.number_documents(self._store, numbers)

    def create(self, document: Document) -> Document:
        """Write a new number and its copy. The number database is created if it is missing. Raises Conflict."""
        db = number_db(document["_id"])
        self._store.create_db(db)
        stored = self._write(db, document)
        self.copy_to_accounts(stored)
        return stored

    def save(self, document: Document) -> Document:
        """Replace the revision in `_rev`, then write the copies. Returns the document as stored.

        Raises Conflict if that is not the current revision.
        """
        stored = self._write(number_db(document["_id"]), document)
        self.copy_to_accounts(stored)
        return stored

    def update(self, number: str, change: Change) -> Document:
        """Change the current document of a number, then write its copies. Returns the document as stored.

        After a lost race, the change is applied again. Raises NotFound, and Conflict after five seconds.
        """
        db = number_db(number)
        for _ in contention.attempts():
            stored = self._store.open_to_write(db, number)
            changed = change(stored)
            try:
                document = stored if changed == stored else self._write(db, changed)
            except Conflict:
                continue
            self.copy_to_accounts(document)
            return document
        raise Conflict(number)

    def update_all(self, documents: dict[str, Document], change: Change) -> dict[str, StoreError]:
        """`update` for many numbers whose documents were just read. Returns the errors by number.

        Writes them together, and then writes those that failed one by one.
        """
        errors: dict[str, StoreError] = {}
        done: set[str] = set()
        with suppress(StoreError):
            done = self._update_together(documents, change) if len(documents) > 1 else done
        for number in documents.keys() - done:
            try:
                self.update(number, change)
            except StoreError as error:
                errors[number] = error
        return errors

    def _update_together(self, documents: dict[str, Document], change: Change) -> set[str]:
        """Write these documents and their copies together. Returns the numbers that are completely written."""
        changed = {number: change(document) for number, document in documents.items()}
        written = {number: document for number, document in changed.items() if document == documents[number]}
        for db, numbers in _grouped({number: number_db(number) for number in changed.keys() - written}).items():
            written |= self._write_all(db, [changed[number] for number in numbers])
        copied = self._copy_all(written)
        current = self.find_all(copied)
        return {number for number in copied if current.get(number, {}).get("_rev") == written[number]["_rev"]}

    def _copy_all(self, documents: dict[str, Document]) -> set[str]:
        """Write the copies of these numbers. Returns the numbers with a correct copy and no leftover copy."""
        owners, previous = (
            {number: account_db(document[name]) for number, document in documents.items() if _is_text(document, name)}
            for name in ("pvt_assigned_to", "pvt_previously_assigned_to")
        )
        unfinished: set[str] = set()
        for db, numbers in _grouped({n: db for n, db in previous.items() if owners.get(n) != db}).items():
            # Copies left with a previous owner are rare, so they are removed one by one.
            unfinished |= self._store.find_docs(db, numbers).keys()
        for db, numbers in _grouped(owners).items():
            copies = self._store.find_docs(db, numbers)
            revisions = {number: {"_rev": copy["_rev"]} for number, copy in copies.items()}
            bodies = [fields.without_revision(documents[number]) | revisions.get(number, {}) for number in numbers]
            stale = [body for body in bodies if body != copies.get(body["_id"])]
            written: dict[str, Document] = {}
            with suppress(DatabaseMissing):
                written = self._write_all(db, stale)
            unfinished |= {body["_id"] for body in stale} - written.keys()
        return documents.keys() - unfinished

    def _write_all(self, db: str, documents: list[Document]) -> dict[str, Document]:
        """Write these documents and notify the other nodes. Returns the written ones as stored, by id."""
        revisions = self._store.save_docs(db, documents) if documents else {}
        written = {}
        for document in documents:
            if document["_id"] in revisions:
                stored = written[document["_id"]] = {**document, "_rev": revisions[document["_id"]]}
                self._notices.saved(db, stored, is_new="_rev" not in document)
        return written

    def delete(self, document: Document) -> None:
        """Delete a number from the system: first its document, then the copy. Raises Conflict."""
        self._tombstone(number_db(document["_id"]), document)
        self._set_copies(document, None)

    def copy_to_accounts(self, document: Document) -> None:
        """Write the document to the owner's database, and remove it from the previous owner's.

        Another writer may change or delete the number before this copy is written, and write its own copy first. So
        this reads the number again afterwards, until the copies match its current revision.
        """
        for _ in contention.attempts():
            self._set_copies(document, document)
            current = self.find(document["_id"])
            if current is None:
                self._set_copies(document, None)
                return
            if current["_rev"] == document["_rev"]:
                return
            document = current
        self._failed(document["_id"])

    def copy_to(self, account_id: str, number: str) -> None:
        """Write the copy to an account's database if the account owns the number. Otherwise delete the copy."""
        document = self.find(number)
        owner_id = document.get("pvt_assigned_to") if document else None
        self._set_copy(account_id, number, document if owner_id == account_id else None)

    def _set_copies(self, document: Document, body: Document | None) -> None:
        """Write this body to the owner's copy and remove the previous owner's. If the body is None, remove both."""
        owner_id, previous_id = document.get("pvt_assigned_to"), document.get("pvt_previously_assigned_to")
        self._set_copy(owner_id, document["_id"], body)
        if previous_id != owner_id:
            self._set_copy(previous_id, document["_id"], None)

    def _set_copy(self, account_id: object, number: str, document: Document | None) -> None:
        """Write a copy to an account's database, or delete it. An account without a database has no copies."""
        if not isinstance(account_id, str):
            return
        db, body = account_db(account_id), fields.without_revision(document) if document else None
        for _ in contention.attempts():
            stored = self._store.find_to_write(db, number)
            try:
                if body is None and stored:
                    self._tombstone(db, stored)
                elif body is not None and (stored is None or fields.without_revision(stored) != body):
                    revision = {"_rev": stored["_rev"]} if stored else {}
                    self._write(db, body | revision)
                return
            except DatabaseMissing:
                return
            except Conflict:
                continue
        self._failed(number)

    def _failed(self, number: str) -> None:
        self._on_failure()
        log.warning("the copy of number %s is out of date: other writers keep changing it", number)

    def _write(self, db: str, document: Document) -> Document:
        stored = {**document, "_rev": self._store.save_doc(db, document)}
        self._notices.saved(db, stored, is_new="_rev" not in document)
        return stored

    def _tombstone(self, db: str, stored: Document) -> None:
        revision = self._store.delete_doc(db, stored["_id"], stored["_rev"])
        self._notices.deleted(db, {**stored, "_rev": revision, "_deleted": True})


def _is_text(document: Document, name: str) -> bool:
    return isinstance(document.get(name), str)


def _grouped(databases: dict[str, str]) -> dict[str, list[str]]:
    """Group numbers by database."""
    numbers: dict[str, list[str]] = {}
    for number, db in databases.items():
        numbers.setdefault(db, []).append(number)
    return numbers
