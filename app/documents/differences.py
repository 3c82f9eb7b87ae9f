"""Compares documents."""

from typing import Any

from app.documents import MISSING, Document, fields


def differing_paths(document: Document, other: Document) -> list[str]:
    """The sorted paths of members that `other` lacks or has with a different value. Stamps are left out."""
    paths: list[str] = []
    _collect_paths(document, other, (), paths)
    return sorted(path for path in paths if not is_stamp(path))


def _collect_paths(document: Document, other: Document, parent: tuple[str, ...], paths: list[str]) -> None:
    for name, value in document.items():
        other_value = other.get(name, MISSING)
        if isinstance(value, dict) and isinstance(other_value, dict):
            _collect_paths(value, other_value, (*parent, name), paths)
        elif not same(value, other_value):
            paths.append(".".join((*parent, name)))


def same(value: Any, other: Any) -> bool:
    """Whether two values are the same JSON. For Python, 1, 1.0 and true are equal."""
    if type(value) is not type(other):
        return False
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(value[name], other[name]) for name in value)
    if isinstance(value, list):
        return len(value) == len(other) and all(map(same, value, other))
    return bool(value == other)


def is_stamp(path: str) -> bool:
    """Whether every save sets the member at this dotted path."""
    return path in fields.STAMPS or path in ("_rev", "_id")
