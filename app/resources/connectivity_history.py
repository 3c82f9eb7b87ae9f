"""The versions of a trunk: `…/connectivity/{ID}/history[/{REVISION}]`, which Kazoo lacks (docs/deviations.md)."""

import itertools
from collections.abc import Iterator

from app import deadline
from app.crossbar import crossbar_doc
from app.crossbar.admission import client_ip
from app.crossbar.context import Context, not_found_error
from app.documents import Document, fields, start_key
from app.documents.clock import gregorian_now
from app.history.timeline import Entry
from app.history.versions import Write, is_revision
from app.store import Unavailable

SEGMENT = "history"
# In one answer, even if the client asks for all.
MOST_ENTRIES = 1000


def load_versions(context: Context, trunk_id: str) -> None:
    """Answer with the versions, newest first, one page of them. Stops with 404 if there are none."""
    asked = crossbar_doc.asked_start_key(context)
    first = asked if isinstance(asked, str) and is_revision(asked) else None
    entries = context.services.trunks.timeline(context.account_id, trunk_id, first)
    pages = crossbar_doc.paginates(context)
    size = min(crossbar_doc.page_size(context), MOST_ENTRIES) if pages else MOST_ENTRIES
    page = list(itertools.islice(_in_time(entries), size))
    if not page and first is None:
        raise not_found_error(trunk_id)
    if pages:
        following = next(entries, None)
        context.paging = {"page_size": len(page)} | ({"start_key": start_key.encode(first)} if first else {})
        if following:
            context.paging["next_start_key"] = start_key.encode(following["revision"])
    context.respond(page)


def _in_time(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The same, until the time of the request is over. Raises Unavailable."""
    for entry in entries:
        if deadline.is_over():
            raise Unavailable("the versions take too long to compare: ask for fewer")
        yield entry


def load_version(context: Context, trunk_id: str, revision: str) -> None:
    """Answer with the document as it was. Stops with 404 if that version was not kept."""
    stored = context.services.trunks.find(context.account_id, trunk_id)
    document = find_version(context, trunk_id, revision, stored)
    context.respond_document(document, fields.answer_data(document))


def find_version(context: Context, trunk_id: str, revision: str, stored: Document | None) -> Document:
    """A version, the stored one included. Stops with 404 if there is none."""
    version = context.services.trunks.find_version(context.account_id, trunk_id, revision, stored)
    if version is None:
        raise not_found_error(revision)
    return version


def write_of(context: Context, restored: str | None = None) -> Write:
    """The write that this request makes, for the version that it replaces."""
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
