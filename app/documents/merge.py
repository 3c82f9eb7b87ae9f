"""PATCH: one document merged over another (docs/kazoo/documents.md, section 3.2)."""

from typing import Any

from app.documents import Document


def merge(patch: Document, stored: Document) -> Document:
    """A new document: `patch` laid over `stored`; neither argument is changed.

    Objects in both merge, but an empty one replaces; null removes; all else replaces whole, nulls inside it
    included. Nulls that were stored in objects vanish. Merged objects have their members in descending order.
    """
    merged = {}
    for name in sorted(patch.keys() | stored.keys(), reverse=True):
        if name not in patch:
            value = _without_nulls(stored[name])
        elif patch[name] and isinstance(patch[name], dict) and isinstance(stored.get(name), dict):
            value = merge(patch[name], stored[name])
        else:
            value = patch[name]
        if value is not None:
            merged[name] = value
    return merged


def _without_nulls(value: Any) -> Any:
    return merge({}, value) if isinstance(value, dict) else value
