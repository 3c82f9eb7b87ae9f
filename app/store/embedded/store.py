"""The store that needs no server: it uses SQLite and behaves like CouchDB.

All databases are in one file. Each write is one durable transaction (WAL, synchronous=FULL). It also updates the
views, so that reads run no map functions. Safe with threads and processes.
"""

import base64
import hashlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from app.documents import Document
from app.store import (
    LARGEST_DOCUMENT,
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
from app.store.embedded.collation import sort_key
from app.store.embedded.sqlite_file import SQLiteFile
from app.store.javascript import EmitsTooMuch, MapFunctions

FILE_NAME = "store.sqlite3"
REVISIONS_KEPT = 1000
# In characters. SQLite reads whole rows when it searches, so long values would make that slow. They are in a separate
# table, and `rows` has ELSEWHERE instead, which is not JSON.
LONGEST_VALUE_IN_ROWS = 600
ELSEWHERE = ""
# A longer document may emit thousands of rows.
MANY_CHARACTERS = 50_000
_LARGEST_INTEGER = 2**63 - 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS databases (db INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS documents (
  db INTEGER NOT NULL, id TEXT NOT NULL, rev TEXT NOT NULL, deleted INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (db, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revisions (
  db INTEGER NOT NULL, id TEXT NOT NULL, generation INTEGER NOT NULL, rev TEXT NOT NULL,
  PRIMARY KEY (db, id, generation)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attachments (
  db INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (db, id, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS views (
  db INTEGER NOT NULL, name TEXT NOT NULL, design TEXT NOT NULL, map TEXT NOT NULL, reduce TEXT,
  PRIMARY KEY (db, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
  db INTEGER NOT NULL, view TEXT NOT NULL, sort BLOB NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL,
  key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (db, view, sort, id, position)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_of_document ON rows (db, id);
CREATE TABLE IF NOT EXISTS long_values (
  db INTEGER NOT NULL, id TEXT NOT NULL, view TEXT NOT NULL, position INTEGER NOT NULL, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS place_of_long_value ON long_values (db, id, view, position);
"""

_TABLES_OF_ROWS = ("rows", "long_values")
_TABLES_WITH_IDS = ("documents", "revisions", "attachments", *_TABLES_OF_ROWS)
_IDS_DELETED_AT_ONCE = 20
# Only the names of deleted databases begin with this.
_DELETED = "-"
_LONG_VALUES = (
    f"LEFT JOIN long_values l ON r.value = '{ELSEWHERE}'"
    " AND l.db = r.db AND l.id = r.id AND l.view = r.view AND l.position = r.position"
)
_IDS_AT_ONCE = 500
_LIVE = "SELECT {} FROM documents WHERE db = ? AND id > ? {} AND NOT deleted ORDER BY id LIMIT 500"

log = logging.getLogger(__name__)


class EmbeddedStore(Store):
    """A Store in a SQLite file in `directory`. With `creates`, both are created if they are missing."""

    is_embedded = True

    def __init__(self, directory: str | Path, creates: bool = True):
        self._file = SQLiteFile(Path(directory) / FILE_NAME, _SCHEMA, creates)
        self._read, self._writing = self._file.read, self._file.writing
        self._maps = MapFunctions()
        self._numbers: dict[str, int] = {}

    def engine(self) -> str:
        self._file.check()
        self._read("SELECT count(*) FROM databases")
        return f"embedded store on SQLite {sqlite3.sqlite_version}"

    def close(self) -> None:
        self._file.close()

    # Databases

    def create_db(self, db: str, design_documents: Iterable[Document] = ()) -> None:
        with self._writing() as cursor:
            cursor.execute("INSERT OR IGNORE INTO databases (name) VALUES (?)", (db,))
            if cursor.rowcount == 0:
                return
            (number,) = cursor.execute("SELECT last_insert_rowid()").fetchone()
            for document in design_documents:
                self._save(cursor, number, db, document)

    def has_db(self, db: str) -> bool:
        return bool(self._read("SELECT 1 FROM databases WHERE name = ?", db))

    def delete_db(self, db: str) -> None:
        with self._writing() as cursor:
            row = cursor.execute("SELECT db FROM databases WHERE name = ?", (db,)).fetchone()
            if not row:
                return
            # No other database may get this number, because other processes may have cached it.
            cursor.execute("UPDATE databases SET name = ? WHERE db = ?", (f"{_DELETED}{row[0]}", row[0]))
            cursor.execute("DELETE FROM views WHERE db = ?", row)
        self._numbers.pop(db, None)
        # Others can write between these short transactions. What an interrupted process left is deleted too.
        for (number,) in self._read("SELECT db FROM databases WHERE name LIKE ?", f"{_DELETED}%"):
            for table in _TABLES_WITH_IDS:
                while self._delete_batch(table, number):
                    pass

    def _delete_batch(self, table: str, number: int) -> int:
        with self._writing() as cursor:
            ids = f"SELECT id FROM {table} WHERE db = ? LIMIT {_IDS_DELETED_AT_ONCE}"
            return cursor.execute(f"DELETE FROM {table} WHERE db = ? AND id IN ({ids})", (number, number)).rowcount

    def database_names(self) -> list[str]:
        names = (name for (name,) in self._read("SELECT name FROM databases ORDER BY name"))
        return [name for name in names if not name.startswith(_DELETED)]

    def _number(self, db: str) -> int:
        """The number of a database in the tables. Numbers are never reused, so they can be cached."""
        number = self._numbers.get(db)
        if number is None:
            rows = self._read("SELECT db FROM databases WHERE name = ?", db)
            if not rows:
                raise DatabaseMissing(db)
            number = self._numbers[db] = rows[0][0]
        return number

    # Documents

    def find_docs(self, db: str, doc_ids: list[str]) -> dict[str, Document]:
        try:
            number = self._number(db)
        except DatabaseMissing:
            return {}
        documents: dict[str, Document] = {}
        for start in range(0, len(doc_ids), _IDS_AT_ONCE):
            ids = doc_ids[start : start + _IDS_AT_ONCE]
            marks = ", ".join("?" * len(ids))
            rows = self._read(
                f"SELECT id, rev, body FROM documents WHERE db = ? AND NOT deleted AND id IN ({marks})", number, *ids
            )
            documents |= {row[0]: _document(*row) for row in rows}
        return documents

    def find_few_docs(self, db: str, doc_ids: list[str], most_bytes: int) -> dict[str, Document] | None:
        with suppress(DatabaseMissing):
            marks = ", ".join("?" * len(doc_ids))
            query = f"SELECT coalesce(sum(length(body)), 0) FROM documents WHERE db = ? AND id IN ({marks})"
            ((length,),) = self._read(query, self._number(db), *doc_ids)
            if length > most_bytes and len(doc_ids) > 1:
                return None
        return self.find_docs(db, doc_ids)

    def open_doc(self, db: str, doc_id: str) -> Document:
        rows = self._read(
            "SELECT rev, body FROM documents WHERE db = ? AND id = ? AND NOT deleted",
            self._number(db),
            doc_id,
        )
        if not rows:
            raise NotFound(doc_id)
        return _document(doc_id, *rows[0])

    def save_doc(self, db: str, document: Document) -> str:
        number = self._number(db)
        with self._writing() as cursor:
            return self._save(cursor, number, db, document)

    def save_docs(self, db: str, documents: list[Document]) -> dict[str, str]:
        """In one transaction."""
        number = self._number(db)
        revisions = {}
        with self._writing() as cursor:
            for document in documents:
                with suppress(Conflict, TooLarge), _savepoint(cursor):
                    revisions[document["_id"]] = self._save(cursor, number, db, document)
        return revisions

    def save_with(self, db: str, document: Document, other_db: str, other: Document) -> tuple[str, StoreError | None]:
        """Write both in one transaction."""
        number = self._number(db)
        with self._writing() as cursor:
            revision = self._save(cursor, number, db, document)
            try:
                with _savepoint(cursor):
                    self._overwrite(cursor, other_db, other)
            except StoreError as error:
                return revision, error
        return revision, None

    def _overwrite(self, cursor: sqlite3.Cursor, db: str, document: Document) -> None:
        cursor.execute("INSERT OR IGNORE INTO databases (name) VALUES (?)", (db,))
        (number,) = cursor.execute("SELECT db FROM databases WHERE name = ?", (db,)).fetchone()
        row = cursor.execute(
            "SELECT rev FROM documents WHERE db = ? AND id = ? AND NOT deleted", (number, document["_id"])
        ).fetchone()
        self._save(cursor, number, db, {**document, "_rev": row[0]} if row else document)

    def revisions(self, db: str, doc_id: str) -> list[str]:
        rows = self._read(
            "SELECT rev FROM revisions WHERE db = ? AND id = ? ORDER BY generation DESC",
            self._number(db),
            doc_id,
        )
        if not rows:
            raise NotFound(doc_id)
        return [rev for (rev,) in rows]

    def open_attachment(self, db: str, doc_id: str, name: str) -> bytes:
        number = self._number(db)
        rows = self._read("SELECT data FROM attachments WHERE db = ? AND id = ? AND name = ?", number, doc_id, name)
        if not rows:
            raise NotFound(f"{doc_id}/{name}")
        data: bytes = rows[0][0]
        return data

    def load_docs(self, db: str, documents: Iterable[Document]) -> None:
        self.create_db(db)
        number = self._number(db)
        with self._writing() as cursor:
            for document in documents:
                revision = document.get("_rev") or _next_revision(None, document)
                if self._wins(cursor, number, document, revision):
                    self._put(cursor, number, db, document, revision)

    def all_docs(
        self, db: str, startkey: str, endkey: str, limit: int | None = None, descending: bool = False
    ) -> list[Document]:
        rows = self._read(
            "SELECT id, rev, body FROM documents WHERE db = ? AND id >= ? AND id <= ? AND NOT deleted"
            f" ORDER BY id {'DESC' if descending else 'ASC'} LIMIT ?",
            self._number(db),
            startkey,
            endkey,
            -1 if limit is None else limit,
        )
        return [_document(*row) for row in rows]

    def doc_ids(self, db: str, after: str = "", before: str | None = None) -> Iterator[str]:
        return (doc_id for (doc_id,) in _live_rows(self._read, self._number(db), "id", after, before))

    def iterate_docs(self, db: str, conflicts: bool = False) -> Iterator[Document]:
        return _live_documents(self._read, self._number(db))

    def dump_docs(self, db: str, on_fault: OnFault | None = None) -> Iterator[Document]:
        for row in _live_rows(self._read, self._number(db)):
            try:
                yield self._with_attachments(db, _document(*row))
            except StoreError as error:
                if on_fault is None:
                    raise
                on_fault(row[0], error)

    def _with_attachments(self, db: str, document: Document) -> Document:
        for name, stub in document.get("_attachments", {}).items():
            data = self.open_attachment(db, document["_id"], name)
            stub.pop("stub", None)
            stub["data"] = base64.b64encode(data).decode("ascii")
        return document

    def _save(self, cursor: sqlite3.Cursor, number: int, db: str, document: Document) -> str:
        doc_id, base = document["_id"], document.get("_rev")
        row = cursor.execute(
            "SELECT rev, deleted FROM documents WHERE db = ? AND id = ?", (number, doc_id)
        ).fetchone()
        current, deleted = row or (None, True)
        if base != current and not (deleted and base is None):
            raise Conflict(doc_id)
        revision = _next_revision(current, document)
        self._put(cursor, number, db, document, revision)
        return revision

    def _wins(self, cursor: sqlite3.Cursor, number: int, document: Document, revision: str) -> bool:
        """Whether a revision would be the winning one in CouchDB, which would keep both leaves."""
        row = cursor.execute(
            "SELECT deleted, rev FROM documents WHERE db = ? AND id = ?", (number, document["_id"])
        ).fetchone()
        return not row or _rank(document.get("_deleted") is True, revision) > _rank(*row)

    def _put(self, cursor: sqlite3.Cursor, number: int, db: str, document: Document, revision: str) -> None:
        """Make `revision` a document's current one, and update its attachments and its rows in all views."""
        doc_id = document["_id"]
        deleted = document.get("_deleted") is True
        attachments = self._save_attachments(cursor, number, document, revision)
        body = {name: value for name, value in document.items() if name not in ("_id", "_rev", "_attachments")}
        if attachments:
            body["_attachments"] = attachments
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        if len(text) > LARGEST_DOCUMENT // 4 and len(text.encode()) > LARGEST_DOCUMENT:
            raise TooLarge(doc_id)
        if len(text) > MANY_CHARACTERS:
            self._file.grow_cache(cursor)
        cursor.execute(
            "INSERT OR REPLACE INTO documents (db, id, rev, deleted, body) VALUES (?, ?, ?, ?, ?)",
            (number, doc_id, revision, deleted, text),
        )
        generation = int(revision.split("-")[0])
        cursor.execute(
            "INSERT OR REPLACE INTO revisions (db, id, generation, rev) VALUES (?, ?, ?, ?)",
            (number, doc_id, generation, revision),
        )
        cursor.execute(
            "DELETE FROM revisions WHERE db = ? AND id = ? AND generation <= ?",
            (number, doc_id, generation - REVISIONS_KEPT),
        )
        if doc_id.startswith("_design/"):
            self._install_views(cursor, number, document, deleted)
        else:
            views = cursor.execute("SELECT name, map FROM views WHERE db = ?", (number,)).fetchall()
            self._index(cursor, number, {**body, "_id": doc_id, "_rev": revision}, views, deleted)

    def _save_attachments(self, cursor: sqlite3.Cursor, number: int, document: Document, revision: str) -> Document:
        """Write the attachments with data, keep those that are stubs, and delete all others. Returns the stubs."""
        doc_id, attachments = document["_id"], document.get("_attachments") or {}
        stored = cursor.execute("SELECT name FROM attachments WHERE db = ? AND id = ?", (number, doc_id)).fetchall()
        for (name,) in stored:
            if name not in attachments:
                cursor.execute("DELETE FROM attachments WHERE db = ? AND id = ? AND name = ?", (number, doc_id, name))
        stubs = {}
        for name, attachment in attachments.items():
            if "data" not in attachment:
                stubs[name] = attachment
                continue
            data = base64.b64decode(attachment["data"])
            cursor.execute(
                "INSERT OR REPLACE INTO attachments (db, id, name, data) VALUES (?, ?, ?, ?)",
                (number, doc_id, name, data),
            )
            stubs[name] = {
                "content_type": attachment.get("content_type", "application/octet-stream"),
                "revpos": attachment.get("revpos", int(revision.split("-")[0])),
                "digest": "md5-" + base64.b64encode(hashlib.md5(data).digest()).decode("ascii"),
                "length": len(data),
                "stub": True,
            }
        return stubs

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
        number = self._number(db)
        if not self._read("SELECT 1 FROM views WHERE db = ? AND name = ?", number, view):
            raise ViewMissing(view)
        if descending:
            startkey, endkey = endkey, startkey
        where, values = "r.db = ? AND r.view = ?", [number, view]
        for bound, comparison in ((key, "="), (startkey, ">="), (endkey, "<=")):
            if bound is not UNSET:
                where += f" AND r.sort {comparison} ?"
                values.append(sort_key(bound))
        if reduce:
            count = self._read(f"SELECT count(*) FROM rows r WHERE {where}", *values)[0][0]
            return [Row(None, None, count)] if count else []
        order = "DESC" if descending else "ASC"
        columns, join = "r.id, r.key, coalesce(l.value, r.value), NULL, NULL", _LONG_VALUES
        if include_docs:
            columns = "r.id, r.key, coalesce(l.value, r.value), d.rev, d.body"
            join += " JOIN documents d ON d.db = r.db AND d.id = r.id"
        rows = self._read(
            f"SELECT {columns} FROM rows r {join} WHERE {where}"
            f" ORDER BY r.sort {order}, r.id {order}, r.position {order} LIMIT ?",
            *values,
            -1 if limit is None else min(limit, _LARGEST_INTEGER),
        )
        return [
            Row(doc_id, json.loads(key), json.loads(value), _document(doc_id, rev, body) if rev else None)
            for doc_id, key, value, rev, body in rows
        ]

    def _install_views(self, cursor: sqlite3.Cursor, number: int, design: Document, deleted: bool) -> None:
        name = design["_id"].removeprefix("_design/")
        for (view,) in cursor.execute(
            "SELECT name FROM views WHERE db = ? AND design = ?", (number, name)
        ).fetchall():
            for table in _TABLES_OF_ROWS:
                cursor.execute(f"DELETE FROM {table} WHERE db = ? AND view = ?", (number, view))
        cursor.execute("DELETE FROM views WHERE db = ? AND design = ?", (number, name))
        if deleted:
            return
        views = [
            (f"{name}/{view}", function["map"], function.get("reduce"))
            for view, function in (design.get("views") or {}).items()
            if isinstance(function, dict) and isinstance(function.get("map"), str)
        ]
        cursor.executemany(
            "INSERT INTO views (db, name, design, map, reduce) VALUES (?, ?, ?, ?, ?)",
            [(number, view, name, source, reduce) for view, source, reduce in views],
        )
        self._rebuild(cursor, number, [(view, source) for view, source, _ in views])

    def _rebuild(self, cursor: sqlite3.Cursor, number: int, views: list[tuple[str, str]]) -> None:
        def read(statement: str, *values: Any) -> list[tuple[Any, ...]]:
            return cursor.execute(statement, values).fetchall()

        for document in _live_documents(read, number):
            if document["_id"].startswith("_design/"):
                continue
            try:
                self._insert_rows(cursor, number, document, views)
            except TooLarge:
                log.error("the views skip document %s, because they would emit too much for it", document["_id"])

    def _index(
        self,
        cursor: sqlite3.Cursor,
        number: int,
        document: Document,
        views: list[tuple[str, str]],
        deleted: bool,
    ) -> None:
        for table in _TABLES_OF_ROWS:
            cursor.execute(f"DELETE FROM {table} WHERE db = ? AND id = ?", (number, document["_id"]))
        if not deleted:
            self._insert_rows(cursor, number, document, views)

    def _insert_rows(
        self, cursor: sqlite3.Cursor, number: int, document: Document, views: list[tuple[str, str]]
    ) -> None:
        try:
            emitted = self._maps.rows([source for _, source in views], document)
        except EmitsTooMuch:
            raise TooLarge(document["_id"]) from None
        rows, long_values = [], []
        for (view, _), pairs in zip(views, emitted, strict=True):
            for position, (key, value) in enumerate(pairs):
                if len(value) > LONGEST_VALUE_IN_ROWS:
                    long_values.append((number, document["_id"], view, position, value))
                    value = ELSEWHERE
                rows.append((number, view, sort_key(key), document["_id"], position, json.dumps(key), value))
        cursor.executemany(
            "INSERT INTO rows (db, view, sort, id, position, key, value) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
        )
        cursor.executemany(
            "INSERT INTO long_values (db, id, view, position, value) VALUES (?, ?, ?, ?, ?)", long_values
        )


def _live_documents(read: Callable[..., list[tuple[Any, ...]]], number: int) -> Iterator[Document]:
    """The documents of a database that are not deleted, sorted by id."""
    return (_document(*row) for row in _live_rows(read, number))


def _live_rows(
    read: Callable[..., list[tuple[Any, ...]]],
    number: int,
    columns: str = "id, rev, body",
    after: str = "",
    before: str | None = None,
) -> Iterator[tuple[str, ...]]:
    """These columns of the documents between two ids, the id first, read in pages."""
    limit = () if before is None else (before,)
    query = _LIVE.format(columns, "AND id < ?" if limit else "")
    while page := read(query, number, after, *limit):
        yield from page
        after = page[-1][0]


@contextmanager
def _savepoint(cursor: sqlite3.Cursor) -> Iterator[None]:
    """Undo what a part of a transaction has written if it fails."""
    cursor.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        cursor.execute("ROLLBACK TO part")
        raise
    finally:
        cursor.execute("RELEASE part")


def _document(doc_id: str, revision: str, body: str) -> Document:
    try:
        return {"_id": doc_id, "_rev": revision, **json.loads(body)}
    except ValueError:
        raise Unavailable(f"document {doc_id} is damaged") from None


def _next_revision(current: str | None, document: Document) -> str:
    """The revision after `current`: the next generation and a hash of `current` and the content.

    Documents with equal histories get equal revisions.
    """
    generation = int(current.split("-")[0]) + 1 if current else 1
    content = {name: value for name, value in document.items() if name != "_rev"}
    text = json.dumps([current, content], sort_keys=True, separators=(",", ":"))
    return f"{generation}-{hashlib.md5(text.encode()).hexdigest()}"


def _rank(deleted: bool, revision: str) -> tuple[bool, int, str]:
    """The revision with the highest rank wins. A live one outranks a deleted one, then a later one an earlier one."""
    generation, _, digest = revision.partition("-")
    return not deleted, int(generation), digest
