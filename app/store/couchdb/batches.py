"""Collects the documents that many threads write at the same time. One thread writes them in batches."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from app.documents import Document
from app.kazoo import json_text
from app.store import StoreError, Unavailable

# In bytes of JSON. A longer document gets a batch of its own.
LARGEST_BATCH = 2_000_000
SECONDS_IDLE = 30.0
# After a batch of several documents, the next batch waits for this many documents, or this many seconds.
FULL_BATCH, SECONDS_TO_FILL = 8, 0.02

# Writes JSON documents to a database. Returns an error for each, or None if it was written.
WriteBatch = Callable[[str, list[bytes]], list[StoreError | None]]
_Item = tuple[str, bytes, Future[StoreError | None]]


log = logging.getLogger(__name__)


class Batches:
    """Writes one batch at a time, with all documents since the previous one. Its thread ends when it is idle."""

    def __init__(self, write: WriteBatch):
        self._write = write
        self._items: list[_Item] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_busy = False

    def put(self, db: str, document: Document) -> Future[StoreError | None]:
        """Write a document with the next batch. The future's result is the error, or None if it was written."""
        done: Future[StoreError | None] = Future()
        with self._changed:
            self._items.append((db, json_text.dumps(document).encode(), done))
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="batches", daemon=True)
                self._thread.start()
        return done

    def _run(self) -> None:
        while batch := self._next_batch():
            for (_, _, done), error in zip(batch, self._errors(batch), strict=True):
                done.set_result(error)

    def _errors(self, batch: list[_Item]) -> list[StoreError | None]:
        try:
            errors = self._write(batch[0][0], [text for _, text, _ in batch])
            if len(errors) == len(batch):
                return errors
            error: StoreError = Unavailable("the answer to a batch has the wrong number of rows")
        except StoreError as fault:
            error = fault
        except Exception as fault:
            # Otherwise the callers would wait forever.
            log.exception("a batch was not written")
            error = Unavailable(type(fault).__name__)
        return [error] * len(batch)

    def _next_batch(self) -> list[_Item]:
        """The next batch, for one database. It is empty after SECONDS_IDLE without documents."""
        with self._changed:
            if self._is_busy:
                # More documents will come soon. A batch costs CouchDB as many disk writes as one document.
                self._changed.wait_for(lambda: len(self._items) >= FULL_BATCH, SECONDS_TO_FILL)
            while not self._items:
                if not self._changed.wait(SECONDS_IDLE):
                    self._thread = None
                    return []
            db, size = self._items[0][0], 0
            batch: list[_Item] = []
            while self._items and self._items[0][0] == db:
                size += len(self._items[0][1])
                if batch and size > LARGEST_BATCH:
                    break
                batch.append(self._items.pop(0))
            self._is_busy = len(batch) > 1
            return batch
