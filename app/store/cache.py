"""Caches the documents that every request's checks need, for two seconds.

Use it only for documents that may be slightly out of date: accounts, users and settings (docs/kazoo/auth.md,
section 10). Never read the documents that clients request through it. Instances need not share it.
"""

import threading
import time
from typing import Any, Protocol

from app.documents import Document
from app.kazoo import json_text
from app.store import Store

SECONDS = 2.0
# In bytes of JSON, of all documents and of one. In memory they take several times as much.
MOST_BYTES, LARGEST = 16_000_000, 8_000_000
# The size of a missing document.
_NOTHING = 100


class Config(Protocol):
    """Reads a value of `system_config` for this node, such as `Services.config`."""

    def __call__(self, document: str, *path: str, default: Any = None) -> Any:
        """The value at a path of the document, or `default` if there is none."""


class DocumentCache:
    """Reads documents from a store and caches them. Callers share the documents, so they must not change them.

    `nodes` are the members of `system_config` documents that apply to this node. The first one with a value wins.
    """

    def __init__(self, store: Store, nodes: tuple[str, ...] = ("default",), seconds: float = SECONDS):
        self._store = store
        self._nodes = nodes
        self._seconds = seconds
        # The time of the reading, the size and the document, in the order of the readings.
        self._documents: dict[tuple[str, str], tuple[float, int, Document | None]] = {}
        self._bytes = 0
        self._forgotten = 0
        self._lock = threading.Lock()

    def find_doc(self, db: str, doc_id: str) -> Document | None:
        """The document as it was at most `seconds` ago, or None if it did not exist. Raises Unavailable."""
        now = time.monotonic()
        cached = self._documents.get((db, doc_id))
        if cached and now - cached[0] < self._seconds:
            return cached[2]
        forgotten = self._forgotten
        document = self._store.find_doc(db, doc_id)
        size = len(json_text.dumps(document)) if document else _NOTHING
        with self._lock:
            # If a document was forgotten during the read, this may be its old version, so it is not cached.
            if forgotten == self._forgotten:
                self._remember((db, doc_id), now, size, document)
        return document

    def _remember(self, key: tuple[str, str], now: float, size: int, document: Document | None) -> None:
        self._drop(key)
        if size <= LARGEST:
            self._documents[key] = (now, size, document)
            self._bytes += size
        while self._documents:
            oldest = next(iter(self._documents))
            if self._bytes <= MOST_BYTES and now - self._documents[oldest][0] < self._seconds:
                return
            self._drop(oldest)

    def _drop(self, key: tuple[str, str]) -> None:
        _, size, _ = self._documents.pop(key, (0.0, 0, None))
        self._bytes -= size

    def forget(self, db: str, doc_id: str) -> None:
        """Drop a document that this process wrote, so that the next read gets the new version."""
        with self._lock:
            self._forgotten += 1
            self._drop((db, doc_id))

    def setting(self, document: str, *path: str, default: Any = None) -> Any:
        """A value of `system_config`, for the node, its zone, or `default`, in that order.

        Spec: docs/kazoo/auth.md, section 2.2.
        """
        settings = self.find_doc("system_config", document)
        if not settings:
            return default
        for node in self._nodes:
            value: Any = settings.get(node)
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if value is not None:
                return value
        return default
