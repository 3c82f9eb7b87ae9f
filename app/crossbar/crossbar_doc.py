"""Loading, saving and listing documents for resources, by Kazoo's rules.

Spec: docs/kazoo/documents.md, sections 2 to 5.
"""

import hashlib
from typing import Any

from app.crossbar.context import Context, not_found_error, validation_error
from app.documents import Document, fields, filters, is_true, listing, start_key
from app.kazoo import json_text
from app.kazoo.integers import to_integer
from app.schema.errors import error
from app.store import UNSET, NotFound, Row, ViewMissing, is_document_id

DEFAULT_PAGE_SIZE = 50
# More than any view has, and few enough digits for every store.
LARGEST_PAGE = 2**31 - 1
LONGEST_START_KEY = 4096


def load(context: Context, doc_id: str, pvt_type: str) -> Document:
    """A live document of this type. Stops with 404 on any other (docs/kazoo/documents.md, section 3.5)."""
    document = find(context, doc_id)
    if document is None:
        raise not_found_error(doc_id)
    return of_type(document, doc_id, pvt_type)


def of_type(document: Document, doc_id: str, pvt_type: str) -> Document:
    """The document itself, if it has this type or no type. Otherwise stops with 404."""
    if fields.has_type(document, pvt_type):
        return document
    raise not_found_error(doc_id)


def find(context: Context, doc_id: str) -> Document | None:
    """A live document of any type, read from the store; None where there is none."""
    if not is_document_id(doc_id):
        return None
    store = context.services.store
    open_stored = store.open_doc if context.verb == "GET" else store.open_to_write
    try:
        document = open_stored(context.db, doc_id)
    except NotFound:
        return None
    return None if fields.is_deleted(document) else document


def write_upon(context: Context, document: Document) -> None:
    """Fill in `stored` with the document that is about to be replaced, and its ETag for the preconditions."""
    context.stored = document
    context.etag = f'"{document["_rev"]}"'


def save(context: Context, document: Document) -> Document:
    """Stamp and write a document, answer with it, and return it as stored. Raises Conflict."""
    stored = fields.stamp(document, context.account_id, context.author)
    stored["_rev"] = context.services.store.save_doc(context.db, stored)
    context.respond_document(stored, fields.answer_data(stored))
    return stored


def load_list(context: Context, view: str) -> None:
    """Answer with the ids of a view of the account's database, one page of them.

    Spec: docs/kazoo/documents.md, section 5.
    """
    context.respond([row.id for row in load_rows(context, view)])


def load_summaries(context: Context, view: str, is_optional: bool = False) -> None:
    """Answer with the values of a view, one page of them; with none where an optional view is missing."""
    try:
        rows = load_rows(context, view)
    except ViewMissing:
        if not is_optional:
            raise
        rows = []
    context.respond([row.value for row in rows])
    if rows:
        tag_answer(context)


def tag_answer(context: Context) -> None:
    """Give an answer that is not a document a revision of its own: the MD5 of its data as JSON.

    Spec: docs/kazoo/http.md, section 7.
    """
    context.revision = hashlib.md5(json_text.dumps(context.resp_data).encode("utf-8")).hexdigest()
    context.etag = f'"{context.revision}"'


def asked_start_key(context: Context, default: Any = None) -> Any:
    """The key that a page is to begin with. Stops with 400 if its text is longer than any key's."""
    asked = context.req_value("start_key")
    if not isinstance(asked, str):
        return default
    if len(asked) > LONGEST_START_KEY:
        message = f"String must not be more than {LONGEST_START_KEY} characters"
        raise validation_error(error("start_key", "maxLength", message=message, target=LONGEST_START_KEY))
    return start_key.decode(asked)


def paginates(context: Context) -> bool:
    """Whether a list is answered in pages. The first version of the API has no pages."""
    return context.version != "v1" and is_true(context.req_value("paginate", True))


def load_rows(context: Context, view: str, include_docs: bool = False) -> list[Row]:
    """One page of a view's rows that pass the request's filters, in descending order; fills in `paging`."""
    pages = paginates(context)
    has_filter = any(filters.is_filter(name) for name, _ in context.query)

    def fetch(key: Any, limit: int | None) -> list[Row]:
        return context.services.store.query_view(
            context.db,
            view,
            startkey=UNSET if key is None else key,
            limit=limit,
            include_docs=include_docs or has_filter,
        )

    def keep(row: Row) -> bool:
        return row.doc is not None and filters.passes(row.doc, context.query)

    first = asked_start_key(context)
    if not pages:
        return [row for row in fetch(first, None) if not has_filter or keep(row)][::-1]
    page = listing.read_page(fetch, keep if has_filter else None, page_size(context), first)
    context.paging = _paging(page)
    return page.items


def page_size(context: Context) -> int:
    """How many items a page has: `page_size` if it is a positive integer or its text, or the operator's default."""
    asked = context.req_value("page_size")
    wanted = asked if type(asked) is int else to_integer(asked)
    if wanted is not None and wanted > 0:
        return min(wanted, LARGEST_PAGE)
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
