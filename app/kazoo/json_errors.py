"""JSON syntax errors in the words of Kazoo's decoder (docs/kazoo/http.md, section 2.2).

Python's decoder finds the position. Its message and the bytes there determine Kazoo's word.
"""

import json
import re

_WHITESPACE = b" \t\n\r"
_IN_NUMBERS = b"+-.0123456789Ee"

_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_HEX4 = re.compile(rb"[0-9a-fA-F]{4}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# The escapes of a pair of surrogates, or the start of an escape that has no partner.
_PAIR_OR_NOT = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|([dD][89a-fA-F]))"
)
# NaN and Infinity have capitals, which are otherwise only in strings.
_STRING_OR_CONSTANT = re.compile('["NI]')
_DECODER = json.JSONDecoder()


class JSONTextError(ValueError):
    """A text is not JSON. `str(error)` is Kazoo's message: ``<word> around <1-based byte offset>``."""

    def __init__(self, word: str, offset: int):
        super().__init__(f"{word} around {offset}")


class ConstantError(ValueError):
    """The text contains NaN or Infinity, which Python's decoder accepts as numbers."""


def explain(text: bytes, fault: ValueError) -> JSONTextError:
    """Kazoo's error for a text that Python's decoder refused with `fault`.

    A `fault` without a position is a ConstantError, or is about a number that is too large.
    """
    if isinstance(fault, json.JSONDecodeError):
        at = len(fault.doc[: fault.pos].encode())
        return _explain_at(text, fault.msg, at)
    if isinstance(fault, ConstantError):
        at = _constant_at(text)
        constant = JSONTextError("invalid_number", at + 1) if text[at - 1 : at] == b"-" else _invalid(at)
        return bad_surrogate(text[:at]) or constant
    return JSONTextError("decoder_exit", 0)


def bad_surrogate(text: bytes) -> JSONTextError | None:
    """The error for the first escaped surrogate that is not part of a pair; None if there is none.

    All escapes in the text must be complete.
    """
    if not _SURROGATE.search(text):
        return None
    alone = next((match.start(1) for match in _PAIR_OR_NOT.finditer(text) if match[1]), None)
    return None if alone is None else JSONTextError("invalid_string", alone + 1)


def _constant_at(text: bytes) -> int:
    """Where the first NaN or Infinity begins, in bytes, without its sign."""
    document, at = text.decode("utf-8"), 0
    while match := _STRING_OR_CONSTANT.search(document, at):
        if match[0] != '"':
            return len(document[: match.start()].encode())
        _, at = _DECODER.raw_decode(document, match.start())
    return len(text)


def _explain_at(text: bytes, message: str, at: int) -> JSONTextError:
    is_cut_off = message.startswith("Invalid \\uXXXX") and _HEX4.match(text, at + 1)
    if is_cut_off or message.startswith("Unterminated string"):
        return bad_surrogate(text) or JSONTextError("invalid_string", len(text) + 1)
    if message.startswith("Invalid control character"):
        return bad_surrogate(text[:at]) or JSONTextError("invalid_string", at + 1)
    if message.startswith("Invalid \\uXXXX"):
        return bad_surrogate(text[: at - 1]) or JSONTextError("invalid_string", at + 2)
    if message.startswith("Invalid \\escape"):
        return bad_surrogate(text[:at]) or JSONTextError("invalid_string", at + 2)
    return bad_surrogate(text[:at]) or _explain_token(text, message, at)


def _explain_token(text: bytes, message: str, at: int) -> JSONTextError:
    if message.startswith("Illegal trailing comma"):
        at += 1
    at = len(text) - len(text[at:].lstrip(_WHITESPACE))
    byte = text[at : at + 1]
    if not byte:
        return JSONTextError("truncated_json", at + 1)
    if message.startswith("Expecting value"):
        if byte in b"tfn":
            return JSONTextError("invalid_literal", at + 1)
        return JSONTextError("invalid_number", at + 2) if byte == b"-" else _invalid(at)
    if byte in b".eE" and _is_in_a_number(text, at):
        return JSONTextError("invalid_number", at + 2)
    return JSONTextError("invalid_trailing_data", at + 1) if message == "Extra data" else _invalid(at)


def _is_in_a_number(text: bytes, at: int) -> bool:
    """Whether a fraction or an exponent begins here, right after a number without one."""
    if not text[at - 1 : at].isdigit():
        return False
    number = _NUMBER.match(text, len(text[:at].rstrip(_IN_NUMBERS)))
    if number is None or number.end() != at or number[2]:
        return False
    return text[at : at + 1] != b"." or not number[1]


def _invalid(at: int) -> JSONTextError:
    return JSONTextError("invalid_json", at + 1)
