"""Integers as Kazoo reads them from floats and texts (docs/kazoo/http.md, section 8.3)."""

import math
import re
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[+-]?[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?", re.ASCII)
_MAX_DIGITS = 4300


def to_integer(value: Any) -> int | None:
    """A float or a text as an integer, with halves rounded away from zero; None for any other value."""
    if type(value) is float:
        return _rounded(value)
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    if _INTEGER.fullmatch(value):
        return int(value)
    if _FLOAT.fullmatch(value):
        return _rounded(float(value))
    return None


def _rounded(number: float) -> int | None:
    if math.isinf(number):
        return None
    whole = math.trunc(number)
    return whole + int(math.copysign(1, number)) if abs(number - whole) >= 0.5 else whole
