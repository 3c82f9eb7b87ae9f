"""The history of a document from its kept versions and its current one: who wrote what, newest first. No I/O."""

from collections.abc import Iterable, Iterator
from typing import Any

import jsonpatch

from app.documents import Document, fields
from app.history.versions import Version, Write, place
from app.kazoo import json_text

Entry = dict[str, Any]
# In characters of JSON.
LARGEST_COMPARED = 500_000


def timeline(current: Document | None, versions: Iterable[Version]) -> Iterator[Entry]:
    """What the API shows of each version, newest first: `revision`, `when` (Gregorian seconds), `who`, `verb`, …

    `patch` is the JSON Patch (RFC 6902) that makes this version of the one before; null if that is unknown or large.
    `versions` are newest first. Of a version that was written elsewhere there is what Kazoo notes in the document.
    """
    newer = current
    for version in versions:
        by = version.replaced_by
        if newer is not None and newer["_rev"] == version.revision:
            # Kept beside a write of which nobody knew whether it was carried out.
            continue
        if newer is not None and _generation(newer["_rev"]) == _generation(version.revision) + 1:
            yield _entry(newer, by, version.document)
        else:
            if newer is not None:
                yield _entry(newer, _noted(newer), version.document)
            if by.verb == "DELETE" and by.revision:
                yield _told(by.revision, by, is_deleted=True)
        newer = version.document
    if newer is not None:
        yield _entry(newer, _noted(newer), None)


def is_at_or_before(entry: Entry, revision: str) -> bool:
    """Whether an entry's revision is this one or an earlier one."""
    return place(entry["revision"]) <= place(revision)


def _generation(revision: str) -> int:
    return int(revision.partition("-")[0])


def _entry(document: Document, by: Write, before: Document | None) -> Entry:
    entry = _told(document["_rev"], by, fields.is_deleted(document))
    if before is not None and not any(map(_is_large, (before, document))):
        entry["patch"] = jsonpatch.make_patch(fields.public(before), fields.public(document)).patch
    return entry


def _is_large(document: Document) -> bool:
    """Whether the comparison would take more than half a second."""
    return len(json_text.dumps(document)) > LARGEST_COMPARED


def _told(revision: str, by: Write, is_deleted: bool) -> Entry:
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


def _noted(document: Document) -> Write:
    """What the document itself tells about the write that made it."""
    return Write(
        verb="PUT" if document["_rev"].startswith("1-") else None,
        when=document.get("pvt_modified"),
        account_id=document.get("pvt_auth_account_id"),
        user_id=document.get("pvt_auth_user_id"),
        request_id=document.get("pvt_request_id"),
    )
