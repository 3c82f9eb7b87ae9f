"""JSON text, read as Kazoo's decoder reads it and written as its encoder writes it.

Spec: docs/kazoo/http.md, sections 2.2 (what is refused, in which words) and 5 (the text of answers).
"""

import json
import re
from typing import Any

MAX_DEPTH = 256
MAX_DIGITS = 4300
WHITESPACE = b" \t\n\r"
ESCAPES = b'"\\/bfnrt'

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_EXPONENT = re.compile(r"[:\[,]-?[0-9.]+e[-+]|^-?[0-9.]+e[-+]")
_ESCAPE = re.compile(r"\\(u00[0-9a-f]{2}|.)")
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_HEX4 = re.compile(rb"[0-9a-fA-F]{4}")


class JSONTextError(ValueError):
    """Text that is not JSON. `str()` is Kazoo's message: ``<word> around <1-based byte offset>``."""

    def __init__(self, word: str, offset: int):
        super().__init__(f"{word} around {offset}")


def loads(text: bytes) -> Any:
    """Decode JSON, or raise JSONTextError. 1.0 stays a float; the last of duplicate members wins."""
    try:
        value = _DECODER.decode(text.decode("utf-8"))
    except RecursionError:
        raise JSONTextError("nesting_too_deep", 0) from None
    except UnicodeDecodeError as error:
        raise JSONTextError("invalid_string", error.start + 1) from None
    except ValueError:
        raise find_error(text) or JSONTextError("decoder_exit", 0) from None
    if _SURROGATE_ESCAPE.search(text) and (fault := find_error(text)):
        raise fault
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _is_deeper_than(value, MAX_DEPTH):
        raise JSONTextError("nesting_too_deep", 0)
    return value


def dumps(value: Any) -> str:
    """Encode compactly. Non-ASCII characters stay raw; control characters become \\u00XX in upper case.

    Floats are written as ECMAScript does, but whole ones end in `.0`.
    """
    text = _ENCODER.encode(value)
    # Python writes every exponent with a sign. Looking for the sign first avoids the slow pattern for most texts.
    if ("e+" in text or "e-" in text) and _EXPONENT.search(text):
        text = _exact(value)
    if "\\u00" in text:
        text = _ESCAPE.sub(_upper_hex, text)
    return text


def pretty(value: Any) -> str:
    """Encode with two-space indents, ` : ` after names and empty containers over three lines."""
    return _ESCAPE.sub(_upper_hex, _pretty(value, "\n"))


def float_text(number: float) -> str:
    """The shortest text that reads back as `number`, e.g. ``1000.0``, ``1e+21``, ``0.000001``."""
    text = repr(number)
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    power = int(exponent)
    sign, digits = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
    digits = digits.replace(".", "")
    if 0 < power < 21:
        return f"{sign}{digits.ljust(power + 1, '0')}.0"
    if -7 < power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    return f"{mantissa}e{power:+d}"


def _finite_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("overflow")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_DECODER = json.JSONDecoder(parse_float=_finite_float, parse_constant=_refuse_constant)


def _is_deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) in (dict, list)
        ]
        if not level:
            return False
    return True


def _upper_hex(match: re.Match[str]) -> str:
    escape = match.group(0)
    return "\\u" + escape[2:].upper() if escape[1] == "u" else escape


def _scalar(value: Any) -> str:
    if type(value) is float:
        return float_text(value)
    return json.dumps(value, ensure_ascii=False)


def _exact(value: Any) -> str:
    if isinstance(value, dict):
        members = (f"{_scalar(name)}:{_exact(member)}" for name, member in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_exact(item) for item in value) + "]"
    return _scalar(value)


def _pretty(value: Any, newline: str) -> str:
    inner = newline + "  "
    if isinstance(value, dict):
        members = (f"{_scalar(name)} : {_pretty(member, inner)}" for name, member in value.items())
        return "{" + inner + ("," + inner).join(members) + newline + "}"
    if isinstance(value, list):
        return "[" + inner + ("," + inner).join(_pretty(item, inner) for item in value) + newline + "]"
    return _scalar(value)


def find_error(text: bytes) -> JSONTextError | None:
    """Where and why Kazoo's decoder refuses a text; None where it accepts the text.

    It is called only on text that was refused or looks suspicious, so it may be slow. It keeps a stack of its own,
    so deep nesting needs no recursion.
    """
    stack: list[bytes] = []
    position, expect, length = 0, "value", len(text)
    while True:
        while position < length and text[position] in WHITESPACE:
            position += 1
        if position == length:
            return None if expect == "end" else JSONTextError("truncated_json", length + 1)
        byte = text[position : position + 1]
        if expect == "end":
            return JSONTextError("invalid_trailing_data", position + 1)
        if expect == "colon":
            if byte != b":":
                return JSONTextError("invalid_json", position + 1)
            position, expect = position + 1, "value"
            continue
        if expect in ("next", "first") and byte == (b"}" if stack[-1] == b"{" else b"]"):
            stack.pop()
            position, expect = position + 1, "next" if stack else "end"
            continue
        if expect == "next":
            if byte != b",":
                return JSONTextError("invalid_json", position + 1)
            position, expect = position + 1, "item"
            continue
        if expect in ("first", "item") and stack[-1] == b"{":
            if byte != b'"':
                return JSONTextError("invalid_json", position + 1)
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


def _skip_scalar(text: bytes, start: int) -> tuple[int, JSONTextError | None]:
    byte = text[start : start + 1]
    if byte == b'"':
        return _skip_string(text, start)
    literal = {b"t": b"true", b"f": b"false", b"n": b"null"}.get(byte)
    if literal:
        if text.startswith(literal, start):
            return start + len(literal), None
        return start, JSONTextError("invalid_literal", start + 1)
    if byte not in b"-0123456789":
        return start, JSONTextError("invalid_json", start + 1)
    return _skip_number(text, start)


def _skip_number(text: bytes, start: int) -> tuple[int, JSONTextError | None]:
    match = _NUMBER.match(text, start)
    if not match:
        return start, JSONTextError("invalid_number", start + 2)
    end = match.end()
    if text[end : end + 1] == b"." and not match.group(2) and not match.group(3):
        return end, JSONTextError("invalid_number", end + 2)
    if text[end : end + 1] in (b"e", b"E") and not match.group(3):
        return end, JSONTextError("invalid_number", end + 2)
    number = match.group(0)
    if not match.group(2) and not match.group(3):
        too_large = len(number) > MAX_DIGITS
    else:
        too_large = float(number) in (float("inf"), float("-inf"))
    return end, JSONTextError("decoder_exit", 0) if too_large else None


def _skip_string(text: bytes, start: int) -> tuple[int, JSONTextError | None]:
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
    return position, JSONTextError("invalid_string", position + 1)


def _skip_unicode_escape(text: bytes, start: int) -> int | None:
    """Where an escape ends whose four digits begin at `start`; None where it is malformed.

    A low surrogate must follow a high one, and is then part of the escape.
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
