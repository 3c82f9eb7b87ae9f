"""Turns the versions of a document into its history: who wrote what, newest first. Does no I/O."""

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import jsonpatch

from app.documents import Document, fields
from app.history.versions import Version, Write, sort_key
from app.kazoo import json_text

Entry = dict[str, Any]
# The largest document to compare, in characters of JSON.
LARGEST_COMPARED = 500_000
# For all comparisons of one history; seconds of processor time, so that it says the same on a busy machine.
MOST_DIFFERENCES, MOST_SECONDS = 2000, 0.5


def timeline(current: Document | None, versions: Iterable[Version]) -> Iterator[Entry]:
    """An entry for each version, newest first: `revision`, `when` (Gregorian seconds), `who`, `verb`, …

    `patch` is the JSON Patch (RFC 6902) from the previous version, or null if that is unknown. If the two differ too
    much, or too many others were compared before, it is null too, and `not_compared` has the paths of both, relative
    to the account. `versions` are newest first. The entry of a version that was written elsewhere comes from its own
    stamps.
    """
    comparison = _Comparison()
    newer = current
    for version in versions:
        by = version.replaced_by
        if newer is not None and newer["_rev"] == version.revision:
            # The write that should have replaced this version was not done.
            continue
        if newer is not None and generation(newer["_rev"]) == generation(version.revision) + 1:
            yield comparison.entry(newer, by, version.document)
        else:
            if newer is not None:
                yield comparison.entry(newer, stamped_write(newer), version.document)
            if by.verb == "DELETE" and by.revision:
                yield _entry_without_patch(by.revision, by, is_deleted=True)
        newer = version.document
    if newer is not None:
        yield _entry_without_patch(newer["_rev"], stamped_write(newer), fields.is_deleted(newer))


def is_at_or_before(entry: Entry, revision: str) -> bool:
    """Whether an entry's revision is this one or an earlier one."""
    return sort_key(entry["revision"]) <= sort_key(revision)


def who(by: Write) -> dict[str, Any]:
    """The author of a write, as entries show it."""
    return {"account_id": by.account_id, "user_id": by.user_id, "ip": by.ip}


def generation(revision: str) -> int:
    """How many versions there were up to this revision, which is counted."""
    return int(revision.partition("-")[0])


def stamped_write(document: Document) -> Write:
    """The write that made a document, according to its stamps."""
    return Write(
        verb="PUT" if document["_rev"].startswith("1-") else None,
        when=document.get("pvt_modified"),
        account_id=document.get("pvt_auth_account_id"),
        user_id=document.get("pvt_auth_user_id"),
        request_id=document.get("pvt_request_id"),
    )


class _Comparison:
    """Compares versions until the budget of the history is spent."""

    def __init__(self) -> None:
        self._left = MOST_DIFFERENCES
        self._seconds_left = MOST_SECONDS

    def entry(self, document: Document, by: Write, before: Document) -> Entry:
        """The entry of a version, with what changed since the version before."""
        entry = _entry_without_patch(document["_rev"], by, fields.is_deleted(document))
        started = time.thread_time()
        entry["patch"] = self._patch(fields.public(before), fields.public(document))
        # Reading the versions takes time too, which is not counted.
        self._seconds_left -= time.thread_time() - started
        if entry["patch"] is None:
            message = "these versions differ too much to be compared here"
            entry["not_compared"] = {"message": message, "versions": [_path(before), _path(document)]}
        return entry

    def _patch(self, old: Document, new: Document) -> list[dict[str, Any]] | None:
        """The JSON Patch, or None if the budget is spent."""
        if self._seconds_left <= 0 or any(map(_is_large, (old, new))):
            return None
        # A patch has about as many operations, and takes far longer.
        self._left -= sum(1 for _ in itertools.islice(_differences(old, new), self._left + 1))
        if self._left < 0:
            return None
        try:
            patch: list[dict[str, Any]] = jsonpatch.make_patch(old, new).patch
        except RecursionError:
            return None
        return patch


def _is_large(document: Document) -> bool:
    return len(json_text.dumps(document)) > LARGEST_COMPARED


def _differences(old: Any, new: Any) -> Iterator[None]:
    """An item for each value that is only in one of two JSON values, or differs."""
    pairs = [(old, new)]
    while pairs:
        old, new = pairs.pop()
        if isinstance(old, dict) and isinstance(new, dict):
            yield from itertools.repeat(None, len(old.keys() ^ new.keys()))
            pairs += [(old[name], new[name]) for name in old.keys() & new.keys()]
        elif isinstance(old, list) and isinstance(new, list):
            yield from itertools.repeat(None, abs(len(old) - len(new)))
            pairs += zip(old, new, strict=False)
        elif type(old) is not type(new) or old != new:
            yield None


def _path(document: Document) -> str:
    """The path of a version. The API decodes segments twice."""
    return f"connectivity/{quote(document['_id'].replace('%', '%25'), safe='')}/history/{document['_rev']}"


def _entry_without_patch(revision: str, by: Write, is_deleted: bool) -> Entry:
    return {
        "revision": revision,
        "verb": by.verb,
        "when": by.when,
        "who": who(by),
        "request_id": by.request_id,
        "deleted": is_deleted,
        "restored": by.restored,
        "patch": None,
    }
