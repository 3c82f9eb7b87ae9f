"""Retries of a write that may lose a race against other writers."""

import random
import threading
import time
from collections.abc import Iterator

from app import deadline

# How long a write keeps trying, and the pauses between its attempts, in seconds.
PATIENCE = 5.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.2

_TURNS = [threading.Lock() for _ in range(64)]


def turn(contended: str) -> threading.Lock:
    """The lock that lets the threads of one process take turns, for example at a document.

    Without it, they would keep making each other lose. A thread must not hold two of these locks.
    """
    return _TURNS[hash(contended) % len(_TURNS)]


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
