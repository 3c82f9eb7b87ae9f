"""A cache of the documents that the checks of every request need. They are kept for two seconds.

It is only for documents that may be slightly old: accounts, users, settings (docs/kazoo/auth.md, section 10). The
documents that clients request are never read through it. It holds nothing that another instance must know.
"""

import threading
import time
from typing import Any, Protocol

from app.documents import Document
from app.store import Store

SECONDS = 2.0
MOST = 20_000


class Config(Protocol):
    """Reads a value of `system_config` as it applies to this node, e.g. `Services.config`."""

    def __call__(self, document: str, *path: str, default: Any = None) -> Any:
        """The value at a path of the document, or `default` if there is none."""


class DocumentCache:
    """Reads documents from a store and caches them. They are shared, so callers must not change them.

    `nodes` are the members of `system_config` documents that apply here; the first one with a value counts.
    """

    def __init__(self, store: Store, nodes: tuple[str, ...] = ("default",), seconds: float = SECONDS):
        self._store = store
        self._nodes = nodes
        self._seconds = seconds
        self._documents: dict[tuple[str, str], tuple[float, Document | None]] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def find_doc(self, db: str, doc_id: str) -> Document | None:
        """The document as it was at most `seconds` ago; None if there was none. Raises Unavailable."""
        now = time.monotonic()
        known = self._documents.get((db, doc_id))
        if known and now - known[0] < self._seconds:
            return known[1]
        seen = self._forgotten
        document = self._store.find_doc(db, doc_id)
        with self._lock:
            # If a document was forgotten meanwhile, this may be the old version of it, so it is not cached.
            if seen == self._forgotten:
                if len(self._documents) >= MOST:
                    self._documents.clear()
                self._documents[db, doc_id] = (now, document)
        return document

    def forget(self, db: str, doc_id: str) -> None:
        """Drop a document that this process wrote, so that the next read gets it from the store."""
        with self._lock:
            self._forgotten += 1
            self._documents.pop((db, doc_id), None)

    def setting(self, document: str, *path: str, default: Any = None) -> Any:
        """A value of `system_config`: that of the node, else of the zone, else the one under `default`.

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
