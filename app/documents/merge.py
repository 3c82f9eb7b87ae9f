"""PATCH: one document merged over another (documents.md section 3.2)."""

from app.documents import Document


def merge(patch: Document, stored: Document) -> Document:
    """A new document: `patch` laid over `stored`; neither argument is changed.

    Objects merge, but an empty object replaces; null removes; arrays and scalars replace whole. Nulls that
    were stored in objects vanish too. Every object of the result has its members in descending order.
    """
    merged = {}
    for name in sorted(patch.keys() | stored.keys(), reverse=True):
        value = patch[name] if name in patch else stored[name]
        if value is None:
            continue
        if isinstance(value, dict) and (value or name not in patch):
            under = stored.get(name) if name in patch else {}
            value = merge(value, under if isinstance(under, dict) else {})
        merged[name] = value
    return merged
