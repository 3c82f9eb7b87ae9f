"""Merges two versions of a document that were changed independently."""

from dataclasses import dataclass
from typing import Any

from app.documents import MISSING, Document, fields


@dataclass(frozen=True)
class Merged:
    """A document with the changes of both versions. `lost` has the paths of changes that were overridden."""

    document: Document
    lost: tuple[str, ...]


def merge_branches(base: Document | None, earlier: Document, later: Document) -> Merged:
    """Merge two versions, given the version that both started from.

    Objects are merged member by member; an array is a single value. If both versions changed the same value, the
    later one wins. Without a base, nobody knows what was changed, so the later version wins everywhere. Stamps, which
    every save sets, come from the later version and do not count as lost. The arguments are not changed.
    """
    if base is None:
        return Merged(dict(later), tuple(differing_paths(earlier, later)))
    lost: list[str] = []
    merged = _merge(base, earlier, later, (), lost)
    return Merged(merged, tuple(sorted(path for path in lost if not _is_stamp(path))))


def differing_paths(document: Document, other: Document) -> list[str]:
    """The sorted paths of members that `other` lacks or has with a different value. Stamps are left out."""
    paths: list[str] = []
    _collect_paths(document, other, (), paths)
    return sorted(path for path in paths if not _is_stamp(path))


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


def _merge(base: Document, earlier: Document, later: Document, path: tuple[str, ...], lost: list[str]) -> Document:
    merged: Document = {}
    for name in [*later, *(name for name in earlier if name not in later)]:
        values = base.get(name, MISSING), earlier.get(name, MISSING), later.get(name, MISSING)
        value = _merge_value(*values, (*path, name), lost)
        if value is not MISSING:
            merged[name] = value
    return merged


def _merge_value(base: Any, earlier: Any, later: Any, path: tuple[str, ...], lost: list[str]) -> Any:
    if same(earlier, later) or same(base, earlier):
        return later
    if same(base, later):
        return earlier
    if isinstance(earlier, dict) and isinstance(later, dict):
        return _merge(base if isinstance(base, dict) else {}, earlier, later, path, lost)
    lost.append(".".join(path))
    return later


def _is_stamp(path: str) -> bool:
    return path in fields.STAMPS or path in ("_rev", "_id")
