"""An index of all numbers. To look up each number alone would cost CouchDB a hundred times as much."""

import itertools
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from app.documents import Document
from app.numbers import ownership
from app.store import Store

READERS, BATCH = 4, 500
# The members that the rules need.
_MEMBERS = ("pvt_assigned_to", "pvt_state", "pvt_number_state", "pvt_used_by", "pvt_module_name")

# Finds the documents of numbers, by number.
FindNumbers = Callable[[set[str]], dict[str, Document]]


def store_lookup(store: Store) -> FindNumbers:
    """A function that looks up each number in the store."""
    return lambda numbers: ownership.number_documents(store, numbers)


class NumberIndex:
    """A snapshot of all numbers in the system, in an unnamed temporary file to save memory."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", check_same_thread=False)
        self._file.execute("CREATE TABLE numbers (id TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID")
        self._writing = threading.Lock()

    def fill(self, store: Store, databases: Iterable[str]) -> Iterator[None]:
        """Read these databases of numbers, several at a time. Yields once for each. Raises Unavailable."""
        with ThreadPoolExecutor(READERS) as pool:
            yield from pool.map(partial(self._read, store), databases)

    def _read(self, store: Store, db: str) -> None:
        rows = _rows(store, db)
        while batch := list(itertools.islice(rows, BATCH)):
            with self._writing:
                self._file.executemany("INSERT OR REPLACE INTO numbers VALUES (?, ?)", batch)

    def find(self, numbers: set[str]) -> dict[str, Document]:
        """The documents of these numbers, by number, with only the members that the rules need."""
        documents = {}
        for number in numbers:
            row = self._file.execute("SELECT document FROM numbers WHERE id = ?", (number,)).fetchone()
            if row:
                documents[number] = {"_id": number, **json.loads(row[0])}
        return documents


def _rows(store: Store, db: str) -> Iterator[tuple[str, str]]:
    for document in store.iterate_docs(db):
        members = {name: document[name] for name in _MEMBERS if name in document}
        yield document["_id"], json.dumps(members)
