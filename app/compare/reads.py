"""Sends GETs to both servers and reports where the answers differ."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from app.compare.conversation import RawAnswer
from app.compare.equality import Difference, NormalisedAnswer, Normaliser, differences_or_order
from app.compare.known import known_as
from app.compare.servers import Server
from app.compare.walk import body_of

# A document may change between the two requests. Only a difference that persists through all attempts counts.
ATTEMPTS = 3
SECONDS_BETWEEN_ATTEMPTS = 0.3


@dataclass(frozen=True)
class Differing:
    """A request whose answers differ. `condition` is ``If-None-Match``, the name of a step, or empty.

    `known_as` is the row of `docs/deviations.md` that explains it, or empty.
    """

    method: str
    target: str
    differences: tuple[Difference, ...]
    condition: str = ""
    known_as: str = ""


class Comparison:
    """The state of one comparison: how many requests were sent, and how many answers differed.

    `known` has those of the differences that `docs/deviations.md` lists, which are not reported.

    `shown` counts the answers in which the old server showed something of an account. `report` is called with each
    request whose answers differ, one at a time.
    """

    def __init__(self, old: Server, new: Server, report: Callable[[Differing], None]):
        self.old = old
        self.new = new
        self.asked = 0
        self.shown = 0
        self.differing = 0
        self.known: list[Differing] = []
        self.stopped = threading.Event()
        self.errors: list[Exception] = []
        self._report = report
        self._lock = threading.Lock()

    def log_in(self) -> None:
        """Log in to both servers and compare their answers. Raises Unreachable."""
        old, new = self.old.log_in(), self.new.log_in()
        self.count("", "log-in", self._differences(old, new))

    def try_other_log_ins(self) -> None:
        """Compare log-ins that should fail or be alike. Each server records the failed one. Raises Unreachable."""
        for (tried, old), (_, new) in zip(self.old.other_log_ins(), self.new.other_log_ins(), strict=True):
            self.count("", "log-in", self._differences(old, new), tried)

    def ask(self, target: str) -> dict[str, Any]:
        """Send a GET to both servers, and another with `If-None-Match` if both sent an ETag. Returns the old body.

        Raises Unreachable, and Interrupted once the comparison has been stopped.
        """
        old, new = self._get_both(target, "", {}, {})
        with self._lock:
            # Anyone may read schemas.
            self.shown += old[0] == 200 and "/schemas" not in target
        if old[0] == new[0] == 200 and "etag" in old[1] and "etag" in new[1]:
            old_headers, new_headers = ({"if-none-match": answer[1]["etag"]} for answer in (old, new))
            self._get_both(target, "If-None-Match", old_headers, new_headers)
        return body_of(old[2])

    def count(
        self, method: str, target: str, differences: list[Difference], condition: str = "", known_row: str = ""
    ) -> None:
        """Count a request and report its differences, unless they are known."""
        with self._lock:
            self.asked += 1
            if not differences:
                return
            differing = Differing(method, target, tuple(differences), condition, known_row)
            if known_row:
                self.known.append(differing)
            else:
                self.differing += 1
                self._report(differing)

    def run(self, jobs: Iterable[Callable[[], object]], connections: int) -> None:
        """Run the jobs, `connections` at a time. A job that fails ends the comparison, and so does `stopped`."""
        free = threading.Semaphore(2 * connections)

        def work(job: Callable[[], object]) -> None:
            try:
                job()
            except Interrupted:
                pass
            except Exception as error:
                # What was not compared must not pass as equal.
                self.errors.append(error)
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

    def _get_both(
        self, target: str, condition: str, old_headers: dict[str, str], new_headers: dict[str, str]
    ) -> tuple[RawAnswer, RawAnswer]:
        """Send a GET to both servers, again if the answers differ, and count it. Returns the last answers."""
        for is_last in (False,) * (ATTEMPTS - 1) + (True,):
            if self.stopped.is_set():
                raise Interrupted
            old, new = self.old.get(target, old_headers), self.new.get(target, new_headers)
            differences = self._differences(old, new)
            row = known_as(old, new, condition)
            if not differences or row or is_last:
                break
            time.sleep(SECONDS_BETWEEN_ATTEMPTS)
        self.count("GET", target, differences, condition, row)
        return old, new

    def _differences(self, old: RawAnswer, new: RawAnswer) -> list[Difference]:
        return differences_or_order(_normalised(self.old, old), _normalised(self.new, new))


def _normalised(server: Server, answer: RawAnswer) -> NormalisedAnswer:
    return Normaliser({"token": server.token}, keeps_ids=True).answer(*answer)


class Interrupted(Exception):
    """The comparison has been stopped."""
