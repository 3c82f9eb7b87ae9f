"""Kazoo's conversion of values to integers and booleans (docs/kazoo/http.md, section 8.3)."""

from collections.abc import Iterable
from typing import Any

from jsonschema.exceptions import ValidationError

from app.kazoo.integers import to_integer

_BOOLEANS = {"true": True, "false": False}


def coerce(data: Any, errors: Iterable[ValidationError]) -> bool:
    """Convert values of the wrong type in place, where possible. Returns whether any value was converted."""
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


def _convert(schema_type: Any, value: Any) -> int | bool | None:
    if schema_type == "integer":
        return to_integer(value)
    if schema_type == "boolean" and isinstance(value, str):
        return _BOOLEANS.get(value)
    return None
