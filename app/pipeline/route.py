"""Splits the path into nouns with their params (docs/kazoo/http.md, section 1)."""

import re

from app.crossbar.context import Context, Stop, bare, empty, plain_error, system_error
from app.kazoo.constants import KAZOO_NOUNS
from app.pipeline.methods import is_cors
from app.pipeline.parse import decode_percent
from app.resources import NOUNS, UNKNOWN_NOUN, UNSERVED_NOUN

LANDING_PAGE = """\
This is the connectivity API of Kazoo 4.3, answered by kazoo-connectivity.
Requests begin with a version, for example /v2/accounts/{ACCOUNT_ID}/connectivity
"""
_VERSION = re.compile(r"v[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


def split_path(context: Context) -> None:
    """Fill in `version` and `segments`. A path that does not begin with a version gets the landing page."""
    try:
        segments = [_decode_twice(segment) for segment in context.target.split("/")]
    except ValueError:
        raise bare(400) from None
    version = _VERSION.fullmatch(segments[1]) if len(segments) > 1 and segments[0] == "" else None
    if not version:
        raise Stop(200, text=LANDING_PAGE)
    context.version = "v1" if segments[1] == "v1" else "v2"
    # Kazoo accepts v1.5 as a version, but knows no nouns there.
    context.segments = [""] if version.group(1) else segments[2:]
    while context.segments and context.segments[-1] == "" and not version.group(1):
        context.segments.pop()


def _decode_twice(segment: str) -> str:
    decoded = decode_percent(segment)
    try:
        return decode_percent(decoded)
    except ValueError:
        return decoded


def route(context: Context) -> None:
    """Fill in `nouns` and `resource`. Stops with 404 on a path that does not exist.

    `account` means the account of the token. Stops with 401 without a valid token.
    """
    segments = context.segments
    if segments and segments[0] == "account":
        if context.early_auth is None:
            raise plain_error(401, "invalid credentials")
        segments = ["accounts", context.early_auth.account_id, *segments[1:]]
    context.nouns = parse_nouns(segments)
    noun, params = context.nouns[-1]
    is_kazoos = bool(segments) and segments[0] in KAZOO_NOUNS
    context.resource = NOUNS.get(noun, UNSERVED_NOUN if is_kazoos else UNKNOWN_NOUN)
    if not context.resource.resource_exists(context, *params):
        context.allowed, context.is_cors = (), is_cors(context)
        if context.is_cors and context.method == "OPTIONS":
            # The browser then gets the 404 from the request itself.
            raise empty(200)
        raise system_error(404, "not_found")


def parse_nouns(segments: list[str]) -> list[tuple[str, list[str]]]:
    """Each known noun with the segments up to the next one: ``[("accounts", [A]), ("connectivity", [D])]``.

    A path that begins with an unknown noun becomes the noun ``"404"``. All segments after `schemas` are its params.
    """
    if not segments or segments[0] not in NOUNS:
        return [("404", segments)]
    nouns: list[tuple[str, list[str]]] = []
    for segment in segments:
        if segment in NOUNS and not (nouns and nouns[-1][0] == "schemas"):
            nouns.append((segment, []))
        else:
            nouns[-1][1].append(segment)
    return nouns
