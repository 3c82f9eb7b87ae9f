"""Documents that many threads want written at the same time, written together by one thread."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from app.documents import Document
from app.kazoo import json_text
from app.store import StoreError, Unavailable

# In bytes of JSON; a longer document is alone in its batch.
LARGEST_BATCH = 2_000_000
SECONDS_IDLE = 30.0
# While there are several documents in a batch, the next one waits for so many, or for so long.
ENOUGH, SECONDS_FOR_OTHERS = 8, 0.02

# Writes these documents, as JSON, to a database. Returns the error of each, None for one that was written.
WriteBatch = Callable[[str, list[bytes]], list[StoreError | None]]
_Item = tuple[str, bytes, Future[StoreError | None]]


log = logging.getLogger(__name__)


class Batches:
    """Writes what has come in since the last batch, one batch after the other, in a thread that ends when idle."""

    def __init__(self, write: WriteBatch):
        self._write = write
        self._items: list[_Item] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._are_many = False

    def put(self, db: str, document: Document) -> Future[StoreError | None]:
        """Write a document with the next batch. The future has its error, None if it was written."""
        done: Future[StoreError | None] = Future()
        with self._changed:
            self._items.append((db, json_text.dumps(document).encode(), done))
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="batches", daemon=True)
                self._thread.start()
        return done

    def _work(self) -> None:
        while batch := self._next():
            for (_, _, done), error in zip(batch, self._errors(batch), strict=True):
                done.set_result(error)

    def _errors(self, batch: list[_Item]) -> list[StoreError | None]:
        try:
            errors = self._write(batch[0][0], [text for _, text, _ in batch])
            if len(errors) == len(batch):
                return errors
            error: StoreError = Unavailable("the answer to a batch has too few or too many parts")
        except StoreError as fault:
            error = fault
        except Exception as fault:
            # Those who wait must not wait for ever.
            log.exception("a batch was not written")
            error = Unavailable(type(fault).__name__)
        return [error] * len(batch)

    def _next(self) -> list[_Item]:
        """The next documents of one database; none if nothing came for a while."""
        with self._changed:
            if self._are_many:
                # Others will come: one batch costs CouchDB's disk as much as one document.
                self._changed.wait_for(lambda: len(self._items) >= ENOUGH, SECONDS_FOR_OTHERS)
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
            self._are_many = len(batch) > 1
            return batch
