"""The versions of a trunk: `…/connectivity/{ID}/history[/{REVISION}]`, which Kazoo lacks (docs/deviations.md)."""

import itertools
import re
from collections.abc import Iterator

from app import deadline
from app.crossbar import crossbar_doc
from app.crossbar.admission import client_ip
from app.crossbar.context import Context, not_found_error
from app.documents import Document, connectivity, fields, is_true, start_key
from app.documents.clock import gregorian_now
from app.history.timeline import Entry, is_at_or_before, timeline
from app.history.versions import Write
from app.store import Unavailable, is_document_id

SEGMENT = "history"
# In one answer, also where the client asks for all.
MOST_ENTRIES = 1000
_REVISION = re.compile(r"[0-9]{1,10}-[0-9a-z]{1,64}")


def load_versions(context: Context, doc_id: str, _: str) -> None:
    """Answer with the versions, newest first, one page of them. Stops with 404 if there are none."""
    current = find_stored(context, doc_id)
    asked = crossbar_doc.asked_start_key(context)
    first = asked if isinstance(asked, str) and _REVISION.fullmatch(asked) else None
    history = context.services.history
    versions = history.versions(context.account_id, doc_id, first) if history else iter(())
    entries = timeline(None if first and current and first != current["_rev"] else current, versions)
    if first:
        entries = itertools.dropwhile(lambda entry: not is_at_or_before(entry, first), entries)
    paginates = context.version != "v1" and is_true(context.req_value("paginate", True))
    size = min(crossbar_doc.page_size(context), MOST_ENTRIES) if paginates else MOST_ENTRIES
    page = list(itertools.islice(_in_time(entries), size))
    if not page and first is None:
        raise not_found_error(doc_id)
    if paginates:
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


def load_version(context: Context, doc_id: str, _: str, revision: str) -> None:
    """Answer with the document as it was. Stops with 404 if that version was not kept."""
    document = find_version(context, doc_id, revision)
    context.respond_document(document, fields.answer_data(document))


def find_version(context: Context, doc_id: str, revision: str) -> Document:
    """A version, the current one included. Stops with 404 if there is none."""
    history = context.services.history
    if history and is_document_id(doc_id) and _REVISION.fullmatch(revision):
        current = find_stored(context, doc_id)
        if current and current["_rev"] == revision:
            return current
        version = history.find(context.account_id, doc_id, revision)
        if version:
            return version.document
    raise not_found_error(revision)


def find_stored(context: Context, doc_id: str) -> Document | None:
    """The trunk as it is stored, also if it is softly deleted; None if there is none."""
    if not is_document_id(doc_id):
        return None
    store = context.services.store
    find = store.find_doc if context.verb == "GET" else store.find_to_write
    stored = find(context.db, doc_id)
    return stored if stored and crossbar_doc.has_type(stored, connectivity.TYPE) else None


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
