"""`start_key` of lists: a JSON value as an Erlang external term in base64url (docs/kazoo/documents.md, section 5.5).

Only binaries, integers and lists are supported. Decoding arbitrary terms from a client would be unsafe.
"""

import base64
import binascii
from typing import Any

_VERSION = 131
_SMALL_INTEGER, _INTEGER, _SMALL_BIG = 97, 98, 110
_BINARY, _NIL, _BYTES, _LIST = 109, 106, 107, 108
_MAX_DEPTH = 32


def encode(key: Any) -> str:
    """A key as text. It may be a string, an integer or a list of keys. Raises ValueError for other types."""
    return base64.urlsafe_b64encode(bytes([_VERSION]) + _encode_term(key)).rstrip(b"=").decode("ascii")


def decode(text: str) -> Any:
    """The key that a text encodes. If it does not encode a supported term, the text itself is the key."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if data[0] != _VERSION:
            return text
        key, end = _decode_term(data, 1, 0)
    except (ValueError, IndexError, binascii.Error):
        return text
    return key if end == len(data) else text


def _encode_term(key: Any) -> bytes:
    if isinstance(key, str):
        data = key.encode("utf-8")
        return bytes([_BINARY]) + len(data).to_bytes(4, "big") + data
    if isinstance(key, int) and not isinstance(key, bool):
        return _encode_integer(key)
    if isinstance(key, list):
        return _encode_list(key)
    raise ValueError(f"no start_key for {type(key).__name__}")


def _encode_integer(key: int) -> bytes:
    if 0 <= key <= 255:
        return bytes([_SMALL_INTEGER, key])
    if -(2**31) <= key < 2**31:
        return bytes([_INTEGER]) + key.to_bytes(4, "big", signed=True)
    size = (abs(key).bit_length() + 7) // 8
    if size > 255:
        raise ValueError("integer too large for a start_key")
    return bytes([_SMALL_BIG, size, key < 0]) + abs(key).to_bytes(size, "little")


def _encode_list(key: list[Any]) -> bytes:
    if not key:
        return bytes([_NIL])
    if len(key) < 2**16 and all(type(item) is int and 0 <= item <= 255 for item in key):
        return bytes([_BYTES]) + len(key).to_bytes(2, "big") + bytes(key)
    items = b"".join(_encode_term(item) for item in key)
    return bytes([_LIST]) + len(key).to_bytes(4, "big") + items + bytes([_NIL])


def _decode_term(data: bytes, start: int, depth: int) -> tuple[Any, int]:
    tag, start = data[start], start + 1
    if tag == _SMALL_INTEGER:
        return data[start], start + 1
    if tag == _INTEGER:
        return int.from_bytes(_take(data, start, 4), "big", signed=True), start + 4
    if tag == _SMALL_BIG:
        size, sign = data[start], data[start + 1]
        magnitude = int.from_bytes(_take(data, start + 2, size), "little")
        return -magnitude if sign else magnitude, start + 2 + size
    if tag == _BINARY:
        size = int.from_bytes(_take(data, start, 4), "big")
        return _take(data, start + 4, size).decode("utf-8"), start + 4 + size
    if tag == _NIL:
        return [], start
    if tag == _BYTES:
        size = int.from_bytes(_take(data, start, 2), "big")
        return list(_take(data, start + 2, size)), start + 2 + size
    if tag == _LIST and depth < _MAX_DEPTH:
        return _decode_list(data, start, depth)
    raise ValueError(f"term {tag}")


def _decode_list(data: bytes, start: int, depth: int) -> tuple[list[Any], int]:
    size = int.from_bytes(_take(data, start, 4), "big")
    start += 4
    items = []
    for _ in range(size):
        item, start = _decode_term(data, start, depth + 1)
        items.append(item)
    if data[start] != _NIL:
        raise ValueError("improper list")
    return items, start + 1


def _take(data: bytes, start: int, size: int) -> bytes:
    taken = data[start : start + size]
    if len(taken) != size:
        raise ValueError("truncated term")
    return taken
