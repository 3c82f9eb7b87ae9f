"""Shows JSON Patches (RFC 6902) on a terminal."""

import json
from typing import Any

from app.commands.terminal import Part
from app.documents.secrets import masked

_COLOURS = {"add": "green", "remove": "red"}


def line_of(operation: dict[str, Any]) -> Part:
    """An operation on one line, without secrets, and its colour."""
    name = operation["path"].rpartition("/")[2]
    parts = [operation["op"], operation["path"]]
    if "from" in operation:
        parts.append(f"from {operation['from']}")
    if "value" in operation:
        parts.append(json.dumps(masked({name: operation["value"]})[name], ensure_ascii=False))
    return " ".join(parts), _COLOURS.get(operation["op"], "yellow")
