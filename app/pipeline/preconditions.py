"""Checks If-Match and If-None-Match (docs/kazoo/http.md, section 7)."""

import re

from app.crossbar.context import Context, bare, empty
from app.pipeline.header_lists import elements

_TAG = re.compile(r'(W/)?"([^"]*)"')


def check_preconditions(context: Context) -> None:
    """Stop with 412 or 304 if the headers say so."""
    if_match, if_none_match = context.header("if-match"), context.header("if-none-match")
    if if_match is None and if_none_match is None:
        return
    if context.verb == "PUT":
        if if_match is not None:
            raise empty(412)
        return
    if if_match is not None and not _matches(if_match, context.etag, weak=False):
        raise empty(412)
    if if_none_match is None:
        return
    # For an answer without an ETag, such as a list of ids, Kazoo treats any tag as a match and answers 412.
    if context.etag is None and if_none_match.strip() != "*":
        _tags(if_none_match)
        raise empty(412)
    if _matches(if_none_match, context.etag, weak=True):
        raise empty(304 if context.verb == "GET" else 412)


def _matches(header: str, etag: str | None, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    return any(etag == f'"{tag}"' for is_weak, tag in _tags(header) if weak or not is_weak)


def _tags(header: str) -> list[tuple[str | None, str]]:
    tags = []
    for element in elements(header):
        match = _TAG.fullmatch(element)
        if not match:
            raise bare(400)
        is_weak, tag = match.groups()
        tags.append((is_weak, tag))
    return tags
