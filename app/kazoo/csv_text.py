"""Answers as CSV, as crossbar writes them (docs/kazoo/http.md, section 4)."""

from collections.abc import Iterator
from typing import Any

from app.kazoo import json_text

# Names for people that Kazoo gives to columns, most of them of ledgers.
_TITLES = {
    "account_id": "Account ID",
    "account_name": "Account Name",
    "amount": "Amount",
    "description": "Description",
    "id": "ID",
    "metadata_callee_id_number": "Callee ID Number",
    "metadata_callee_id_name": "Callee ID Name",
    "metadata_caller_id_number": "Caller ID Number",
    "metadata_caller_id_name": "Caller ID Name",
    "metadata_direction": "Direction",
    "metadata_from": "From",
    "metadata_to": "To",
    "metadata_rate_description": "Rate Description",
    "metadata_rate_increment": "Rate Increment",
    "metadata_rate_minimum": "Rate Minimum",
    "metadata_rate_name": "Rate Name",
    "metadata_rate_nocharge_time": "Grace Period",
    "metadata_rate_value": "Rate",
    "period_start": "Start Time",
    "period_end": "End Time",
    "source_id": "Source ID",
    "source_service": "Source Service",
    "usage_quantity": "Usage Quantity",
    "usage_type": "Usage Type",
    "usage_unit": "Usage Unit",
}

# In characters, of the titles of all rows. The name of an object is in the title of each of its members.
LONGEST_TITLES = 8_000_000
# Each row has a cell for every title.
MOST_CELLS = 4_000_000


class TooLong(ValueError):
    """There are more than LONGEST_TITLES or MOST_CELLS."""


def is_table(data: Any) -> bool:
    """Whether the data is an object, or a list of objects: then it has columns."""
    return isinstance(data, dict) or (isinstance(data, list) and bool(data) and isinstance(data[0], dict))


def dumps(data: Any) -> str:
    """The data as CSV: a row for each object, and a line of titles. Anything else is its texts, run together.

    Raises TooLong.
    """
    if not is_table(data):
        return "".join(map(_text, data if isinstance(data, list) else [data]))
    rows = [_row(item) for item in (data if isinstance(data, list) else [data]) if isinstance(item, dict)]
    # In the order in which they appear first.
    titles = list(dict.fromkeys(title for row in rows for title in row))
    if sum(map(len, titles)) > LONGEST_TITLES or len(rows) * len(titles) > MOST_CELLS:
        raise TooLong
    lines: list[list[Any]] = [[_TITLES.get(title, title) for title in titles]]
    lines += [[row.get(title) for title in titles] for row in rows]
    return "".join(",".join(map(_cell, line)) + "\n" for line in lines)


def _row(document: dict[str, Any]) -> dict[str, Any]:
    """The members that are not objects, by title: the names on their path, joined by `_`."""
    row, characters = {}, 0
    for title, value in _leaves("", document):
        row[title] = value
        characters += len(title)
        if characters > LONGEST_TITLES:
            raise TooLong
    return row


def _leaves(prefix: str, document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(f"{prefix}{name}_", value)
        else:
            yield f"{prefix}{name}", value


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = ",".join(map(_text, value))
    return "" if value is None else '"' + _text(value).replace('"', '""') + '"'


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text.dumps(value)
