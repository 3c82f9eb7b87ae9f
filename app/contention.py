"""Attempts of a write that may lose a race against other writers."""

import random
import threading
import time
from collections.abc import Iterator

from app import deadline

# How long a write keeps trying, and how long it waits between two attempts; in seconds.
PATIENCE = 5.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.2

_TURNS = [threading.Lock() for _ in range(64)]


def turn(contended: str) -> threading.Lock:
    """The lock with which the threads of one process take turns at what they contend for, such as a document.

    Without it each of them would make the others lose again. A thread must not hold two of them.
    """
    return _TURNS[hash(contended) % len(_TURNS)]


def attempts() -> Iterator[int]:
    """The numbers of the attempts from 0, with growing random pauses between them.

    They end after PATIENCE. There is always a first attempt.
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
