"""Query-string filters of lists (docs/kazoo/documents.md, section 5.4). They see the whole stored document."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from app.documents import MISSING, Document, is_empty
from app.documents.secrets import SECRETS
from app.kazoo import json_text
from app.kazoo.integers import to_integer

_PREFIXES = ("filter_", "has_key", "key_missing", "has_value", "value_missing")
_TIMES = {
    "created_from": ("pvt_created", False),
    "created_to": ("pvt_created", True),
    "modified_from": ("pvt_modified", False),
    "modified_to": ("pvt_modified", True),
}


class _Rejected(Exception):
    """Kazoo's filter would crash on this document, so the list does not have it."""


def is_filter(name: str) -> bool:
    """Whether a query parameter turns filtering on."""
    return name.startswith(_PREFIXES) or name in _TIMES


def passes(document: Document, query: Iterable[tuple[str, str | bool]]) -> bool:
    """Whether a document passes all filters of a query string. Other parameters are ignored."""
    try:
        return all(_passes(document, name, value) for name, value in query if is_filter(name))
    except _Rejected:
        return False


def _passes(document: Document, name: str, value: str | bool) -> bool:
    if name in _TIMES:
        return _passes_time(document, *_TIMES[name], value)
    for prefix, test in _TESTS.items():
        if name.startswith(prefix):
            return test(_at(document, name.removeprefix(prefix)), _text_value(value))
    presence = _PRESENCE.get(name)
    return presence(_at(document, _text_value(value))) if presence else True


def _text_value(value: str | bool) -> str:
    if not isinstance(value, str):
        raise _Rejected
    return value


def _passes_time(document: Document, member: str, is_upper: bool, bound: str | bool) -> bool:
    """Whether a document's time is within an inclusive bound.

    A document without that time passes lower bounds and fails upper bounds.
    """
    limit = to_integer(_text_value(bound))
    time: Any = document.get(member)
    if limit is None:
        raise _Rejected
    if type(time) not in (int, float):
        return not is_upper
    is_within: bool = time <= limit if is_upper else time >= limit
    return is_within


def _at(document: Document, path: str) -> Any:
    """The value at a dotted path; MISSING if there is none. Indexes of arrays start at 1.

    Secrets count as missing. Otherwise a filter would reveal what answers hide.
    """
    value: Any = MISSING if path.split(".")[0] in SECRETS else document
    for segment in path.split("."):
        if isinstance(value, dict):
            value = value.get(segment, MISSING)
        elif isinstance(value, list):
            index = to_integer(segment)
            if index is None or index < 1:
                raise _Rejected
            value = value[index - 1] if index <= len(value) else MISSING
        elif value is not MISSING:
            raise _Rejected
    return value


def _text(value: Any) -> str:
    """The text that Kazoo compares.

    Lists of texts are joined without a separator. A missing value or any other list becomes an empty text.
    """
    if value is MISSING:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(value) if all(isinstance(item, str) for item in value) else ""
    return json_text.dumps(value)


def _equals(value: Any, operand: str) -> bool:
    text = _text(value)
    if text == operand:
        return True
    try:
        parsed = json.loads(operand)
    except (ValueError, RecursionError):
        return False
    return text in parsed if isinstance(parsed, list) else isinstance(parsed, str) and parsed == text


_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "filter_not_": lambda value, operand: not _equals(value, operand),
    "filter_": _equals,
}
_PRESENCE: dict[str, Callable[[Any], bool]] = {
    "has_key": lambda value: value is not MISSING,
    "key_missing": lambda value: value is MISSING,
    "has_value": lambda value: value is not MISSING and not is_empty(value),
    "value_missing": lambda value: value is MISSING or is_empty(value),
}
