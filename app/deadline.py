"""The time until which a request has to be answered. What it waits for, such as the store, waits no longer.

Threads that answer no request, such as those of commands, have no deadline.
"""

import threading
import time

_THREAD = threading.local()


def begin(seconds: float) -> None:
    """Give this thread's work so many seconds from now."""
    _THREAD.end = time.monotonic() + seconds


def clear() -> None:
    """Let this thread work without a deadline."""
    _THREAD.end = None


def is_over() -> bool:
    """Whether this thread's work should have ended."""
    end: float | None = getattr(_THREAD, "end", None)
    return end is not None and time.monotonic() > end


def within(seconds: float) -> float:
    """The time of `time.monotonic` that is so many seconds from now, or the deadline if that is earlier."""
    wanted = time.monotonic() + seconds
    end: float | None = getattr(_THREAD, "end", None)
    return wanted if end is None else min(wanted, end)
