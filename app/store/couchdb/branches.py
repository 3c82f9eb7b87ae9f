"""The merge of two versions of a document that were changed apart from each other."""

from dataclasses import dataclass
from typing import Any

from app.documents import MISSING, Document, fields


@dataclass(frozen=True)
class Merged:
    """A document with the changes of both versions, and the paths where a change of one of them had to give way."""

    document: Document
    lost: tuple[str, ...]


def merge_branches(base: Document | None, earlier: Document, later: Document) -> Merged:
    """Merge two versions, given the version that both were made from.

    Objects are merged member by member, arrays are one value. Where both changed the same value, the later version
    counts. Without a base nobody knows what was changed, so all of the later version counts. What every save
    stamps is that of the later version, and no loss. The arguments are not changed.
    """
    if base is None:
        return Merged(dict(later), tuple(differing_paths(earlier, later)))
    lost: list[str] = []
    merged = _merge(base, earlier, later, (), lost)
    return Merged(merged, tuple(sorted(path for path in lost if not _is_stamp(path))))


def differing_paths(one: Document, other: Document) -> list[str]:
    """The paths of the members that `one` has and `other` lacks or has otherwise, stamps left out, sorted."""
    found: list[str] = []
    _collect(one, other, (), found)
    return sorted(path for path in found if not _is_stamp(path))


def _collect(one: Document, other: Document, path: tuple[str, ...], found: list[str]) -> None:
    for name, value in one.items():
        against = other.get(name, MISSING)
        if isinstance(value, dict) and isinstance(against, dict):
            _collect(value, against, (*path, name), found)
        elif not same(value, against):
            found.append(".".join((*path, name)))


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON. Python finds 1, 1.0 and true equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _merge(base: Document, earlier: Document, later: Document, path: tuple[str, ...], lost: list[str]) -> Document:
    merged: Document = {}
    for name in [*later, *(name for name in earlier if name not in later)]:
        values = base.get(name, MISSING), earlier.get(name, MISSING), later.get(name, MISSING)
        value = _value(*values, (*path, name), lost)
        if value is not MISSING:
            merged[name] = value
    return merged


def _value(base: Any, earlier: Any, later: Any, path: tuple[str, ...], lost: list[str]) -> Any:
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
