"""Counts the requests of the last hour, minute by minute, summed over the workers of an instance.

Each worker of `serve` counts in its own file in PROMETHEUS_MULTIPROC_DIR, as the Prometheus client does, so that no
worker waits for another one. Under another server, a process counts for itself alone.
"""

import mmap
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

MINUTES = 60
PREFIX = "last-hour-"
# A file has the time when its process started, in Unix seconds, and then four numbers for each minute: which one it
# is (Unix time / 60), and how many requests were answered, with 4xx, and with 5xx.
_PLACES = 4
_LENGTH = 1 + _PLACES * MINUTES
_TYPE: Final = "q"
_BYTES = 8 * _LENGTH

_OPENING = threading.Lock()


@dataclass(frozen=True)
class Minute:
    """The requests of a minute that began `at` this Unix time: all of them, and those answered with 4xx and 5xx."""

    at: int
    requests: int
    client_errors: int
    server_errors: int


def start() -> None:
    """Note the time at which this process started."""
    _counts()


def count(status: int) -> None:
    """Count a request that was answered with this status."""
    _counts().count(status, int(time.time()) // 60)


def started() -> int:
    """When the first worker of this instance started, in Unix seconds."""
    return min(numbers[0] for numbers in _all_numbers())


def minutes() -> list[Minute]:
    """The minutes of the last hour in which there were requests, the current one last."""
    now = int(time.time()) // 60
    sums: list[Counter[int]] = [Counter(), Counter(), Counter()]
    for numbers in _all_numbers():
        for place in range(1, _LENGTH, _PLACES):
            minute = numbers[place]
            for index, total in enumerate(sums, 1):
                total[minute] += numbers[place + index]
    shown = sorted(minute for minute in sums[0] if now - MINUTES < minute <= now and sums[0][minute])
    return [Minute(60 * minute, *(total[minute] for total in sums)) for minute in shown]


class _Counts:
    """The counts of this process, in shared or in its own memory."""

    def __init__(self, numbers: memoryview):
        self.numbers = numbers
        self._mutex = threading.Lock()
        if not numbers[0]:
            numbers[0] = int(time.time())

    def count(self, status: int, minute: int) -> None:
        """Count a request in this minute, which takes the place of the one an hour before."""
        numbers, place = self.numbers, 1 + _PLACES * (minute % MINUTES)
        with self._mutex:
            if numbers[place] != minute:
                for index in range(1, _PLACES):
                    numbers[place + index] = 0
                numbers[place] = minute
            numbers[place + 1] += 1
            if status >= 400:
                numbers[place + (3 if status >= 500 else 2)] += 1


def _directory() -> Path | None:
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(directory) if directory else None


def _counts() -> _Counts:
    # Two threads must not open the file twice.
    with _OPENING:
        return _opened()


@cache
def _opened() -> _Counts:
    directory = _directory()
    if directory is None:
        return _Counts(memoryview(bytearray(_BYTES)).cast(_TYPE))
    # A file of a former process with this number is continued.
    file = os.open(directory / f"{PREFIX}{os.getpid()}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(file, _BYTES)
        return _Counts(memoryview(mmap.mmap(file, _BYTES)).cast(_TYPE))
    finally:
        os.close(file)


def _all_numbers() -> Iterator[memoryview]:
    """The numbers of this process, and those of all others that are or were workers of this instance."""
    own, directory = _counts(), _directory()
    yield own.numbers
    for path in directory.glob(f"{PREFIX}*") if directory else ():
        content = path.read_bytes()
        if path.name != f"{PREFIX}{os.getpid()}" and len(content) == _BYTES:
            numbers = memoryview(content).cast(_TYPE)
            # A file that was just created has no time yet.
            if numbers[0]:
                yield numbers
