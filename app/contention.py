"""Retries of a write that may lose a race against other writers."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator

from app import deadline

# How long a write keeps trying, and the pauses between its attempts, in seconds.
PATIENCE = 5.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.2

_mutex = threading.Lock()
# By what is contended: the lock, and how many threads hold it or wait for it.
_turns: dict[str, tuple[threading.Lock, int]] = {}


def is_contended(contended: str) -> bool:
    """Whether a thread of this process has a turn at this."""
    return contended in _turns


@contextlib.contextmanager
def turn(contended: str) -> Iterator[None]:
    """A turn at what the threads of one process contend for, such as a document.

    Without turns, each of them would make the others lose again. A thread that waits longer than PATIENCE, or until
    its deadline, goes on without a turn.
    """
    with _mutex:
        lock, count = _turns.get(contended, (threading.Lock(), 0))
        _turns[contended] = lock, count + 1
    has_turn = lock.acquire(timeout=max(0.0, deadline.within(PATIENCE) - time.monotonic()))
    try:
        yield
    finally:
        if has_turn:
            lock.release()
        with _mutex:
            count = _turns[contended][1] - 1
            if count:
                _turns[contended] = lock, count
            else:
                del _turns[contended]


def attempts() -> Iterator[int]:
    """Numbers the attempts from 0, and pauses between them for random, growing times.

    There is at least one attempt. The attempts end after PATIENCE.
    """
    end, pause = deadline.within(PATIENCE), SHORTEST_PAUSE
    attempt = 0
    while True:
        yield attempt
        if time.monotonic() >= end:
            return
        time.sleep(random.uniform(0, pause))
        pause = min(pause * 2, LONGEST_PAUSE)
        attempt += 1
