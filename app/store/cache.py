"""Caches the documents that every request's checks need, for two seconds.

Use it only for documents that may be slightly out of date: accounts, users and settings (docs/kazoo/auth.md,
section 10). Never read the documents that clients request through it. Instances need not share it.
"""

import threading
import time
from typing import Any, Protocol

from app.documents import Document
from app.store import Store

SECONDS = 2.0
MOST_DOCUMENTS = 20_000


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
        self._documents: dict[tuple[str, str], tuple[float, Document | None]] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def find_doc(self, db: str, doc_id: str) -> Document | None:
        """The document as it was at most `seconds` ago, or None if it did not exist. Raises Unavailable."""
        now = time.monotonic()
        cached = self._documents.get((db, doc_id))
        if cached and now - cached[0] < self._seconds:
            return cached[1]
        forgotten = self._forgotten
        document = self._store.find_doc(db, doc_id)
        with self._lock:
            # If a document was forgotten during the read, this may be its old version, so it is not cached.
            if forgotten == self._forgotten:
                if len(self._documents) >= MOST_DOCUMENTS:
                    self._documents.clear()
                self._documents[db, doc_id] = (now, document)
        return document

    def forget(self, db: str, doc_id: str) -> None:
        """Drop a document that this process wrote, so that the next read gets the new version."""
        with self._lock:
            self._forgotten += 1
            self._documents.pop((db, doc_id), None)

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
