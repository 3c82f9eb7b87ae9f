"""Decodes and encodes JSON as Kazoo does.

Spec: docs/kazoo/http.md, sections 2.2 (what is refused, with which message) and 5 (the text of answers).
"""

import json
import re
from typing import Any

from app.kazoo.json_errors import ConstantError, JSONTextError, bad_surrogate, explain

MAX_DEPTH = 256
# While a text is decoded, no other thread of the worker runs. This many values take a fifth of a second.
MOST_VALUES = 500_000

# An exponent, or a negative zero: floats that Python writes otherwise than Kazoo.
_INEXACT = re.compile(r"(?:[:\[,]|^)(?:-?[0-9.]+e[-+]|-0\.0(?![0-9]))")
_ESCAPE = re.compile(r"\\(u00[0-9a-f]{2}|.)")


def loads(text: bytes) -> Any:
    """Decode JSON from a client. 1.0 stays a float. The last of duplicate members wins. Raises JSONTextError."""
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES:
        raise JSONTextError("too_many_values", 0)
    value = trusted(text)
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and _is_deeper_than(value, MAX_DEPTH):
        raise JSONTextError("nesting_too_deep", 0)
    return value


def trusted(text: bytes) -> Any:
    """Decode JSON from a store, which may have any number of values and about 900 levels. Raises JSONTextError."""
    try:
        value = _DECODER.decode(text.decode("utf-8"))
    except RecursionError:
        raise JSONTextError("nesting_too_deep", 0) from None
    except UnicodeDecodeError as error:
        raise JSONTextError("invalid_string", error.start + 1) from None
    except ValueError as fault:
        raise explain(text, fault) from None
    if surrogate_error := bad_surrogate(text):
        raise surrogate_error
    return value


def dumps(value: Any) -> str:
    """Encode compactly. Non-ASCII characters are not escaped. Control characters become \\u00XX in upper case.

    Floats are written as in ECMAScript, except that whole numbers end in `.0`.
    """
    text = _ENCODER.encode(value)
    if ("-0.0" in text or _may_have_exponent(text)) and _INEXACT.search(text):
        text = _exact(value)
    if "\\u00" in text:
        text = _ESCAPE.sub(_upper_hex, text)
    return text


def pretty(value: Any) -> str:
    """Encode with two spaces of indentation, ` : ` after names, and empty containers on three lines."""
    return _ESCAPE.sub(_upper_hex, _pretty(value, "\n"))


def float_text(number: float) -> str:
    """The shortest text that decodes to the same number, e.g. ``1000.0``, ``1e+21``, ``0.000001``."""
    text = repr(number + 0.0)
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


def _may_have_exponent(text: str) -> bool:
    """Whether the text may contain an exponent as Python writes it. This saves most texts a slow search.

    Ids and tokens may contain `e-` too. After many of those, the answer is True.
    """
    for sign in ("e+", "e-"):
        position = -1
        for _ in range(100):
            position = text.find(sign, position + 1)
            if position < 0:
                break
            if text[position - 1].isdigit():
                return True
        else:
            return True
    return False


def _finite_float(text: str) -> float:
    # Kazoo has no negative zero.
    number = float(text) + 0.0
    if number in (float("inf"), float("-inf")):
        raise ValueError("overflow")
    return number


def _refuse_constant(name: str) -> None:
    raise ConstantError(name)


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
