"""The merge of a PATCH into a stored document (docs/kazoo/documents.md, section 3.2)."""

from typing import Any

from app.documents import Document


def merge(patch: Document, stored: Document) -> Document:
    """A new document: `patch` merged into `stored`. Neither argument is changed.

    - Two objects are merged, but an empty object in the patch replaces the stored one.
    - A null in the patch removes the member. Any other value in the patch replaces the stored one.
    - In objects that only one side has, nulls are removed at any depth.
    - Nulls stay in arrays, and in an object that replaces a value of another type.
    - The members of merged objects are in descending order of their names.
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
