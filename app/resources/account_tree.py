"""The relatives of an account: `/accounts/{ACCOUNT_ID}/children` and so on, for the account switchers of UIs.

Spec: docs/kazoo/auth.md, section 5.4.
"""

from collections.abc import Callable
from typing import Any

from app.auth import hierarchy
from app.crossbar import crossbar_doc
from app.crossbar.context import Context, system_error
from app.documents import Document, start_key
from app.documents.names import ACCOUNTS
from app.store import Row

CHILDREN, DESCENDANTS = "accounts/listing_by_children", "accounts/listing_by_descendants"
CONFIG = "crossbar.accounts"


def load(context: Context, relation: str) -> None:
    """Answer with the path's account's relatives of one of the RELATIONS."""
    _LOAD[relation](context)


def _children(context: Context) -> None:
    _load_page(context, CHILDREN, context.account_id)


def _descendants(context: Context) -> None:
    _load_page(context, DESCENDANTS, context.account_id)


def _siblings(context: Context) -> None:
    """The parent's children, including the account itself. Only superduper admins may list their own siblings."""
    cache, caller = context.services.cache, context.auth.account_id
    may_list = caller != context.account_id and context.services.config(CONFIG, "allow_sibling_listing") is not False
    if not may_list and not hierarchy.is_superduper_admin(hierarchy.account(cache, caller)):
        raise system_error(403, "forbidden")
    ancestors = hierarchy.tree(context.account)
    _load_page(context, CHILDREN, ancestors[-1] if ancestors else None)


def _ancestors(context: Context) -> None:
    """The ancestors, from the caller's account down. Empty if the caller's account is not an ancestor."""
    ancestors = hierarchy.tree(context.account)
    caller = context.auth.account_id
    visible_ids = ancestors[ancestors.index(caller) :] if caller in ancestors else []
    accounts = context.services.store.find_docs(ACCOUNTS, visible_ids)
    summaries = [_summary(accounts[account_id]) for account_id in visible_ids if account_id in accounts]
    context.respond_document(context.account, summaries)


def _summary(account: Document) -> Document:
    return {
        "id": account["_id"],
        "name": account.get("name"),
        "realm": account.get("realm"),
        "flags": account.get("flags") or [],
    }


def _load_page(context: Context, view: str, account_id: str | None) -> None:
    """Answer with a page of a view keyed by [account, name], in ascending order of names. Fills in `paging`.

    `next_start_key` is the first name on the next page. Unlike in lists of trunks, `page_size` is the number of
    accounts on the page, and `start_key` is always set.
    """
    is_paginated = crossbar_doc.is_paginated(context)
    first_name = crossbar_doc.requested_start_key(context, default="")
    size = crossbar_doc.page_size(context) if is_paginated else None
    rows = _rows(context, view, account_id, first_name, size)
    page, following = rows[:size], rows[size:] if size else []
    summaries = [row.value for row in page]
    context.respond(summaries[::-1] if context.version == "v1" else summaries)
    if is_paginated:
        if following:
            context.paging["next_start_key"] = start_key.encode(str(following[0].key[1]))
        context.paging |= {"page_size": len(page), "start_key": start_key.encode(first_name)}
    if page:
        crossbar_doc.tag_answer(context)


def _rows(context: Context, view: str, account_id: str | None, first_name: Any, size: int | None) -> list[Row]:
    """The rows of a page, and one more. All rows if the list has no pages, or a filter must see every row."""
    if account_id is None:
        return []
    filtered = crossbar_doc.has_filter(context)
    rows = context.services.store.query_view(
        ACCOUNTS,
        view,
        startkey=[account_id, first_name] if first_name != "" else [account_id],
        endkey=[account_id, {}],
        limit=size + 1 if size and not filtered else None,
    )
    return crossbar_doc.passing(context, ACCOUNTS, rows) if filtered else rows


_LOAD: dict[str, Callable[[Context], None]] = {
    "children": _children,
    "descendants": _descendants,
    "siblings": _siblings,
    "parents": _ancestors,
    "tree": _ancestors,
}
RELATIONS = tuple(_LOAD)
