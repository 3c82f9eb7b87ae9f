"""Token buckets that limit requests, shared by all workers on a machine (docs/kazoo/auth.md, section 6).

The buckets are in shared memory. The digest of a bucket's name determines its slot. If a worker dies, the kernel
releases its lock.
"""

import fcntl
import hashlib
import mmap
import struct
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any

from app.documents import object_member
from app.store.cache import DocumentCache

SLOTS = 1 << 15
# The digest of the name, the tokens, the time of the last refill, the time of the last use.
_SLOT = struct.Struct("16sddd")
_PROBES = 8
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Size:
    """How many tokens a bucket holds, and how many it gets each period. Times are in seconds.

    After `idle` seconds without use, a bucket is full again.
    """

    capacity: int = 100
    refill: int = 10
    period: float = 1.0
    idle: float = 600.0


class Buckets:
    """All buckets on this machine. Create it before the workers fork. Safe with threads and processes."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()
        self._file.truncate(SLOTS * _SLOT.size)
        self._memory = mmap.mmap(self._file.fileno(), SLOTS * _SLOT.size)
        self._mutex = threading.Lock()

    def take(self, name: str, cost: int, size: Size) -> bool:
        """Take `cost` tokens and return True. If there are not enough, take none and return False."""
        return self._change(name, size, lambda tokens: tokens - cost if tokens >= cost else None)

    def give(self, name: str, cost: int, size: Size) -> None:
        """Put tokens back."""
        self._change(name, size, lambda tokens: min(size.capacity, tokens + cost))

    def drain(self, name: str, size: Size) -> None:
        """Take all remaining tokens."""
        self._change(name, size, lambda tokens: 0)

    def _change(self, name: str, size: Size, change: Any) -> bool:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self._mutex:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                now = time.monotonic()
                offset, tokens, filled = self._find(digest, now, size)
                left = change(tokens)
                _SLOT.pack_into(self._memory, offset, digest, tokens if left is None else left, filled, now)
                return left is not None
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def _find(self, digest: bytes, now: float, size: Size) -> tuple[int, float, float]:
        """A bucket's offset, its tokens and the time of its last refill. An unknown bucket starts full.

        If all slots that the bucket may use are taken, it replaces the least recently used bucket.
        """
        home = int.from_bytes(digest[:8], "big")
        oldest, oldest_used = 0, float("inf")
        for probe in range(_PROBES):
            offset = (home + probe) % SLOTS * _SLOT.size
            stored_digest, tokens, filled, used = _SLOT.unpack_from(self._memory, offset)
            if stored_digest == digest and now - used < size.idle:
                periods = int((now - filled) / size.period)
                return offset, min(size.capacity, tokens + periods * size.refill), filled + periods * size.period
            if stored_digest == digest:
                return offset, size.capacity, now
            if used < oldest_used:
                oldest, oldest_used = offset, used
        return oldest, size.capacity, now


def size_for(cache: DocumentCache) -> Size:
    """The size of crossbar's buckets, from `system_config/token_buckets`."""

    def read(*paths: tuple[str, ...], default: int) -> int:
        for path in paths:
            value = cache.setting("token_buckets", *path)
            if type(value) is int and value > 0:
                return value
        return default

    most, rate, unit = "max_bucket_tokens", "tokens_fill_rate", "tokens_fill_time"
    period = cache.setting("token_buckets", "crossbar", unit) or cache.setting("token_buckets", unit)
    return Size(
        capacity=read(("crossbar", most), ("default", most), (most,), default=Size.capacity),
        refill=read(("crossbar", rate), (rate,), default=Size.refill),
        period=_PERIODS.get(period, Size.period) if isinstance(period, str) else Size.period,
        idle=read(("inactivity_timeout_s",), default=int(Size.idle)),
    )


def cost_of(cache: DocumentCache, account_id: str, endpoint: str, verb: str, advertised: int = 1) -> int:
    """The cost of a request in tokens.

    `advertised` is used if `token_costs` is an object without an entry for the request.
    """
    costs = cache.setting("crossbar", "token_costs", default=1)
    if not isinstance(costs, dict):
        return costs if type(costs) is int and costs >= 0 else 1
    for path in (
        (account_id, endpoint, verb),
        (account_id, endpoint),
        (account_id,),
        (endpoint, verb),
        (endpoint,),
    ):
        cost = object_member(costs, *path)
        if type(cost) is int and cost >= 0:
            return cost
    return advertised
