"""Work to be done soon, and again if it fails, by a thread of its own."""

import heapq
import logging
import threading
import time
from collections.abc import Callable

MOST = 10_000
# Doubled with each try.
SECONDS_UNTIL_TRIED_AGAIN, MOST_TRIES = 2.5, 6
SECONDS_IDLE = 30.0

log = logging.getLogger(__name__)


class Later:
    """Calls `work` with the words of each note, in a thread that ends when nothing is left.

    `what` names the work in the log. The notes are lost with the process. There are at most MOST; others are dropped.
    """

    def __init__(self, what: str, work: Callable[..., None]):
        self._what = what
        self._work = work
        self._due: list[tuple[float, tuple[str, ...], int]] = []
        self._noted: set[tuple[str, ...]] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def note(self, *words: str, seconds: float = 0.0, tries: int = 1) -> None:
        """Call `work` with these words after so many seconds, unless they are noted already."""
        with self._changed:
            if words in self._noted or len(self._due) >= MOST:
                return
            self._noted.add(words)
            heapq.heappush(self._due, (time.monotonic() + seconds, words, tries))
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._what, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            words, tries = due
            try:
                self._work(*words)
            except Exception as error:
                log.warning("%s of %s: failed: %s", self._what, "/".join(words), type(error).__name__)
                if tries < MOST_TRIES:
                    self.note(*words, seconds=SECONDS_UNTIL_TRIED_AGAIN * 2**tries, tries=tries + 1)

    def _next(self) -> tuple[tuple[str, ...], int] | None:
        """The next note, when its time has come; None if there was nothing for a while."""
        with self._changed:
            idle_since = time.monotonic()
            while True:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    _, words, tries = heapq.heappop(self._due)
                    self._noted.discard(words)
                    return words, tries
                if not self._due and now - idle_since > SECONDS_IDLE:
                    self._thread = None
                    return None
                self._changed.wait(self._due[0][0] - now if self._due else SECONDS_IDLE)
