"""The merge of a PATCH into a stored document (docs/kazoo/documents.md, section 3.2)."""

from typing import Any

from app.documents import Document


def merge(patch: Document, stored: Document) -> Document:
    """`patch` merged into `stored`, as a new document.

    - Two objects are merged, but an empty object in the patch replaces the stored one.
    - A null in the patch removes the member. Any other value in the patch replaces the stored one.
    - In objects that only one side has, nulls are removed at any depth.
    - Nulls stay in arrays, and in an object that replaces a value of another type.
    - The members of merged objects are in descending order of their names.
    """
    merged: Document = {}
    # A plain loop needs the fewest stack frames for each level, and requests may be deeply nested.
    for name in sorted(patch.keys() | stored.keys(), reverse=True):
        if name not in patch:
            value = _without_nulls(stored[name])
        elif name not in stored:
            value = _without_nulls(patch[name])
        elif patch[name] and isinstance(patch[name], dict) and isinstance(stored[name], dict):
            value = merge(patch[name], stored[name])
        else:
            value = patch[name]
        if value is not None:
            merged[name] = value
    return merged


def _without_nulls(value: Any) -> Any:
    return merge({}, value) if isinstance(value, dict) else value
