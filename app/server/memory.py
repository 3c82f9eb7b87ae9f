"""Gives memory back to the system that large requests have used, on glibc."""

import ctypes
import sys

# Otherwise each thread has a heap of its own, and keeps what it once used.
_M_ARENA_MAX, _ARENAS = -8, 2
# Larger pieces, in bytes, are not taken from a heap, and go back to the system at once.
_M_MMAP_THRESHOLD, _LARGE = -3, 256 * 1024


def share_heap() -> None:
    """Let the threads of this process share their heaps. To be called before they start."""
    libc = _libc()
    if libc is not None:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)


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
