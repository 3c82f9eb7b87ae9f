"""PATCH: one document merged over another (docs/kazoo/documents.md, section 3.2)."""

from typing import Any

from app.documents import Document


def merge(patch: Document, stored: Document) -> Document:
    """A new document: `patch` laid over `stored`; neither argument is changed.

    Objects in both merge, but an empty one replaces; null removes; all else replaces whole. Nulls vanish from
    objects that only one side has, at any depth; they stay in arrays, and in an object that replaces something that
    is none. Merged objects have their members in descending order.
    """
    names = sorted(patch.keys() | stored.keys(), reverse=True)
    members = ((name, _member(patch, stored, name)) for name in names)
    return {name: value for name, value in members if value is not None}


def _member(patch: Document, stored: Document, name: str) -> Any:
    if name not in patch:
        return _without_nulls(stored[name])
    value = patch[name]
    if name not in stored:
        return _without_nulls(value)
    both_objects = isinstance(value, dict) and isinstance(stored[name], dict)
    return merge(value, stored[name]) if both_objects and value else value


def _without_nulls(value: Any) -> Any:
    return merge({}, value) if isinstance(value, dict) else value
