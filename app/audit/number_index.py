"""The documents of many numbers, read in one go: single look-ups of them cost a CouchDB a hundred times as much."""

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

PREFIX = "numbers/"
READERS, BATCH = 4, 500
# What the rules look at.
_MEMBERS = ("pvt_assigned_to", "pvt_state", "pvt_number_state", "pvt_used_by", "pvt_module_name")

# Finds the documents of numbers, by number.
Find = Callable[[set[str]], dict[str, Document]]


def looked_up(store: Store) -> Find:
    """Looks up each number in the store."""
    return lambda numbers: ownership.number_documents(store, numbers)


class NumberIndex:
    """All numbers of the system as they were when it was made, in a file without a name, so that memory has room."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", check_same_thread=False)
        self._file.execute("CREATE TABLE numbers (id TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID")
        self._writing = threading.Lock()

    def fill(self, store: Store, databases: Iterable[str]) -> Iterator[None]:
        """Read these databases of numbers, several at a time. Yields after each. Raises Unavailable."""
        with ThreadPoolExecutor(READERS) as pool:
            yield from pool.map(partial(self._read, store), databases)

    def _read(self, store: Store, db: str) -> None:
        rows = _rows(store, db)
        while batch := list(itertools.islice(rows, BATCH)):
            with self._writing:
                self._file.executemany("INSERT OR REPLACE INTO numbers VALUES (?, ?)", batch)

    def find(self, numbers: set[str]) -> dict[str, Document]:
        """What the rules look at in the documents of these numbers, by number."""
        found = {}
        for number in numbers:
            row = self._file.execute("SELECT document FROM numbers WHERE id = ?", (number,)).fetchone()
            if row:
                found[number] = {"_id": number, **json.loads(row[0])}
        return found

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def databases_of_numbers(store: Store) -> list[str]:
    """The names of the databases of numbers."""
    return [db for db in store.database_names() if db.startswith(PREFIX)]


def _rows(store: Store, db: str) -> Iterator[tuple[str, str]]:
    for document in store.iterate_docs(db):
        kept = {name: document[name] for name in _MEMBERS if name in document}
        yield document["_id"], json.dumps(kept)
