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
        if is_quoted:
            is_quoted = mark[0] != '"'
        elif mark[0][-1] == '"':
            is_quoted = True
        elif mark[0][-1] == ",":
            if element := header[start : mark.end() - 1].strip(" \t"):
                yield element
            start = mark.end()
    if element := header[start:].strip(" \t"):
        yield element
