"""The versions of a trunk: `…/connectivity/{ID}/history[/{REVISION}]`, which Kazoo lacks (docs/deviations.md)."""

import itertools

from app.auth import hierarchy
from app.crossbar import crossbar_doc
from app.crossbar.admission import client_ip
from app.crossbar.context import Context, not_found_error
from app.documents import Document, fields, start_key
from app.documents.clock import gregorian_now
from app.history import authors
from app.history.timeline import Entry
from app.history.versions import Write, is_revision
from app.store import in_time

SEGMENT = "history"
# The limit for an answer, even if the client requests all versions.
MOST_ENTRIES = 1000
_NOT_SHOWN = {"account_id": None, "user_id": None, "ip": None, "name": "an operator"}


def load_versions(context: Context, trunk_id: str) -> None:
    """Answer with a page of versions, newest first. Stops with 404 if there are none."""
    key = crossbar_doc.requested_start_key(context)
    revision = key if isinstance(key, str) and is_revision(key) else None
    entries = context.services.trunks.timeline(context.account_id, trunk_id, revision)
    is_paginated = crossbar_doc.is_paginated(context)
    size = min(crossbar_doc.page_size(context), MOST_ENTRIES) if is_paginated else MOST_ENTRIES
    timely = in_time(entries, "the versions take too long to compare: ask for fewer")
    page = list(itertools.islice(timely, size))
    if not page and revision is None:
        raise not_found_error(trunk_id)
    if is_paginated:
        next_entry = next(entries, None)
        context.paging = {"page_size": len(page)} | ({"start_key": start_key.encode(revision)} if revision else {})
        if next_entry:
            context.paging["next_start_key"] = start_key.encode(next_entry["revision"])
    context.respond(seen_by_caller(context, page))


def seen_by_caller(context: Context, entries: list[Entry]) -> list[Entry]:
    """The entries with the authors' names, without the authors on whose accounts the caller may not act."""
    account_ids = {entry["who"]["account_id"] for entry in entries} - {None}
    hidden = {account_id for account_id in account_ids if not _may_see(context, account_id)}
    shown = [{**entry, "who": _NOT_SHOWN} if entry["who"]["account_id"] in hidden else entry for entry in entries]
    return authors.with_names(context.services.store, context.services.cache, shown)


def _may_see(context: Context, account_id: str) -> bool:
    cache = context.services.cache
    return hierarchy.is_allowed(cache, context.auth.account_id, hierarchy.account(cache, account_id))


def load_version(context: Context, trunk_id: str, revision: str) -> None:
    """Answer with a version of the document. Stops with 404 if it was not kept."""
    stored = context.services.trunks.find(context.account_id, trunk_id)
    document = find_version(context, trunk_id, revision, stored)
    context.respond_document(document, fields.answer_data(document))


def find_version(context: Context, trunk_id: str, revision: str, stored: Document | None) -> Document:
    """A kept version or the stored document. Stops with 404 if there is none."""
    version = context.services.trunks.find_version(context.account_id, trunk_id, revision, stored)
    if version is None:
        raise not_found_error(revision)
    return version


def write_of(context: Context, restored: str | None = None) -> Write:
    """Describes this request's write, for the version that it replaces."""
    author = context.author
    return Write(
        verb=context.verb,
        when=gregorian_now(),
        account_id=author.account_id,
        user_id=author.user_id,
        ip=client_ip(context),
        request_id=context.request_id,
        restored=restored,
    )
