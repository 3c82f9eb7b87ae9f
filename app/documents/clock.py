"""Kazoo's time formats: Gregorian seconds in documents, ISO 8601 in answers."""

import time
from functools import lru_cache

GREGORIAN_EPOCH = 62167219200


def gregorian_now() -> int:
    """Seconds since year 0, UTC."""
    return int(time.time()) + GREGORIAN_EPOCH


def iso_now() -> str:
    """The current time in UTC as envelopes have it, e.g. ``2026-11-22T23:43:04Z``."""
    return _iso(int(time.time()))


@lru_cache(maxsize=2)
def _iso(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
