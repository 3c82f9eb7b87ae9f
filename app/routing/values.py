"""How Kazoo reads the members of documents."""

import re
from collections.abc import Iterable
from typing import Any

from app.documents import MISSING, Document
from app.routing import Failure

# The texts that are 0 to JavaScript.
_NOUGHT = re.compile(r"|[+-]?(0+\.?0*|\.0+)(e[+-]?\d+)?|0x0+|0b0+|0o0+", re.IGNORECASE | re.ASCII)


def member(value: Any, name: str, path: str, default: Any = MISSING) -> Any:
    """A member of an object, or `default`. An array has none. Raises Failure for other values (35)."""
    if isinstance(value, dict):
        return value.get(name, default)
    if value is MISSING or isinstance(value, list):
        return default
    raise Failure(path)


def as_object(value: Any) -> Document:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def is_true(value: Any, default: bool) -> bool:
    """How Kazoo reads a switch (7): whatever is not true is false."""
    return default if value is MISSING else value is True or value == "true"


def first_value(values: Iterable[Any]) -> Any:
    """The first text or object that is not empty; others are passed over (13, 16)."""
    return next((value for value in values if isinstance(value, (str, dict)) and value), None)


def first_caller_id(values: Iterable[Any], path: str) -> tuple[Any, Any] | None:
    """The name and number of the first object that has either (29); the other half may be missing. Raises Failure."""
    for value in values:
        pair = member(value, "cid_name", path), member(value, "cid_number", path)
        if pair != (MISSING, MISSING):
            return pair
    return None


def filled(pair: tuple[Any, Any] | None) -> Document | None:
    """A caller id without the halves that are missing or empty; None if nothing is left."""
    halves = zip(("name", "number"), pair or (), strict=False)
    return {name: value for name, value in halves if value is not MISSING and value != ""} or None


def is_truthy(value: Any) -> bool:
    """What JavaScript takes for true. Empty objects and arrays are."""
    return isinstance(value, (dict, list)) or bool(value and value is not MISSING)


def equals_false(value: Any) -> bool:
    """JavaScript's `value == false`."""
    while isinstance(value, list):
        if len(value) > 1:
            return False
        value = value[0] if value and value[0] is not None else ""
    if isinstance(value, str):
        return _NOUGHT.fullmatch(value.strip()) is not None
    return value is False or (type(value) in (int, float) and value == 0)


def as_text(value: Any) -> str:
    """A value as Kazoo casts it to a text, if it is not one: null, switches and numbers."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, (int, float)) else ""


def folded(text: str) -> str | None:
    """A text as Kazoo folds it to lower case: byte by byte, as Latin-1. None if that breaks it (20)."""
    data = bytes(
        byte + 32 if 0x41 <= byte <= 0x5A or (0xC0 <= byte <= 0xDE and byte != 0xD7) else byte
        for byte in text.encode("utf-8", "surrogatepass")
    )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def term_key(value: Any) -> tuple[Any, ...]:
    """Sorts JSON values as Erlang sorts the terms that CouchDB makes of them (4)."""
    if value is None or isinstance(value, bool):
        return (1, {False: "false", None: "null", True: "true"}[value])
    if isinstance(value, (int, float)):
        return (0, value)
    if isinstance(value, str):
        return (5, value.encode("utf-8", "surrogatepass"))
    if isinstance(value, list):
        return (4, tuple(map(term_key, value))) if value else (3,)
    members = tuple((name.encode("utf-8", "surrogatepass"), term_key(each)) for name, each in value.items())
    return (2, (4, members) if members else (3,))
