"""Splits headers that are lists (RFC 9110, section 5.6.1)."""

import re
from collections.abc import Iterator

_MARK = re.compile('[",]')
_MARK_OR_ESCAPE = re.compile(r'\\.|[",]')


def elements(header: str, has_escapes: bool = False) -> Iterator[str]:
    """The elements of a list. Empty ones are left out, and commas in quotes do not separate elements.

    `has_escapes` is for lists whose quoted texts may have backslashes before quotes.
    """
    start, is_quoted = 0, False
    for mark in (_MARK_OR_ESCAPE if has_escapes else _MARK).finditer(header):
        if mark[0] == '"':
            is_quoted = not is_quoted
        elif mark[0] == "," and not is_quoted:
            if element := header[start : mark.start()].strip(" \t"):
                yield element
            start = mark.end()
    if element := header[start:].strip(" \t"):
        yield element
