"""Sort keys that order JSON values as CouchDB's views do.

The order is null, false, true, numbers, texts, arrays, objects. Texts are ordered by the Unicode collation
algorithm, in which `a < B < c`.
Spec: docs/kazoo/documents.md, section 5.1; CouchDB's documentation of view collation.
"""

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import pyuca

_NULL, _FALSE, _TRUE, _NUMBER, _TEXT, _ARRAY, _OBJECT = (bytes([tag]) for tag in range(1, 8))
_END = b"\x00"
_LEVEL_END = b"\x00\x00"


def sort_key(value: Any) -> bytes:
    """Bytes that sort in the order in which CouchDB sorts the values. The argument is any JSON value."""
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, (int, float)):
        return _NUMBER + _number_key(value)
    if isinstance(value, str):
        return _TEXT + _text_key(value)
    if isinstance(value, list):
        return _ARRAY + b"".join(map(sort_key, value)) + _END
    return _OBJECT + b"".join(sort_key(name) + sort_key(member) for name, member in value.items()) + _END


def _number_key(number: int | float) -> bytes:
    """The bits of a double, changed so that their order as unsigned bytes is that of the numbers."""
    try:
        double = float(number) + 0.0
    except OverflowError:
        double = float("inf") if number > 0 else float("-inf")
    bits = struct.unpack(">Q", struct.pack(">d", double))[0]
    return struct.pack(">Q", bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63))


def _text_key(text: str) -> bytes:
    """Three levels of weights, with two bytes for each weight: first the letters, then accents, then case."""
    if text.isascii():
        encoded = text.encode()
        first, second, third = (b"".join(map(level, encoded)) for level in _ascii_weights())
        return first + _LEVEL_END + second + _LEVEL_END + third + _LEVEL_END
    return b"".join(_weight(weight) for weight in _collator().sort_key(text)) + _LEVEL_END


def _weight(weight: int) -> bytes:
    return weight.to_bytes(2, "big")


@cache
def _collator() -> pyuca.Collator:
    return pyuca.Collator()


@cache
def _ascii_weights() -> list[Callable[[int], bytes]]:
    """For each level the weights of ASCII characters, for fast keys: ids, realms and hashes are ASCII."""
    table = []
    for code in range(128):
        levels: list[bytes] = [b""]
        for weight in _collator().sort_key(chr(code)):
            if weight:
                levels[-1] += _weight(weight)
            else:
                levels.append(b"")
        table.append((levels + [b""] * 3)[:3])
    return [list(level).__getitem__ for level in zip(*table, strict=True)]
