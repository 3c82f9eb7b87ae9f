"""Turns the versions of a document into its history: who wrote what, newest first. Does no I/O."""

from collections.abc import Iterable, Iterator
from typing import Any

import jsonpatch

from app.documents import Document, fields
from app.history.versions import Version, Write, sort_key
from app.kazoo import json_text

Entry = dict[str, Any]
# The largest document to compare, in characters of JSON.
LARGEST_COMPARED = 500_000


def timeline(current: Document | None, versions: Iterable[Version]) -> Iterator[Entry]:
    """An entry for each version, newest first: `revision`, `when` (Gregorian seconds), `who`, `verb`, …

    `patch` is the JSON Patch (RFC 6902) from the previous version, or null if that is unknown or large. `versions`
    are newest first. The entry of a version that was written elsewhere comes from its own stamps.
    """
    newer = current
    for version in versions:
        by = version.replaced_by
        if newer is not None and newer["_rev"] == version.revision:
            # The write that should have replaced this version was not done.
            continue
        if newer is not None and _generation(newer["_rev"]) == _generation(version.revision) + 1:
            yield _entry(newer, by, version.document)
        else:
            if newer is not None:
                yield _entry(newer, _stamped_write(newer), version.document)
            if by.verb == "DELETE" and by.revision:
                yield _entry_without_patch(by.revision, by, is_deleted=True)
        newer = version.document
    if newer is not None:
        yield _entry(newer, _stamped_write(newer), None)


def is_at_or_before(entry: Entry, revision: str) -> bool:
    """Whether an entry's revision is this one or an earlier one."""
    return sort_key(entry["revision"]) <= sort_key(revision)


def _generation(revision: str) -> int:
    return int(revision.partition("-")[0])


def _entry(document: Document, by: Write, before: Document | None) -> Entry:
    entry = _entry_without_patch(document["_rev"], by, fields.is_deleted(document))
    if before is not None and not any(map(_is_large, (before, document))):
        entry["patch"] = jsonpatch.make_patch(fields.public(before), fields.public(document)).patch
    return entry


def _is_large(document: Document) -> bool:
    """Whether a comparison would take more than half a second."""
    return len(json_text.dumps(document)) > LARGEST_COMPARED


def _entry_without_patch(revision: str, by: Write, is_deleted: bool) -> Entry:
    return {
        "revision": revision,
        "verb": by.verb,
        "when": by.when,
        "who": {"account_id": by.account_id, "user_id": by.user_id, "ip": by.ip},
        "request_id": by.request_id,
        "deleted": is_deleted,
        "restored": by.restored,
        "patch": None,
    }


def _stamped_write(document: Document) -> Write:
    """The write that made a document, according to its stamps."""
    return Write(
        verb="PUT" if document["_rev"].startswith("1-") else None,
        when=document.get("pvt_modified"),
        account_id=document.get("pvt_auth_account_id"),
        user_id=document.get("pvt_auth_user_id"),
        request_id=document.get("pvt_request_id"),
    )
