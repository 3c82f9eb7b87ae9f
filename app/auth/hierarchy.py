"""Which accounts may act on an account: crossbar's simple_authz (docs/kazoo/auth.md, section 5.1)."""

from app.auth import AuthDoc
from app.documents import Document, is_true
from app.documents.names import account_db
from app.store.cache import DocumentCache

ADMIN = "admin"


def account(cache: DocumentCache, account_id: str) -> Document | None:
    """The account document from the account's own database. As in Kazoo, it may be soft-deleted."""
    return cache.find_doc(account_db(account_id), account_id)


def user(cache: DocumentCache, account_id: str, user_id: str) -> Document | None:
    """The document with a user's id from the account's database. It may be soft-deleted, or no user."""
    return cache.find_doc(account_db(account_id), user_id)


def is_superduper_admin(document: Document | None) -> bool:
    """Whether an account may act on all accounts."""
    return document is not None and is_true(document.get("pvt_superduper_admin"))


def tree(document: Document | None) -> list[str]:
    """The ids of an account's ancestors, root first. The account itself is not included."""
    ancestors = (document or {}).get("pvt_tree")
    return [ancestor for ancestor in ancestors if isinstance(ancestor, str)] if isinstance(ancestors, list) else []


def is_allowed(cache: DocumentCache, auth_account_id: str, requested: Document | None) -> bool:
    """Whether the caller may act on an account: only itself, its ancestors and superduper admins may."""
    if requested is not None and (requested["_id"] == auth_account_id or auth_account_id in tree(requested)):
        return True
    return is_superduper_admin(account(cache, auth_account_id))


def is_account_admin(cache: DocumentCache, identity: AuthDoc) -> bool:
    """Whether a caller is an admin of their own account. An API key is, because it belongs to no user."""
    if identity.owner_id is None:
        return True
    document = user(cache, identity.account_id, identity.owner_id)
    return document is not None and document.get("priv_level") == ADMIN
