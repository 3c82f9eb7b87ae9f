"""The store on CouchDB (BigCouch to 3.5).

A failed connection or an invalid answer (refused, timed out, cut off, not JSON) is raised as Unavailable. A write to
a single server is never sent twice. On a cluster, it is sent again only if another node shows that it was not done.
"""

import json
import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from app import deadline, metrics
from app.documents import Document
from app.kazoo import json_text
from app.later import Later
from app.store import (
    UNSET,
    Conflict,
    DatabaseMissing,
    NotFound,
    OnFault,
    Row,
    Store,
    StoreError,
    TooLarge,
    Unavailable,
    ViewMissing,
)
from app.store.couchdb import conflicts as leaf_conflicts
from app.store.couchdb.batches import Batches
from app.store.couchdb.cluster import Call, Cluster, LostAnswer, Node
from app.store.couchdb.leaves import Leaf, history_of
from app.store.couchdb.session import AnswerTooLong, InvalidAnswer, Refusal, decoded, member
from app.store.replicated import Replicated

# Documents in a request.
WRITE_BATCH = 200
DUMP_BATCH = 200

CHANGES_BATCH = 1000
# CouchDB refuses a higher limit (its `query_limit`).
MOST_ROWS = 2**28
# Kazoo's databases have three copies.
ALL_COPIES = "3"
# How long to wait before looking for conflicts after a write. Replication takes a while.
SECONDS_UNTIL_REPLICATED = 10.0

log = logging.getLogger(__name__)


class CouchDBStore(Store, Replicated):
    """A Store on a CouchDB server, or on several nodes of a cluster.

    `cluster.py` chooses the node for each request. `timeout` is the limit in seconds for a request and its retries.
    """

    def __init__(self, urls: list[str], timeout: float = 5.0):
        self.cluster = Cluster(urls, timeout)
        self._repairs = Later("conflicts", self.repair)
        self._batches = Batches(self._write_batch)

    def engine(self) -> str:
        welcome = self._read([])
        name = next((name for name in ("couchdb", "express-pouchdb") if name in welcome), "unknown server")
        return f"{name} {welcome.get('version', '')}"

    def close(self) -> None:
        self.cluster.close()

    def nodes(self) -> dict[str, bool]:
        return {node.name: not node.is_down for node in self.cluster.nodes}

    def coordinator(self, db: str) -> str:
        return self.cluster.coordinator(db).name

    # Databases

    def create_db(self, db: str, design_documents: Iterable[Document] = ()) -> None:
        if not self._create(db):
            return
        for document in design_documents:
            with suppress(Conflict):
                self.save_doc(db, document)

    def _create(self, db: str, params: dict[str, str] | None = None) -> bool:
        """Create a database. Returns whether it is new."""
        try:
            self.cluster.request(Call("PUT", [db], params, is_write=True))
        except Refusal as error:
            if error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
            return False
        except LostAnswer as error:
            if len(self.cluster.nodes) == 1 or not self.has_db(db):
                raise Unavailable(str(error)) from error.__cause__
        return True

    def has_db(self, db: str) -> bool:
        try:
            self._read([db])
        except NotFound:
            return False
        return True

    def delete_db(self, db: str) -> None:
        with suppress(NotFound):
            self.cluster.request(Call("DELETE", [db]))

    def database_names(self) -> list[str]:
        return sorted(self._read(["_all_dbs"]))

    # Documents

    def open_doc(self, db: str, doc_id: str) -> Document:
        document: Document = self._read_copies(db, doc_id, {"conflicts": "true"})
        self._note_conflicts(db, document)
        return document

    def _note_conflicts(self, db: str, document: Document) -> None:
        if document.pop("_conflicts", None) and self.repairs and leaf_conflicts.is_repaired(document):
            self._repairs.note(db, document["_id"])

    def open_to_write(self, db: str, doc_id: str) -> Document:
        document: Document = self._read_copies(db, doc_id, {"conflicts": "true"})
        if not document.pop("_conflicts", None) or not leaf_conflicts.is_repaired(document):
            return document
        with suppress(Conflict, Unavailable):
            self.repair(db, doc_id)
        return self.open_doc(db, doc_id)

    def find_docs(self, db: str, doc_ids: list[str]) -> dict[str, Document]:
        if len(doc_ids) < 2:
            return super().find_docs(db, doc_ids)
        return self._find_docs(db, doc_ids)

    def find_few_docs(self, db: str, doc_ids: list[str], most_bytes: int) -> dict[str, Document] | None:
        if len(doc_ids) < 2:
            return self.find_docs(db, doc_ids)
        with suppress(AnswerTooLong):
            return self._find_docs(db, doc_ids, most_bytes)
        return None

    def _find_docs(self, db: str, doc_ids: list[str], most_bytes: int | None = None) -> dict[str, Document]:
        try:
            params = {"include_docs": "true", "conflicts": "true"}
            keys = {"keys": doc_ids}
            call = Call("POST", [db, "_all_docs"], params, keys, member("rows"), most_bytes=most_bytes)
            _, rows = self.cluster.request(call)
        except DatabaseMissing:
            return {}
        documents = {row["id"]: row["doc"] for row in rows if row.get("doc")}
        for document in documents.values():
            self._note_conflicts(db, document)
        return documents

    def save_doc(self, db: str, document: Document) -> str:
        try:
            revision, is_weak = self._save(db, document)
        except Conflict:
            # A copy may have kept it all the same.
            kept = None
            with suppress(StoreError):
                self._repairs.note(db, document["_id"], seconds=SECONDS_UNTIL_REPLICATED)
                kept = leaf_conflicts.settle_refusal(self, db, document)
            if kept is None:
                raise
            return kept
        if is_weak and not self._settle_weak(db, document, revision):
            raise Conflict(document["_id"])
        return revision

    def save_docs(self, db: str, documents: list[Document]) -> dict[str, str]:
        revisions: dict[str, str] = {}
        for start in range(0, len(documents), WRITE_BATCH):
            batch = documents[start : start + WRITE_BATCH]
            call = Call("POST", [db, "_bulk_docs"], body={"docs": batch}, is_write=True)
            try:
                status, answers = self.cluster.request(call)
            except LostAnswer:
                status, answers = int(HTTPStatus.ACCEPTED), []
            revisions |= {answer["id"]: answer["rev"] for answer in answers if "error" not in answer}
            for document in batch if status == HTTPStatus.ACCEPTED else ():
                self._repairs.note(db, document["_id"], seconds=SECONDS_UNTIL_REPLICATED)
        return revisions

    def save_with(self, db: str, document: Document, other_db: str, other: Document) -> tuple[str, StoreError | None]:
        """Writes both at the same time, because each write waits for CouchDB's disk."""
        end = deadline.within(2 * self.cluster.timeout)
        done = self._batches.put(other_db, other)
        try:
            revision = self.save_doc(db, document)
        except (Conflict, DatabaseMissing, TooLarge):
            self._withdraw(other_db, other, done, end)
            raise
        return revision, _outcome(done, end)

    def _withdraw(self, db: str, document: Document, done: Future[StoreError | None], end: float) -> None:
        """Delete the other document after the write was refused, unless it has been replaced meanwhile."""
        if _outcome(done, end) is not None:
            return
        with suppress(StoreError):
            stored = self.open_doc(db, document["_id"])
            if {**document, "_rev": stored["_rev"]} == stored:
                self.delete_doc(db, stored["_id"], stored["_rev"])

    def _write_batch(self, db: str, texts: list[bytes]) -> list[StoreError | None]:
        body = b'{"docs":[' + b",".join(texts) + b"]}"
        try:
            _, answers = self.cluster.request(Call("POST", [db, "_bulk_docs"], body=body))
        except DatabaseMissing:
            self._create(db, {"q": "1"})
            _, answers = self.cluster.request(Call("POST", [db, "_bulk_docs"], body=body))
        return [self._batch_error(db, text, answer) for text, answer in zip(texts, answers, strict=False)]

    def _batch_error(self, db: str, text: bytes, answer: Any) -> StoreError | None:
        """Why a document of a batch was not written, or None. After a conflict, it is written alone."""
        if "error" not in answer:
            return None
        if answer["error"] != "conflict":
            return StoreError(f"{answer['error']}: {answer.get('reason')}")
        document: Document = json_text.trusted(text)
        try:
            stored = self.find_doc(db, document["_id"])
            self.save_doc(db, {**document, "_rev": stored["_rev"]} if stored else document)
        except StoreError as error:
            return error
        return None

    def _settle_weak(self, db: str, document: Document, revision: str) -> bool:
        """Whether a write that a minority of copies accepted stays."""
        metrics.write_is_weak()
        self._repairs.note(db, document["_id"], seconds=SECONDS_UNTIL_REPLICATED)
        with suppress(StoreError):
            return leaf_conflicts.settle_acceptance(self, db, document, revision)
        return True

    def save_merged(self, db: str, document: Document) -> str:
        return self._save(db, document)[0]

    def _save(self, db: str, document: Document) -> tuple[str, bool]:
        """The new revision, and whether only a minority of copies accepted it.

        Raises Conflict, TooLarge, and Unavailable if nobody knows whether it was written.
        """
        end = deadline.within(self.cluster.timeout)
        failed: Node | None = None
        for is_first in (True, False):
            try:
                return self._put(db, document, end, is_first, failed)
            except LostAnswer as error:
                failed, lost = error.node, Unavailable(str(error))
                lost.__cause__ = error.__cause__
            if len(self.cluster.nodes) == 1:
                break
            self._repairs.note(db, document["_id"], seconds=SECONDS_UNTIL_REPLICATED)
            revision = leaf_conflicts.find_lost_write(self, db, document)
            if revision is not None:
                return revision, False
        raise lost

    def _put(self, db: str, document: Document, end: float, is_first: bool, failed: Node | None) -> tuple[str, bool]:
        path = [db, *_id_path(document["_id"])]
        body = {name: value for name, value in document.items() if name != "_id"}
        call = Call("PUT", path, body=body, decode=member("rev"), is_write=True)
        try:
            status, revision = self.cluster.request(replace(call, end=end, is_first=is_first, failed=failed))
        except Refusal as error:
            if error.status == HTTPStatus.CONFLICT:
                raise Conflict(document["_id"]) from error
            # 412: a copy lacks an attachment. Other copies may have accepted the document.
            raise LostAnswer(str(error)) from error
        except Unavailable as error:
            if _is_too_large(error.__cause__):
                raise TooLarge(document["_id"]) from error
            raise
        return revision, status == HTTPStatus.ACCEPTED

    def revisions(self, db: str, doc_id: str) -> list[str]:
        return history_of(self._read([db, *_id_path(doc_id)], {"revs": "true"}, member("_revisions")))

    # Conflicts

    def leaves(self, db: str, doc_id: str) -> list[Leaf]:
        try:
            answers = self._read_copies(db, doc_id, {"open_revs": "all", "revs": "true"})
        except NotFound:
            return []
        return [Leaf.from_answer(answer["ok"]) for answer in answers if "ok" in answer]

    def open_revision(self, db: str, doc_id: str, revision: str) -> Document | None:
        try:
            document: Document = self._read_copies(db, doc_id, {"rev": revision})
        except NotFound:
            return None
        return document

    def open_ancestor(self, db: str, doc_id: str, revision: str) -> Document | None:
        document = self.open_revision(db, doc_id, revision)
        if document is not None:
            return document
        if self.cluster.is_troubled:
            raise Unavailable("some copies are out of reach")
        # A copy that received a revision by replication lacks the revisions before it.
        with suppress(NotFound):
            document = self._read([db, *_id_path(doc_id)], {"rev": revision, "r": ALL_COPIES})
        return document

    def save_leaves(self, db: str, documents: list[Document]) -> None:
        with suppress(LostAnswer):
            body = {"docs": documents}
            self.cluster.request(Call("POST", [db, "_bulk_docs"], body=body, is_write=True, is_first=True))
            return
        # A repair will find the leaves that remain.
        for document in documents:
            self._repairs.note(db, document["_id"], seconds=SECONDS_UNTIL_REPLICATED)

    def repair(self, db: str, doc_id: str) -> None:
        leaf_conflicts.repair(self, db, doc_id)

    def documents_with_leaves(self, db: str) -> Iterator[str]:
        since: Any = 0
        while True:
            params = {"style": "all_docs", "limit": str(CHANGES_BATCH), "since": _sequence_text(since)}
            answer = self._read([db, "_changes"], params)
            yield from (row["id"] for row in answer["results"] if len(row["changes"]) > 1)
            if len(answer["results"]) < CHANGES_BATCH:
                return
            since = answer["last_seq"]

    def open_attachment(self, db: str, doc_id: str, name: str) -> bytes:
        data: bytes = self._read([db, *_id_path(doc_id), name], decode=bytes)
        return data

    def load_docs(self, db: str, documents: Iterable[Document]) -> None:
        self.create_db(db)
        batch: list[Document] = []
        for document in documents:
            batch.append(document if "_rev" in document else {**document, "_rev": f"1-{'0' * 32}"})
            if len(batch) == WRITE_BATCH:
                self._load(db, batch)
                batch = []
        if batch:
            self._load(db, batch)

    def _load(self, db: str, batch: list[Document]) -> None:
        body = {"docs": batch, "new_edits": False}
        _, answers = self.cluster.request(Call("POST", [db, "_bulk_docs"], body=body))
        refused = [answer for answer in answers if isinstance(answer, dict) and answer.get("error")]
        if refused:
            raise StoreError(f"{refused[0].get('id')}: {refused[0].get('reason')}")

    def all_docs(
        self, db: str, startkey: str, endkey: str, limit: int | None = None, descending: bool = False
    ) -> list[Document]:
        first, last = (endkey, startkey) if descending else (startkey, endkey)
        params = {"startkey": json.dumps(first), "endkey": json.dumps(last), "include_docs": "true"}
        if limit is not None:
            params["limit"] = str(limit)
        if descending:
            params["descending"] = "true"
        rows = self._read([db, "_all_docs"], params, member("rows"))
        return [row["doc"] for row in rows if row.get("doc")]

    def doc_ids(self, db: str, after: str = "", before: str | None = None) -> Iterator[str]:
        limits = {"startkey": json.dumps(after)} if after else {}
        if before is not None:
            limits |= {"endkey": json.dumps(before), "inclusive_end": "false"}
        rows = self._all_docs(db, include_docs=False, limits=limits)
        return (row["id"] for row in rows if row["id"] != after)

    def iterate_docs(self, db: str, conflicts: bool = False) -> Iterator[Document]:
        for row in self._all_docs(db, include_docs=True, conflicts=conflicts):
            # The document is null if it was deleted meanwhile.
            if row.get("doc"):
                yield row["doc"]

    def dump_docs(self, db: str, on_fault: OnFault | None = None) -> Iterator[Document]:
        for doc_id in self.doc_ids(db):
            try:
                yield self._read([db, *_id_path(doc_id)], {"attachments": "true"})
            except NotFound:
                # The document was deleted meanwhile.
                continue
            except StoreError as error:
                if on_fault is None:
                    raise
                on_fault(doc_id, error)

    def _all_docs(
        self, db: str, include_docs: bool, conflicts: bool = False, limits: dict[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """The rows of `_all_docs`, read page by page. `limits` are further parameters of CouchDB's."""
        params = {"limit": str(DUMP_BATCH + 1), "include_docs": json.dumps(include_docs), **(limits or {})}
        if conflicts:
            params["conflicts"] = "true"
        while page := self._page(db, params):
            yield from page[:DUMP_BATCH]
            if len(page) <= DUMP_BATCH:
                return
            params = {**params, "startkey": json.dumps(page[DUMP_BATCH]["id"])}

    def _page(self, db: str, params: dict[str, str]) -> list[dict[str, Any]]:
        """A page of `_all_docs`. A document that cannot be decoded is left out, and does not hide the others."""
        try:
            rows: list[dict[str, Any]] = self._read([db, "_all_docs"], params, member("rows"))
            return rows
        except Unavailable as error:
            if not isinstance(error.__cause__, InvalidAnswer):
                raise
        rows = self._read([db, "_all_docs"], {**params, "include_docs": "false"}, member("rows"))
        return [{**row, "doc": self._readable(db, row["id"], params)} for row in rows]

    def _readable(self, db: str, doc_id: str, params: dict[str, str]) -> Document | None:
        try:
            document: Document = self._read([db, *_id_path(doc_id)], {"conflicts": params.get("conflicts", "false")})
        except NotFound:
            return None
        except Unavailable as error:
            if not isinstance(error.__cause__, InvalidAnswer):
                raise
            log.warning("document %s of %s is left out: %s", doc_id, db, error)
            return None
        return document

    # Views

    def query_view(
        self,
        db: str,
        view: str,
        *,
        key: Any = UNSET,
        startkey: Any = UNSET,
        endkey: Any = UNSET,
        limit: int | None = None,
        descending: bool = False,
        include_docs: bool = False,
        reduce: bool = False,
    ) -> list[Row]:
        params = {"reduce": json.dumps(reduce)}
        for name, value in (("key", key), ("startkey", startkey), ("endkey", endkey)):
            if value is not UNSET:
                params[name] = json.dumps(value)
        if limit is not None:
            params["limit"] = str(min(limit, MOST_ROWS))
        if descending:
            params["descending"] = "true"
        if include_docs:
            params["include_docs"] = "true"
        design, name = view.split("/")
        try:
            rows = self._read([db, "_design", design, "_view", name], params, member("rows"))
        except DatabaseMissing:
            raise
        except NotFound as error:
            if not self.has_db(db):
                raise DatabaseMissing(db) from error
            raise ViewMissing(view) from error
        return [Row(row.get("id"), row["key"], row["value"], row.get("doc")) for row in rows]

    # HTTP

    def _read(self, path: list[str], params: dict[str, str] | None = None, decode: Any = decoded) -> Any:
        return self.cluster.request(Call("GET", path, params, decode=decode))[1]

    def _read_copies(self, db: str, doc_id: str, params: dict[str, str]) -> Any:
        """What a majority of copies has. If that fails while copies are out of reach, one copy is enough."""
        path = [db, *_id_path(doc_id)]
        if not self.cluster.is_troubled:
            return self.cluster.request(Call("GET", path, params))[1]
        with suppress(Unavailable):
            return self.cluster.request(Call("GET", path, params, is_first=True))[1]
        return self.cluster.request(Call("GET", path, {**params, "r": "1"}))[1]


def _outcome(done: Future[StoreError | None], end: float) -> StoreError | None:
    """Why a batched document was not written before `end`, or None."""
    try:
        return done.result(max(0.0, end - time.monotonic()))
    except FutureTimeout:
        return Unavailable("the batch was not written in time")


def _sequence_text(sequence: Any) -> str:
    """A `_changes` sequence as a parameter. It is a number, a string or, in BigCouch, an array."""
    return sequence if isinstance(sequence, str) else json.dumps(sequence)


def _id_path(doc_id: str) -> list[str]:
    return doc_id.split("/", 1) if doc_id.startswith(("_design/", "_local/")) else [doc_id]


def _is_too_large(error: BaseException | None) -> bool:
    return isinstance(error, Refusal) and error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
