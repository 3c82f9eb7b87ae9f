"""The store on CouchDB (BigCouch to 3.5), which uses the session of the `couchdb` package.

A read whose connection breaks is sent once more, but a write never is. Every fault of the connection or of the
answer (refused, timed out, cut off, not JSON) is raised as Unavailable.
"""

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import httptools
from couchdb import http as couchdb_http

from app import json_text
from app.documents import Document
from app.documents.names import encoded
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
from app.store.session import Session

LOAD_BATCH = 200
DUMP_BATCH = 200

_FAULTS = (
    OSError,
    httptools.HttpParserError,
    httptools.HttpParserUpgrade,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
)
_NOT_SENT = (ConnectionRefusedError, socket.gaierror)


class CouchDBStore(Store):
    """A Store on a CouchDB server, or on several servers of one cluster.

    If a server refuses connections, the next one of `urls` is used. `timeout` is the limit in seconds for connecting
    and for each wait for bytes.
    """

    def __init__(self, urls: list[str], timeout: float = 5.0):
        self._servers = [couchdb_http.extract_credentials(url.rstrip("/")) for url in urls]
        self._current = 0
        self._session = Session(timeout)

    def engine(self) -> str:
        welcome = self._read([])
        name = next((name for name in ("couchdb", "express-pouchdb") if name in welcome), "unknown server")
        return f"{name} {welcome.get('version', '')}"

    def close(self) -> None:
        self._session.connection_pool.close()

    # Databases

    def create_db(self, db: str, design_documents: Iterable[Document] = ()) -> None:
        try:
            self._request("PUT", [db])
        except couchdb_http.PreconditionFailed:
            return
        for document in design_documents:
            with suppress(Conflict):
                self.save_doc(db, document)

    def has_db(self, db: str) -> bool:
        try:
            self._read([db])
        except NotFound:
            return False
        return True

    def database_names(self) -> list[str]:
        return sorted(self._read(["_all_dbs"]))

    # Documents

    def open_doc(self, db: str, doc_id: str) -> Document:
        document: Document = self._read([db, *_id_path(doc_id)])
        return document

    def find_docs(self, db: str, doc_ids: list[str]) -> dict[str, Document]:
        if len(doc_ids) < 2:
            return super().find_docs(db, doc_ids)
        try:
            answer = self._request("POST", [db, "_all_docs"], {"keys": doc_ids}, {"include_docs": "true"})
        except DatabaseMissing:
            return {}
        return {row["id"]: row["doc"] for row in answer["rows"] if row.get("doc")}

    def save_doc(self, db: str, document: Document) -> str:
        doc_id = document["_id"]
        body = {name: value for name, value in document.items() if name != "_id"}
        try:
            revision: str = self._request("PUT", [db, *_id_path(doc_id)], body)["rev"]
        except couchdb_http.ResourceConflict as error:
            raise Conflict(doc_id) from error
        except Unavailable as error:
            if _is_too_large(error.__cause__):
                raise TooLarge(doc_id) from error
            raise
        return revision

    def revisions(self, db: str, doc_id: str) -> list[str]:
        history = self._read([db, *_id_path(doc_id)], {"revs": "true"})["_revisions"]
        return [f"{history['start'] - age}-{digest}" for age, digest in enumerate(history["ids"])]

    def open_attachment(self, db: str, doc_id: str, name: str) -> bytes:
        data: bytes = self._read([db, *_id_path(doc_id), name], decode=bytes)
        return data

    def load_docs(self, db: str, documents: Iterable[Document]) -> None:
        self.create_db(db)
        batch: list[Document] = []
        for document in documents:
            batch.append(document if "_rev" in document else {**document, "_rev": f"1-{'0' * 32}"})
            if len(batch) == LOAD_BATCH:
                self._load(db, batch)
                batch = []
        if batch:
            self._load(db, batch)

    def _load(self, db: str, batch: list[Document]) -> None:
        answers = self._request("POST", [db, "_bulk_docs"], {"docs": batch, "new_edits": False})
        refused = [answer for answer in answers if isinstance(answer, dict) and answer.get("error")]
        if refused:
            raise StoreError(f"{refused[0].get('id')}: {refused[0].get('reason')}")

    def iterate_docs(self, db: str) -> Iterator[Document]:
        for row in self._all_docs(db, include_docs=True):
            # A document that was deleted meanwhile is null.
            if row.get("doc"):
                yield row["doc"]

    def dump_docs(self, db: str, on_fault: OnFault | None = None) -> Iterator[Document]:
        for row in self._all_docs(db, include_docs=False):
            try:
                yield self._read([db, *_id_path(row["id"])], {"attachments": "true"})
            except NotFound:
                # It was deleted meanwhile.
                continue
            except StoreError as error:
                if on_fault is None:
                    raise
                on_fault(row["id"], error)

    def _all_docs(self, db: str, include_docs: bool) -> Iterator[dict[str, Any]]:
        """The rows of `_all_docs`, read in pages."""
        params = {"limit": str(DUMP_BATCH + 1), "include_docs": json.dumps(include_docs)}
        while page := self._read([db, "_all_docs"], params)["rows"]:
            yield from page[:DUMP_BATCH]
            if len(page) <= DUMP_BATCH:
                return
            params = {**params, "startkey": json.dumps(page[DUMP_BATCH]["id"])}

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
            params["limit"] = str(limit)
        if descending:
            params["descending"] = "true"
        if include_docs:
            params["include_docs"] = "true"
        design, name = view.split("/")
        try:
            rows = self._read([db, "_design", design, "_view", name], params)["rows"]
        except DatabaseMissing:
            raise
        except NotFound as error:
            if not self.has_db(db):
                raise DatabaseMissing(db) from error
            raise ViewMissing(view) from error
        return [Row(row.get("id"), row["key"], row["value"], row.get("doc")) for row in rows]

    # HTTP

    def _read(self, path: list[str], params: dict[str, str] | None = None, decode: Any = json_text.loads) -> Any:
        try:
            return self._request("GET", path, params=params, decode=decode)
        except Unavailable as error:
            if not isinstance(error.__cause__, ConnectionError):
                raise
        # If the server has closed this connection, it has probably closed the others too.
        self._session.connection_pool.close()
        return self._request("GET", path, params=params, decode=decode)

    def _request(
        self,
        method: str,
        path: list[str],
        body: Any = None,
        params: dict[str, str] | None = None,
        decode: Any = json_text.loads,
    ) -> Any:
        db, *rest = path or [""]
        target = "/".join(["", encoded(db), *(quote(segment, safe="") for segment in rest)])
        if params:
            target += "?" + urlencode(params)
        headers = {}
        if body is not None:
            body = json_text.dumps(body).encode("utf-8")
            headers["Content-Type"] = "application/json"
        # Other threads may change `_current` meanwhile. Each request tries every server once.
        first = self._current
        for step in range(len(self._servers)):
            index = (first + step) % len(self._servers)
            url, credentials = self._servers[index]
            try:
                _, _, data = self._session.request(method, url + target, body, headers, credentials)
                return decode(data.read())
            except couchdb_http.ResourceNotFound as error:
                raise _not_found(error, path) from error
            except (couchdb_http.PreconditionFailed, couchdb_http.ResourceConflict):
                raise
            except _NOT_SENT as error:
                self._current = (index + 1) % len(self._servers)
                fault = error
            except (*_FAULTS, couchdb_http.HTTPError) as error:
                raise Unavailable(_describe(url, error)) from error
        raise Unavailable(_describe(url, fault)) from fault


def _id_path(doc_id: str) -> list[str]:
    return doc_id.split("/", 1) if doc_id.startswith(("_design/", "_local/")) else [doc_id]


def _not_found(error: couchdb_http.ResourceNotFound, path: list[str]) -> NotFound:
    answer = error.args[0] if error.args else ""
    reason = str(answer[1] if isinstance(answer, tuple) else answer)
    # "no_db_file" is the reason in CouchDB up to 2, "Database does not exist." in later versions.
    database_missing = reason in ("no_db_file", "Database does not exist.")
    return (DatabaseMissing if database_missing or len(path) == 1 else NotFound)("/".join(path))


def _is_too_large(error: BaseException | None) -> bool:
    return isinstance(error, couchdb_http.ServerError) and error.args[0][0] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _describe(url: str, error: BaseException) -> str:
    return f"{url}: {type(error).__name__}: {error}"[:300]
