"""Checks the media types that the client accepts (406) and sends (415). The language is only echoed.

Spec: docs/kazoo/http.md, section 4.
"""

import re

from app.crossbar.context import Context, bare, empty
from app.pipeline.header_lists import elements
from app.pipeline.parse import FORM_TYPE, JSON_TYPES

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf'[ \t]*;[ \t]*{_TOKEN}(?:=(?:{_TOKEN}|"(?:[^"\\]|\\.)*"))?'
_MEDIA_RANGE = re.compile(rf"(\*|{_TOKEN}/{_TOKEN})((?:{_PARAMETER})*)")
_PARAMETER_NAME = re.compile(rf"[ \t]*;[ \t]*({_TOKEN})(?:=([^;]*))?")
_LANGUAGE_RANGE = re.compile(
    r"(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)
CSV_TYPES = ("text/csv", "text/comma-separated-values")
_LANGUAGES = ("en", "en-us", "en-gb")


def negotiate(context: Context) -> None:
    """Fill in `language` and `wants_csv`.

    Stops with 406 if the client accepts neither JSON nor CSV, and with 400 on a malformed header.
    """
    accept = context.header("accept")
    accepted = JSON_TYPES[0] if accept is None else _accepted(accept)
    if accepted is None:
        raise empty(406)
    if context.method == "GET":
        asked = context.req_value("accept")
        context.wants_csv = accepted in CSV_TYPES or asked == "csv" or asked in CSV_TYPES
    context.language = _language(context.header("accept-language"))


def accept_content(context: Context) -> None:
    """Stop with 415 if a PUT, POST or PATCH sends neither JSON nor a form."""
    if context.verb in ("PUT", "POST", "PATCH") and context.content_type not in (*JSON_TYPES, FORM_TYPE):
        raise empty(415)


def _accepted(accept: str) -> str | None:
    """The type that the client likes best, or None.

    As in Kazoo, ranges whose first parameter is not `q` do not count, and a quality of 0 only comes last.
    """
    ranges = []
    for element in elements(accept, has_escapes=True):
        match = _MEDIA_RANGE.fullmatch(element)
        if not match:
            raise empty(400)
        # Java sends `*` for any type.
        media_type = match[1].lower() if match[1] != "*" else "*/*"
        parameters = _PARAMETER_NAME.findall(match[2])
        if [name.lower() for name, _ in parameters[:1]] not in ([], ["q"]):
            continue
        ranges.append((media_type, _quality(parameters[0][1]) if parameters else 1.0))
    for media_type, _ in sorted(ranges, key=lambda item: -item[1]):
        if media_type in ("*/*", "application/*"):
            return JSON_TYPES[0]
        if media_type == "text/*":
            return CSV_TYPES[0]
        if media_type in (*JSON_TYPES, *CSV_TYPES):
            return media_type
    return None


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def _language(header: str | None) -> str:
    """The client's preferred language, in lower case. The choices are English and the first one in its list."""
    if header is None:
        return _LANGUAGES[0]
    ranges = []
    for element in elements(header):
        match = _LANGUAGE_RANGE.fullmatch(element)
        if not match:
            raise bare(400)
        ranges.append((match.group(1).lower(), float(match.group(2) or 1)))
    if not ranges:
        raise bare(400)
    offered = (*_LANGUAGES, ranges[0][0])
    for language, quality in sorted(ranges, key=lambda item: -item[1]):
        if quality > 0 and (language in offered or language == "*"):
            return language if language in offered else _LANGUAGES[0]
    return _LANGUAGES[0]
