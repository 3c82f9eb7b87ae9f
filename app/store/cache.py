"""Documents that gates read on every request, remembered for a moment.

Only for what may be a moment old: accounts, users, settings (docs/kazoo/auth.md, section 10). What a client asked
for is never read through here. Nothing that another instance must know is kept.
"""

import threading
import time
from typing import Any, Protocol

from app.documents import Document
from app.store import Store

SECONDS = 2.0
MOST = 20_000


class Config(Protocol):
    """Reads a value of `system_config` as it is for this node: `Services.config`."""

    def __call__(self, document: str, *path: str, default: Any = None) -> Any:
        """The value at a path of the document, `default` where there is none."""


class DocumentCache:
    """Reads through a store. The documents are shared, so callers must not change them.

    `nodes` are the members of `system_config` documents that apply here, first to last.
    """

    def __init__(self, store: Store, nodes: tuple[str, ...] = ("default",), seconds: float = SECONDS):
        self._store = store
        self._nodes = nodes
        self._seconds = seconds
        self._documents: dict[tuple[str, str], tuple[float, Document | None]] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def find_doc(self, db: str, doc_id: str) -> Document | None:
        """The document as it was at most `seconds` ago; None where there was none. Raises Unavailable."""
        now = time.monotonic()
        known = self._documents.get((db, doc_id))
        if known and now - known[0] < self._seconds:
            return known[1]
        seen = self._forgotten
        document = self._store.find_doc(db, doc_id)
        with self._lock:
            # Where something was forgotten meanwhile, this may be the document from before.
            if seen == self._forgotten:
                if len(self._documents) >= MOST:
                    self._documents.clear()
                self._documents[db, doc_id] = (now, document)
        return document

    def forget(self, db: str, doc_id: str) -> None:
        """Read this document anew next time, after this process wrote it."""
        with self._lock:
            self._forgotten += 1
            self._documents.pop((db, doc_id), None)

    def setting(self, document: str, *path: str, default: Any = None) -> Any:
        """A value of `system_config`: under the node's name, the zone's, then `default`.

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
