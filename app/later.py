"""Does work in the background, and retries it if it fails."""

import heapq
import logging
import threading
import time
from collections.abc import Callable

MOST_TASKS = 10_000
# The pause before a retry. It doubles with each try.
SECONDS_UNTIL_TRIED_AGAIN, MOST_TRIES = 2.5, 6
SECONDS_IDLE = 30.0

log = logging.getLogger(__name__)


class Later:
    """Calls `work` with the arguments of each task, in a thread that ends when it is idle.

    `name` is for the log. Tasks are lost when the process ends. If MOST_TASKS are waiting, new ones are dropped.
    """

    def __init__(self, name: str, work: Callable[..., None]):
        self._name = name
        self._work = work
        self._due: list[tuple[float, tuple[str, ...], int]] = []
        self._waiting: set[tuple[str, ...]] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def note(self, *args: str, seconds: float = 0.0, tries: int = 1) -> None:
        """Add a task for `work` in this many seconds, unless a task with these arguments is waiting."""
        with self._changed:
            if args in self._waiting or len(self._due) >= MOST_TASKS:
                return
            self._waiting.add(args)
            heapq.heappush(self._due, (time.monotonic() + seconds, args, tries))
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            args, tries = due
            try:
                self._work(*args)
            except Exception as error:
                log.warning("%s of %s: failed: %s", self._name, "/".join(args), type(error).__name__)
                if tries < MOST_TRIES:
                    self.note(*args, seconds=SECONDS_UNTIL_TRIED_AGAIN * 2**tries, tries=tries + 1)

    def _next(self) -> tuple[tuple[str, ...], int] | None:
        """Wait for the next task that is due. None if there was no task for a while."""
        with self._changed:
            idle_since = time.monotonic()
            while True:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    _, args, tries = heapq.heappop(self._due)
                    self._waiting.discard(args)
                    return args, tries
                if not self._due and now - idle_since > SECONDS_IDLE:
                    self._thread = None
                    return None
                self._changed.wait(self._due[0][0] - now if self._due else SECONDS_IDLE)
