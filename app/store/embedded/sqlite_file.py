"""The file of the embedded store: its connections, its queue of writers, and what may happen to the file."""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app import deadline
from app.files import locked
from app.store import Unavailable

# Of the file, in its `user_version`. Files of version 1.0 have 0, and the same tables.
FORMAT = 1
# How long a write waits for other writes.
SECONDS_TO_WAIT = 5.0
# If the current write takes longer than this, only MOST_WAITING writers keep waiting: reads need threads too.
SECONDS_UNTIL_STUCK = 1.0
MOST_WAITING = 4
_SECONDS_BETWEEN_CHECKS = 0.25
KIB_OF_CACHE = 512
# For one write of many rows. With less, SQLite would write the same pages again and again.
KIB_OF_CACHE_FOR_MANY_ROWS = 8 * 1024


class SQLiteFile:
    """A SQLite file with a connection for each thread. Every method may raise Unavailable. Safe with threads.

    With `creates`, a missing file is created. Only its owner can read the file, because it contains keys and password
    hashes.
    """

    def __init__(self, path: Path, schema: str, creates: bool = True):
        self._path = path
        self._local = threading.local()
        self._writer = threading.Lock()
        self._waiting_lock = threading.Lock()
        self._waiting = 0
        self._writing_since = 0.0
        if not creates:
            return
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite does not wait for another process that changes the journal mode.
            with locked(path.with_name(f"{path.name}.lock")):
                # Opened and closed here, a file would lose the locks of all connections that this process has to it.
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
                path.chmod(0o600)
                self._create(schema)
        except OSError as error:
            raise Unavailable(f"DATA_DIR {path.parent}: {error.strerror}") from error

    def _create(self, schema: str) -> None:
        self.read("PRAGMA journal_mode = WAL")
        with self.writing() as cursor:
            for statement in schema.split(";"):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {FORMAT}")

    def check(self) -> None:
        """Check that the path still names the open file. Raises Unavailable."""
        self._checked_connection()

    def read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        try:
            return self._connection().execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise _unavailable(error) from None

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Cursor]:
        """One transaction. Threads of a process wait for a lock, because SQLite would make them poll."""
        end = deadline.within(SECONDS_TO_WAIT)
        self._wait_for_turn(end)
        try:
            self._writing_since = time.monotonic()
            cursor = self._checked_connection().cursor()
            cursor.execute(f"PRAGMA busy_timeout = {max(0, int((end - self._writing_since) * 1000))}")
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                cursor.connection.rollback()
                raise
            finally:
                self._shrink_cache()
        except sqlite3.Error as error:
            raise _unavailable(error) from None
        finally:
            self._writer.release()

    def grow_cache(self, cursor: sqlite3.Cursor) -> None:
        """Let this transaction keep more pages in memory."""
        cursor.execute(f"PRAGMA cache_size = -{KIB_OF_CACHE_FOR_MANY_ROWS}")
        self._local.has_large_cache = True

    def _shrink_cache(self) -> None:
        if not getattr(self._local, "has_large_cache", False):
            return
        self._local.has_large_cache = False
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection:
            connection.execute(f"PRAGMA cache_size = -{KIB_OF_CACHE}")
            connection.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Close this thread's connection. The next use opens a new one."""
        connection = getattr(self._local, "connection", None)
        if connection:
            connection.close()
            self._local.connection = None

    def _wait_for_turn(self, end: float) -> None:
        if self._writer.acquire(blocking=False):
            return
        with self._waiting_lock:
            self._waiting += 1
        try:
            while not self._writer.acquire(timeout=_SECONDS_BETWEEN_CHECKS):
                now = time.monotonic()
                is_stuck = now - self._writing_since > SECONDS_UNTIL_STUCK
                if now > end or (is_stuck and self._waiting > MOST_WAITING):
                    raise Unavailable("the store is locked by another writer")
        finally:
            with self._waiting_lock:
                self._waiting -= 1

    def _checked_connection(self) -> sqlite3.Connection:
        """This thread's connection, if the path still names its file. Otherwise writes would be lost."""
        connection = self._connection()
        if self._identity() != self._local.identity:
            self.close()
            raise Unavailable(f"{self._path} was replaced while it was open")
        return connection

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            self._local.identity = self._identity()
            try:
                connection = self._local.connection = self._opened()
            except sqlite3.Error as error:
                raise _unavailable(error) from None
        return connection

    def _opened(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self._path))}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=SECONDS_TO_WAIT, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            # Each thread has such a cache, and the system caches the file as well.
            connection.execute(f"PRAGMA cache_size = -{KIB_OF_CACHE}")
            self._check_format(connection)
        except (sqlite3.Error, Unavailable):
            connection.close()
            raise
        return connection

    def _check_format(self, connection: sqlite3.Connection) -> None:
        (stored,) = connection.execute("PRAGMA user_version").fetchone()
        if stored > FORMAT:
            raise Unavailable(f"{self._path} was written by a newer version (format {stored}; this one has {FORMAT})")

    def _identity(self) -> tuple[int, int]:
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}") from None
        return status.st_dev, status.st_ino


def _unavailable(error: sqlite3.Error) -> Unavailable:
    """SQLite's text is left out, because it may show what is in the file."""
    return Unavailable(f"SQLite: {getattr(error, 'sqlite_errorname', None) or 'the file cannot be read'}")
