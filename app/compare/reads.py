"""Sends GETs to both servers and collects where the answers differ."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from app.compare.conversation import RawAnswer
from app.compare.equality import Answer, Difference, Normaliser, differences, other_order
from app.compare.servers import Server
from app.compare.walk import body_of

# Between two servers a document may change. A difference counts if it stays, in so many looks.
LOOKS = 3
SECONDS_BETWEEN_LOOKS = 0.3


@dataclass(frozen=True)
class Differing:
    """A request whose answers differ. `condition` is how it was sent, ``If-None-Match`` or nothing."""

    method: str
    target: str
    differences: tuple[Difference, ...]
    condition: str = ""


class Comparison:
    """What has been asked so far, and how often the old server showed something.

    `tell` gets each request whose answers differ, one at a time.
    """

    def __init__(self, old: Server, new: Server, tell: Callable[[Differing], None]):
        self.old = old
        self.new = new
        self.asked = 0
        self.shown = 0
        self.differing = 0
        self.stopped = threading.Event()
        self.trouble: list[Exception] = []
        self._tell = tell
        self._lock = threading.Lock()

    def log_in(self) -> None:
        """Log in to both servers, and compare what they answer. Raises Unreachable."""
        old, new = self.old.log_in(), self.new.log_in()
        found = _differences(self._normalised(self.old, old), self._normalised(self.new, new))
        self.count("", "log-in", found)

    def ask(self, target: str) -> dict[str, Any]:
        """Ask both servers, with `If-None-Match` too if there is an ETag. Returns the old one's body.

        Raises Unreachable, and Interrupted once the comparison has been stopped.
        """
        found, old, new = self._look(target, {}, {})
        self.count("GET", target, found)
        with self._lock:
            # Schemas are shown to everybody.
            self.shown += old[0] == 200 and "/schemas" not in target
        if old[0] == new[0] == 200 and "etag" in old[1] and "etag" in new[1]:
            tags = [{"if-none-match": answer[1]["etag"]} for answer in (old, new)]
            self.count("GET", target, self._look(target, *tags)[0], "If-None-Match")
        return body_of(old[2])

    def count(self, method: str, target: str, found: list[Difference], condition: str = "") -> None:
        """Count a request, and tell its differences."""
        with self._lock:
            self.asked += 1
            if found:
                self.differing += 1
                self._tell(Differing(method, target, tuple(found), condition))

    def run(self, jobs: Iterable[Callable[[], object]], connections: int) -> None:
        """Do the jobs, so many at a time, until they are done, one cannot ask, or the comparison is stopped."""
        free = threading.Semaphore(2 * connections)

        def work(job: Callable[[], object]) -> None:
            try:
                job()
            except Interrupted:
                pass
            except Exception as error:
                # What is not looked at must not count as the same.
                self.trouble.append(error)
                self.stopped.set()
            finally:
                free.release()

        with ThreadPoolExecutor(connections) as pool:
            try:
                for job in jobs:
                    free.acquire()
                    if self.stopped.is_set():
                        return
                    pool.submit(work, job)
            except BaseException:
                self.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _look(
        self, target: str, old_headers: dict[str, str], new_headers: dict[str, str]
    ) -> tuple[list[Difference], RawAnswer, RawAnswer]:
        for is_last in (False,) * (LOOKS - 1) + (True,):
            if self.stopped.is_set():
                raise Interrupted
            old, new = self.old.get(target, old_headers), self.new.get(target, new_headers)
            found = _differences(self._normalised(self.old, old), self._normalised(self.new, new))
            if not found or is_last:
                break
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return found, old, new

    def _normalised(self, server: Server, answer: RawAnswer) -> Answer:
        return Normaliser({"token": server.token}, keeps_ids=True).answer(*answer)


class Interrupted(Exception):
    """The comparison has been stopped."""


def _differences(old: Answer, new: Answer) -> list[Difference]:
    found = list(differences(old, new))
    order = None if found else other_order(old, new)
    return found or ([Difference("order of the envelope", *order)] if order else [])
