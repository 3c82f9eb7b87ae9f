"""The accounts around an account: `/accounts/{ACCOUNT_ID}/children` and the like, for UIs' account switchers.

Spec: docs/kazoo/auth.md, section 5.4.
"""

from collections.abc import Callable
from typing import Any

from app.auth import hierarchy
from app.crossbar import crossbar_doc
from app.crossbar.context import Context, system_error
from app.documents import Document, filters, start_key
from app.documents.names import ACCOUNTS
from app.store import Row

CHILDREN, DESCENDANTS = "accounts/listing_by_children", "accounts/listing_by_descendants"
CONFIG = "crossbar.accounts"


def load(context: Context, relation: str) -> None:
    """Answer with the accounts that stand in this relation, one of RELATIONS, to that of the path."""
    _LOAD[relation](context)


def _children(context: Context) -> None:
    _load_page(context, CHILDREN, context.account_id)


def _descendants(context: Context) -> None:
    _load_page(context, DESCENDANTS, context.account_id)


def _siblings(context: Context) -> None:
    """The children of the parent, the account itself included. One's own only for superduper admins."""
    cache, caller = context.services.cache, context.auth.account_id
    may_ask = caller != context.account_id and context.services.config(CONFIG, "allow_sibling_listing") is not False
    if not may_ask and not hierarchy.is_superduper_admin(hierarchy.account(cache, caller)):
        raise system_error(403, "forbidden")
    ancestors = hierarchy.tree(context.account)
    _load_page(context, CHILDREN, ancestors[-1] if ancestors else None)


def _ancestors(context: Context) -> None:
    """The accounts above, from the caller's down; none where the caller is not above."""
    ancestors = hierarchy.tree(context.account)
    caller = context.auth.account_id
    seen = ancestors[ancestors.index(caller) :] if caller in ancestors else []
    found = context.services.store.find_docs(ACCOUNTS, seen)
    shown = [_summary(found[account_id]) for account_id in seen if account_id in found]
    context.respond_document(context.account, shown)


def _summary(account: Document) -> Document:
    return {
        "id": account["_id"],
        "name": account.get("name"),
        "realm": account.get("realm"),
        "flags": account.get("flags") or [],
    }


def _load_page(context: Context, view: str, account_id: str | None) -> None:
    """Rows of a view keyed by [account, name], in ascending order of names; fills in `paging`.

    `next_start_key` is the name that the next page begins with. Unlike in lists of trunks, `page_size` is the number
    of accounts on the page, and `start_key` is always there.
    """
    pages = crossbar_doc.paginates(context)
    first = crossbar_doc.asked_start_key(context, default="")
    size = crossbar_doc.page_size(context) if pages else None
    rows = _rows(context, view, account_id, first, size)
    page, following = rows[:size], rows[size:] if size else []
    context.respond([row.value for row in page])
    if pages:
        if following:
            context.paging["next_start_key"] = start_key.encode(str(following[0].key[1]))
        context.paging |= {"page_size": len(page), "start_key": start_key.encode(first)}
    if page:
        crossbar_doc.tag_answer(context)


def _rows(context: Context, view: str, account_id: str | None, first: Any, size: int | None) -> list[Row]:
    """One more than a page holds; all of them where they are not paged, or a filter has to look at them."""
    if account_id is None:
        return []
    has_filter = any(filters.is_filter(name) for name, _ in context.query)
    rows = context.services.store.query_view(
        ACCOUNTS,
        view,
        startkey=[account_id, first] if first != "" else [account_id],
        endkey=[account_id, {}],
        limit=size + 1 if size and not has_filter else None,
        include_docs=has_filter,
    )
    if not has_filter:
        return rows
    return [row for row in rows if row.doc is not None and filters.passes(row.doc, context.query)]


_LOAD: dict[str, Callable[[Context], None]] = {
    "children": _children,
    "descendants": _descendants,
    "siblings": _siblings,
    "parents": _ancestors,
    "tree": _ancestors,
}
RELATIONS = tuple(_LOAD)
