"""Kazoo's defaults. Before it validates, it sets them in objects that exist (docs/kazoo/http.md, section 8.2)."""

import copy
from collections.abc import Iterator
from typing import Any

from app.schema.keywords import TYPES, RawSchema, pattern


def set_defaults(schema: RawSchema, value: Any) -> None:
    """Add missing members that have a default to the objects in this value, in place."""
    if isinstance(value, list) and "items" in schema:
        for item in value:
            set_defaults(schema["items"], item)
    if not isinstance(value, dict):
        return
    for name, default in usable_defaults(schema):
        if name not in value:
            value[name] = copy.deepcopy(default)
    members, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, member in value.items():
        if name in members:
            set_defaults(members[name], member)
        for source, inner in patterns.items():
            if pattern(source).search(name):
                set_defaults(inner, member)


def usable_defaults(schema: RawSchema) -> Iterator[tuple[str, Any]]:
    """The defaults of an object's members, in schema order. Kazoo ignores a default of the wrong type."""
    for name, inner in schema.get("properties", {}).items():
        if "default" in inner and type(inner["default"]) in TYPES.get(inner.get("type"), ()):
            yield name, inner["default"]
