"""Pure functions on documents: names, times, private members, merging. No I/O."""

from typing import Any

Document = dict[str, Any]

# Marks a value that is not there, where None is a possible value.
MISSING: Any = object()
_EMPTY_TEXTS = ("", "0", "NULL", "undefined")


def is_empty(value: Any) -> bool:
    """Whether Kazoo treats a value as empty: 0, null, certain texts, empty containers (docs/kazoo/documents.md)."""
    if isinstance(value, str):
        return value in _EMPTY_TEXTS
    if isinstance(value, bool):
        return False
    return value is None or value in (0, [], {})


def is_true(value: Any) -> bool:
    """Whether Kazoo treats a value as true: JSON's true or the text "true"."""
    return value is True or value == "true"


def object_member(value: Any, *path: str) -> Any:
    """The member at a path of names; None if anything on the path is missing or not an object."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def value_at(value: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path of names and indexes; MISSING if there is none."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return value
