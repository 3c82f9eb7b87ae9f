"""Attempts of a write that may lose a race against other writers."""

import random
import time
from collections.abc import Iterator

# How long a write keeps trying, and how long it waits between two attempts; in seconds.
PATIENCE = 5.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.2


def attempts(patience: float | None = None) -> Iterator[int]:
    """The numbers of the attempts from 0, with growing random pauses between them.

    They end after `patience` seconds, by default PATIENCE. There is always a first attempt.
    """
    deadline, pause = time.monotonic() + (PATIENCE if patience is None else patience), SHORTEST_PAUSE
    attempt = 0
    while True:
        yield attempt
        if time.monotonic() >= deadline:
            return
        time.sleep(random.uniform(0, pause))
        pause = min(pause * 2, LONGEST_PAUSE)
        attempt += 1
