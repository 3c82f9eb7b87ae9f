"""Counts what code does, where a test must know that it does no more than it should. Times would depend on the machine."""

import sys
from collections.abc import Callable


def calls(function: Callable[[], object]) -> int:
    """How many functions, in Python or C, are called while this one runs."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    previous = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(previous)
    return count
