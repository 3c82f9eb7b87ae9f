"""Searches by the beginning of names, realms, ids and numbers: `[/accounts/{ACCOUNT_ID}]/search[/multi]`, cb_search.

Accounts are searched below the caller's own account, and everything else in one account: that of the path, or else
the caller's own.

Spec: docs/kazoo/clients.md, section 1d.
"""

from typing import Any

from app.crossbar import crossbar_doc
from app.crossbar.context import Context, Stop, validation_error
from app.crossbar.resource import Resource
from app.documents import Document, object_member, start_key
from app.documents.names import ACCOUNTS, account_db, alphanumeric
from app.schema.errors import error
from app.store import Row

MULTI = "multi"
DESIGN, PREFIX = "search", "search_by_"
_SEARCHABLE = ["account", "user", "callflow", "device"]
_ACCOUNT = "account"
# What can be searched where there is no design document.
_QUERIES_OF_ACCOUNTS = ["name", "realm", "id"]
_QUERIES_OF_OTHERS = ["name", "number", "name_and_number"]
# It sorts after every letter. Kazoo's `Z` does not sort after a `z` that is followed by more.
_LAST = "\ufff0"
# By each query of several.
MOST_FOUND = 1000


class Search(Resource):
    """One search (`t`, `q`, `v`), or several at once (`t`, `by_NAME`, …)."""

    METHODS = {0: ("GET",), 1: ("GET",)}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """A search, and several at once."""
        return params in ((), (MULTI,))

    def authorize(self, context: Context) -> bool | None:
        """Every caller, in accounts that they may see."""
        return None if context.has_account else context.has_auth

    def validate(self, context: Context, *params: str) -> None:
        """Answer with what was found. Stops with 400 if the request does not say what to search."""
        if params:
            _search_many(context)
        else:
            _search(context)


def _search(context: Context) -> None:
    db = _database(context, "search needs a document type to search on")
    query, value = context.req_value("q"), context.req_value("v")
    if query is None:
        message = "search needs a view to search in"
        raise validation_error(error("q", "required", message=message, target=_queries(context, db)))
    if not isinstance(query, str) or query not in _queries(context, db):
        raise _unknown_query(query)
    if value is None or value is False:
        raise validation_error(error("v", "required", message="search needs a value to search for"))
    prefix, value = _prefix(context), _text(value)
    is_paginated = crossbar_doc.is_paginated(context)
    first = _first(context, prefix, value)
    size = crossbar_doc.page_size(context) if is_paginated else None
    rows = _rows(context, db, query, prefix, value, first, size)
    page, following = rows[:size], rows[size:] if size else []
    found = [row.value for row in page]
    context.respond(found[::-1] if context.version == "v1" else found)
    if is_paginated:
        if following:
            context.paging["next_start_key"] = start_key.encode(following[0].key)
        context.paging |= {"page_size": len(page), "start_key": start_key.encode([*prefix, first])}
    if page:
        crossbar_doc.tag_answer(context)


def _search_many(context: Context) -> None:
    db = _database(context, "Search needs a document type to search on")
    asked = {name.removeprefix("by_"): value for name, value in context.query if name.startswith("by_")}
    known = _queries(context, db)
    for query in asked:
        if query not in known:
            raise _unknown_query(query)
    if not asked:
        message = "multi search needs some values to search for"
        raise validation_error(error(MULTI, "enum", message=message, target=known))
    prefix = _prefix(context)
    found = {}
    for query, value in asked.items():
        rows = _rows(context, db, query, prefix, _text(value), size=MOST_FOUND)
        found[query] = [row.value for row in rows[:MOST_FOUND]]
    context.respond(found)


def _database(context: Context, message: str) -> str:
    """The database to search. Stops with 400 without a type of documents."""
    kind = context.req_value("t")
    if not isinstance(kind, str):
        raise validation_error(error("t", "required", message=message, target=_SEARCHABLE))
    if kind == _ACCOUNT:
        return ACCOUNTS
    return context.db if context.has_account else account_db(context.auth.account_id)


def _prefix(context: Context) -> list[str]:
    """What the keys of all rows begin with that the caller may see."""
    kind: str = context.req_value("t")
    return [context.auth.account_id, kind] if kind == _ACCOUNT else [kind]


def _queries(context: Context, db: str) -> list[str]:
    """What can be searched in a database. Operators may add views."""
    design: Document = context.services.store.find_doc(db, f"_design/{DESIGN}") or {}
    views = object_member(design, "views")
    if isinstance(views, dict):
        return [name.removeprefix(PREFIX) for name in views]
    return _QUERIES_OF_ACCOUNTS if db == ACCOUNTS else _QUERIES_OF_OTHERS


def _unknown_query(query: Any) -> Stop:
    return validation_error(error("q", "enum", message="value not found in enumerated list of values", cause=query))


def _text(value: Any) -> str:
    """The text to search for, in the form of the views' keys."""
    return alphanumeric(value) if isinstance(value, str) else ""


def _first(context: Context, prefix: list[str], value: str) -> str:
    """Where the page begins. A `start_key` that is not among what is found does not count."""
    key = crossbar_doc.requested_start_key(context, default=value)
    if isinstance(key, list) and key[:-1] == prefix:
        key = key[-1]
    return key if isinstance(key, str) and key.startswith(value) else value


def _rows(
    context: Context,
    db: str,
    query: str,
    prefix: list[str],
    value: str,
    first: str | None = None,
    size: int | None = None,
) -> list[Row]:
    """The rows of a page, and one more. All rows without a size, or if a filter must see every row."""
    filtered = crossbar_doc.has_filter(context)
    rows = context.services.store.query_view(
        db,
        f"{DESIGN}/{PREFIX}{query}",
        startkey=[*prefix, value if first is None else first],
        endkey=[*prefix, value + _LAST],
        limit=size + 1 if size and not filtered else None,
    )
    return crossbar_doc.passing(context, db, rows) if filtered else rows
