"""Gives memory back to the system that large requests have used, on glibc."""

import ctypes
import sys

# One part of the heap for all threads. Each would keep what it once used otherwise.
_M_ARENA_MAX, _ARENAS = -8, 2


def share_heap() -> None:
    """Let the threads of this process share their heaps. To be called before they start."""
    libc = _libc()
    if libc is not None:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return unused memory to the system. This takes some milliseconds."""
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


def _libc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
