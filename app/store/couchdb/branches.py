"""Merges two versions of a document that were changed independently."""

from dataclasses import dataclass
from typing import Any

from app.documents import MISSING, Document
from app.documents.differences import differing_paths, is_stamp, same


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
    return Merged(merged, tuple(sorted(path for path in lost if not is_stamp(path))))


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
