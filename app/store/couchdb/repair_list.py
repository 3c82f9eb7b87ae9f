"""Documents that may have conflicts, to be looked at soon by a thread of their own."""

import heapq
import logging
import threading
import time
from collections.abc import Callable

from app.store import StoreError

MOST = 10_000
# How long after a write that a copy may have kept beside another one, in seconds: replication needs a while.
SECONDS_UNTIL_REPLICATED = 10.0
# Doubled with each try.
SECONDS_UNTIL_TRIED_AGAIN, MOST_TRIES = 2.5, 6
SECONDS_IDLE = 30.0

log = logging.getLogger(__name__)


class RepairList:
    """Calls `repair` with database and id of each document that is noted, in a thread that ends when all is done.

    The list is lost with the process, and full at MOST. A read of such a document notes it again, and
    `python -m app conflicts` finds all of them.
    """

    def __init__(self, repair: Callable[[str, str], None]):
        self._repair = repair
        self._due: list[tuple[float, str, str, int]] = []
        self._noted: set[tuple[str, str]] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def note(self, db: str, doc_id: str, seconds: float = 0.0, tries: int = 1) -> None:
        """Look at a document after so many seconds, for the first time or again, unless it is on the list already."""
        with self._changed:
            if (db, doc_id) in self._noted or len(self._due) >= MOST:
                return
            self._noted.add((db, doc_id))
            heapq.heappush(self._due, (time.monotonic() + seconds, db, doc_id, tries))
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="conflicts", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (due := self._next()) is not None:
            db, doc_id, tries = due
            try:
                self._repair(db, doc_id)
            except StoreError as error:
                log.warning("the conflicts of %s/%s were not looked at: %s", db, doc_id, type(error).__name__)
                if tries < MOST_TRIES:
                    self.note(db, doc_id, SECONDS_UNTIL_TRIED_AGAIN * 2**tries, tries + 1)
            except Exception:
                log.exception("the conflicts of %s/%s were not looked at", db, doc_id)

    def _next(self) -> tuple[str, str, int] | None:
        """The next document, when its time has come; None if there was nothing for a while."""
        with self._changed:
            idle_since = time.monotonic()
            while True:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    _, db, doc_id, tries = heapq.heappop(self._due)
                    self._noted.discard((db, doc_id))
                    return db, doc_id, tries
                if not self._due and now - idle_since > SECONDS_IDLE:
                    self._thread = None
                    return None
                self._changed.wait(self._due[0][0] - now if self._due else SECONDS_IDLE)
