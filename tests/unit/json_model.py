"""A model of Kazoo's JSON decoder that reads byte by byte, to compare `app/kazoo/json_errors.py` with it."""

import re

MAX_DIGITS = 4300
WHITESPACE = b" \t\n\r"
ESCAPES = b'"\\/bfnrt'

_NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_HEX4 = re.compile(rb"[0-9a-fA-F]{4}")


def find_error(text: bytes) -> str | None:
    """The error with which Kazoo's decoder refuses a text; None if it accepts the text.

    It uses a stack instead of recursion, so nesting may be deep.
    """
    stack: list[bytes] = []
    position, expect, length = 0, "value", len(text)
    while True:
        while position < length and text[position] in WHITESPACE:
            position += 1
        if position == length:
            return None if expect == "end" else _told("truncated_json", length + 1)
        byte = text[position : position + 1]
        if expect == "end":
            return _told("invalid_trailing_data", position + 1)
        if expect == "colon":
            if byte != b":":
                return _told("invalid_json", position + 1)
            position, expect = position + 1, "value"
            continue
        if expect in ("next", "first") and byte == (b"}" if stack[-1] == b"{" else b"]"):
            stack.pop()
            position, expect = position + 1, "next" if stack else "end"
            continue
        if expect == "next":
            if byte != b",":
                return _told("invalid_json", position + 1)
            position, expect = position + 1, "item"
            continue
        if expect in ("first", "item") and stack[-1] == b"{":
            if byte != b'"':
                return _told("invalid_json", position + 1)
            position, error = _skip_string(text, position)
            expect = "colon"
        elif byte in (b"{", b"["):
            stack.append(byte)
            position, expect, error = position + 1, "first", None
        else:
            position, error = _skip_scalar(text, position)
            expect = "next" if stack else "end"
        if error:
            return error


def _skip_scalar(text: bytes, start: int) -> tuple[int, str | None]:
    byte = text[start : start + 1]
    if byte == b'"':
        return _skip_string(text, start)
    literal = {b"t": b"true", b"f": b"false", b"n": b"null"}.get(byte)
    if literal:
        if text.startswith(literal, start):
            return start + len(literal), None
        return start, _told("invalid_literal", start + 1)
    if byte not in b"-0123456789":
        return start, _told("invalid_json", start + 1)
    return _skip_number(text, start)


def _skip_number(text: bytes, start: int) -> tuple[int, str | None]:
    match = _NUMBER.match(text, start)
    if not match:
        return start, _told("invalid_number", start + 2)
    end = match.end()
    if text[end : end + 1] == b"." and not match.group(2) and not match.group(3):
        return end, _told("invalid_number", end + 2)
    if text[end : end + 1] in (b"e", b"E") and not match.group(3):
        return end, _told("invalid_number", end + 2)
    number = match.group(0)
    if not match.group(2) and not match.group(3):
        too_large = len(number) > MAX_DIGITS
    else:
        too_large = float(number) in (float("inf"), float("-inf"))
    return end, _told("decoder_exit", 0) if too_large else None


def _skip_string(text: bytes, start: int) -> tuple[int, str | None]:
    position = start + 1
    while position < len(text):
        byte = text[position]
        if byte == 0x22:
            return position + 1, None
        if byte < 0x20:
            break
        if byte != 0x5C:
            position += 1
            continue
        position += 1
        escape = text[position : position + 1]
        if escape == b"u":
            end = _skip_unicode_escape(text, position + 1)
            if end is None:
                position += 1
                break
            position = end
        elif escape and escape in ESCAPES:
            position += 1
        else:
            break
    return position, _told("invalid_string", position + 1)


def _skip_unicode_escape(text: bytes, start: int) -> int | None:
    """The end of the `\\u` escape whose four digits start at `start`; None if it is malformed.

    A high surrogate must be followed by the escape of a low one, which is then part of it.
    """
    if not _HEX4.match(text, start):
        return None
    unit = int(text[start : start + 4], 16)
    if not 0xD800 <= unit < 0xE000:
        return start + 4
    low = start + 6
    if unit >= 0xDC00 or text[start + 4 : low] != b"\\u" or not _HEX4.match(text, low):
        return None
    return low + 4 if 0xDC00 <= int(text[low : low + 4], 16) < 0xE000 else None


def _told(word: str, offset: int) -> str:
    return f"{word} around {offset}"
