"""Texts that clients send for integers and booleans, read as Kazoo reads them (http.md section 8.3)."""

import math
import re
from collections.abc import Iterable
from typing import Any

from jsonschema.exceptions import ValidationError

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[+-]?[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_MAX_DIGITS = 4300


def coerce(data: Any, errors: Iterable[ValidationError]) -> bool:
    """Convert in place what failed only by type and can be converted; whether anything was."""
    changed = False
    for error in errors:
        if error.validator != "type":
            continue
        converted = _convert(error.validator_value, error.instance)
        if converted is not None:
            *path, last = error.absolute_path
            parent = data
            for name in path:
                parent = parent[name]
            parent[last] = converted
            changed = True
    return changed


def to_integer(value: Any) -> int | None:
    """The integer a float or a text stands for, halves rounded away from zero; None where it is none."""
    if type(value) is float:
        return _rounded(value)
    if not isinstance(value, str) or len(value) > _MAX_DIGITS:
        return None
    if _INTEGER.fullmatch(value):
        return int(value)
    if _FLOAT.fullmatch(value):
        return _rounded(float(value))
    return None


def _convert(schema_type: Any, value: Any) -> int | bool | None:
    if schema_type == "integer":
        return to_integer(value)
    if schema_type == "boolean" and isinstance(value, str):
        return _BOOLEANS.get(value)
    return None


def _rounded(number: float) -> int | None:
    if math.isinf(number):
        return None
    whole = math.trunc(number)
    return whole + int(math.copysign(1, number)) if abs(number - whole) >= 0.5 else whole
