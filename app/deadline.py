"""The deadline for answering a request. Nothing that the request needs, such as the store, takes longer.

Threads that do not answer requests, such as those of commands, have no deadline.
"""

import threading
import time

_THREAD = threading.local()


def begin(seconds: float) -> None:
    """Set this thread's deadline to this many seconds from now."""
    _THREAD.end = time.monotonic() + seconds


def clear() -> None:
    """Remove this thread's deadline."""
    _THREAD.end = None


def is_over() -> bool:
    """Whether this thread's deadline has passed."""
    end: float | None = getattr(_THREAD, "end", None)
    return end is not None and time.monotonic() > end


def within(seconds: float) -> float:
    """The time, as in `time.monotonic`, after this many seconds, or the deadline if that is earlier."""
    limit = time.monotonic() + seconds
    end: float | None = getattr(_THREAD, "end", None)
    return limit if end is None else min(limit, end)
