"""Loads, saves and lists documents for resources, by Kazoo's rules.

Spec: docs/kazoo/documents.md, sections 2 to 5.
"""

import hashlib
from typing import Any

from app.crossbar.context import Context, not_found_error, too_long_error
from app.documents import Document, fields, filters, is_true, listing, start_key
from app.kazoo import json_text
from app.kazoo.integers import to_integer
from app.store import UNSET, NotFound, Row, ViewMissing, is_document_id

DEFAULT_PAGE_SIZE = 50
# More rows than any view has, and a limit that every store accepts.
LARGEST_PAGE = 2**31 - 1
LONGEST_START_KEY = 4096


def load(context: Context, doc_id: str, pvt_type: str) -> Document:
    """Load a live document of this type. Stops with 404 if there is none (docs/kazoo/documents.md, section 3.5)."""
    document = find(context, doc_id)
    if document is None:
        raise not_found_error(doc_id)
    return require_type(document, doc_id, pvt_type)


def require_type(document: Document, doc_id: str, pvt_type: str) -> Document:
    """Return the document if it has this type or no type. Otherwise stop with 404."""
    if fields.has_type(document, pvt_type):
        return document
    raise not_found_error(doc_id)


def find(context: Context, doc_id: str) -> Document | None:
    """Read a live document of any type from the store. None if there is none."""
    if not is_document_id(doc_id):
        return None
    store = context.services.store
    open_doc = store.open_doc if context.verb == "GET" else store.open_to_write
    try:
        document = open_doc(context.db, doc_id)
    except NotFound:
        return None
    return None if fields.is_deleted(document) else document


def set_stored(context: Context, document: Document) -> None:
    """Fill in `stored` with the document to be replaced, and its ETag for the preconditions."""
    context.stored = document
    context.etag = f'"{document["_rev"]}"'


def save(context: Context, document: Document) -> Document:
    """Stamp and save a document, answer with it, and return it as stored. Raises Conflict."""
    stored = fields.stamp(document, context.account_id, context.author)
    stored["_rev"] = context.services.store.save_doc(context.db, stored)
    context.respond_document(stored, fields.answer_data(stored))
    return stored


def load_list(context: Context, view: str) -> None:
    """Answer with a page of ids from a view of the account's database.

    Spec: docs/kazoo/documents.md, section 5.
    """
    context.respond([row.id for row in load_rows(context, view, counts_next=True)])


def load_summaries(context: Context, view: str, is_optional: bool = False, is_ascending: bool = False) -> None:
    """Answer with a page of values from a view. If an optional view is missing, the page is empty.

    The order is descending, as in most lists. API version 1 has no other.
    """
    try:
        rows = load_rows(context, view)
    except ViewMissing:
        if not is_optional:
            raise
        rows = []
    if is_ascending and context.version != "v1":
        rows.reverse()
    context.respond([row.value for row in rows])
    if rows:
        tag_answer(context)


def tag_answer(context: Context) -> None:
    """Give an answer that is not a document a revision: the MD5 of its data as JSON.

    Spec: docs/kazoo/http.md, section 7.
    """
    context.revision = hashlib.md5(json_text.dumps(context.resp_data).encode("utf-8")).hexdigest()
    context.etag = f'"{context.revision}"'


def requested_start_key(context: Context, default: Any = None) -> Any:
    """The key that the page should begin with. Stops with 400 if its text is longer than any key."""
    text = context.req_value("start_key")
    if not isinstance(text, str):
        return default
    if len(text) > LONGEST_START_KEY:
        raise too_long_error("start_key", LONGEST_START_KEY)
    return start_key.decode(text)


def is_paginated(context: Context) -> bool:
    """Whether a list is answered in pages. API version 1 has no pages."""
    return context.version != "v1" and is_true(context.req_value("paginate", True))


def has_filter(context: Context) -> bool:
    """Whether the request has filters of documents."""
    return any(filters.is_filter(name) for name, _ in context.query)


def passing(context: Context, db: str, rows: list[Row]) -> list[Row]:
    """The rows whose documents pass the request's filters."""
    documents = context.services.store.read_docs(db, (row.id for row in rows if row.id))
    ids = {document["_id"] for document in documents if filters.passes(document, context.query)}
    return [row for row in rows if row.id in ids]


def load_rows(context: Context, view: str, counts_next: bool = False) -> list[Row]:
    """A page of a view's rows that pass the request's filters, in descending order. Fills in `paging`.

    `counts_next` is for lists whose `page_size` also counts the first row of the next page.
    """

    def fetch(key: Any, limit: int | None) -> list[Row]:
        start = UNSET if key is None else key
        return context.services.store.query_view(context.db, view, startkey=start, limit=limit)

    def select(rows: list[Row]) -> list[Row]:
        return passing(context, context.db, rows)

    first_key, filtered = requested_start_key(context), has_filter(context)
    if not is_paginated(context):
        rows = fetch(first_key, None)
        return (select(rows) if filtered else rows)[::-1]
    size = page_size(context)
    page = listing.read_page(fetch, select if filtered else None, size, first_key)
    context.paging = _paging(page)
    if page.next_start_key is not None and not counts_next:
        context.paging["page_size"] = size
    return page.items


def page_size(context: Context) -> int:
    """The number of items on a page: `page_size` if it is a positive integer or its text, else the default."""
    value = context.req_value("page_size")
    size = value if type(value) is int else to_integer(value)
    if size is not None and size > 0:
        return min(size, LARGEST_PAGE)
    default = context.services.config("crossbar", "pagination_page_size", default=DEFAULT_PAGE_SIZE)
    return default if type(default) is int and default > 0 else DEFAULT_PAGE_SIZE


def _paging(page: listing.Page[Row]) -> dict[str, Any]:
    paging: dict[str, Any] = {}
    if page.next_start_key is not None:
        paging["next_start_key"] = start_key.encode(page.next_start_key)
    paging["page_size"] = page.page_size
    if page.start_key is not None:
        paging["start_key"] = start_key.encode(page.start_key)
    return paging
