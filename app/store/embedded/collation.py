"""Sort keys that order JSON values as CouchDB's views do.

The order is null, false, true, numbers, texts, arrays, objects. Texts follow the Unicode collation algorithm, in
which `a < B < c`.
Spec: docs/kazoo/documents.md, section 5.1; CouchDB's documentation of view collation.
"""

import struct
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any

import pyuca

_NULL, _FALSE, _TRUE, _NUMBER, _TEXT, _ARRAY, _OBJECT = (bytes([tag]) for tag in range(1, 8))
_END = b"\x00"
_LEVEL_END = b"\x00\x00"
LONGEST_CLUSTER = 200


def sort_key(value: Any) -> bytes:
    """Bytes that sort in the same order as CouchDB sorts the JSON values."""
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
    """The bits of a double, changed so that they sort as unsigned bytes in the order of the numbers."""
    try:
        double = float(number) + 0.0
    except OverflowError:
        double = float("inf") if number > 0 else float("-inf")
    bits = struct.unpack(">Q", struct.pack(">d", double))[0]
    return struct.pack(">Q", bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63))


def _text_key(text: str) -> bytes:
    """Three levels of weights: letters, then accents, then case. Each weight has two bytes."""
    if text.isascii():
        encoded = text.encode()
        first, second, third = (b"".join(map(level, encoded)) for level in _ascii_weights())
        return first + _LEVEL_END + second + _LEVEL_END + third + _LEVEL_END
    levels = zip(*map(_weights, _clusters(text)), strict=True)
    # ASCII keys lack this last end marker, but stored keys have it.
    return b"".join(b"".join(level) + _LEVEL_END for level in levels) + _LEVEL_END


def _clusters(text: str) -> Iterator[str]:
    """The text in parts that collate independently.

    pyuca takes quadratic time, so whole texts would be slow. A part is cut after LONGEST_CLUSTER characters, which no
    language reaches.
    """
    start = 0
    for i in range(1, len(text)):
        if _is_boundary(text[i - 1], text[i]) or i - start == LONGEST_CLUSTER:
            yield text[start:i]
            start = i
    yield text[start:]


@lru_cache(65_536)
def _is_boundary(before: str, after: str) -> bool:
    """Whether the next character is not a combining mark, and the two are not in a contraction, as in Thai."""
    last, first = unicodedata.normalize("NFD", before)[-1], unicodedata.normalize("NFD", after)[0]
    return unicodedata.combining(first) == 0 and (ord(last), ord(first)) not in _contracted()


@cache
def _contracted() -> frozenset[tuple[int, int]]:
    """The pairs of adjacent code points in contractions."""
    return frozenset(_pairs(_collator().table.root, None))


def _pairs(node: Any, before: int | None) -> Iterator[tuple[int, int]]:
    for code, child in (node.children or {}).items():
        if before is not None:
            yield before, code
        yield from _pairs(child, code)


@lru_cache(65_536)
def _weights(cluster: str) -> tuple[bytes, bytes, bytes]:
    """The weights of letters, accents and case."""
    elements = _collator().collation_elements(unicodedata.normalize("NFD", cluster))
    letters, accents, cases = (
        b"".join(_weight(element[level]) for element in elements if element[level]) for level in range(3)
    )
    return letters, accents, cases


def _weight(weight: int) -> bytes:
    return weight.to_bytes(2, "big")


@cache
def _collator() -> pyuca.Collator:
    return pyuca.Collator()


@cache
def _ascii_weights() -> list[Callable[[int], bytes]]:
    """The weights of ASCII characters for each level. They make keys fast: ids, realms and hashes are ASCII."""
    table = [_weights(chr(code)) for code in range(128)]
    return [list(level).__getitem__ for level in zip(*table, strict=True)]
