"""Loads the account that the path names, before credentials are checked (docs/kazoo/http.md, sections 0 and 1)."""

from app.auth import hierarchy
from app.crossbar.context import Context, not_found_error, system_error
from app.documents import Document
from app.documents.names import is_account_id


def load_account(context: Context) -> None:
    """Fill in `account` if the path names one. Stops with 404 if the id is malformed or the account missing."""
    if context.method == "OPTIONS":
        return
    for noun, params in context.nouns:
        if noun == "accounts" and params:
            context.account = _load(context, params[0])


def _load(context: Context, account_id: str) -> Document:
    if not account_id:
        raise system_error(404, "bad identifier", {"message": "missing account_id"})
    if not is_account_id(account_id):
        raise system_error(404, "bad identifier", {"message": f"invalid account_id '{account_id}'"})
    account = hierarchy.account(context.services.cache, account_id)
    if account is None:
        raise not_found_error(account_id)
    return account
