"""Users as Kazoo stores them: names, and passwords as hashes (docs/kazoo/auth.md, sections 3.2 and 4.3)."""

import secrets

from app.auth.credentials import credential_hash
from app.auth.identity import SECRET_FIELD
from app.documents import Document
from app.documents.names import USERS_BY_NAME, account_db
from app.store import Store

_HASHES = {"pvt_md5_auth": "md5", "pvt_sha1_auth": "sha"}


def id_of(store: Store, account_id: str, username: str) -> str | None:
    """The id of the account's user with this name, ignoring case. Raises the store's errors."""
    rows = store.query_view(account_db(account_id), USERS_BY_NAME, key=username.lower())
    return rows[0].id if rows else None


def with_password(user: Document, password: str, ends_tokens: bool = True) -> Document:
    """A copy of the user with the hashes of a password for its `username`, and without any password in clear.

    If the hashes change, the user's tokens end, unless `ends_tokens` is False.
    """
    hashes = {name: credential_hash(user["username"], password, method) for name, method in _HASHES.items()}
    changes = any(user.get(name) != value for name, value in hashes.items())
    secret = {SECRET_FIELD: secrets.token_hex(16)} if changes and ends_tokens else {}
    return {name: value for name, value in user.items() if name != "password"} | hashes | secret
