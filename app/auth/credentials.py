"""Names, passwords and API keys, looked up in Kazoo's views (docs/kazoo/auth.md, sections 1 and 3)."""

import base64
import binascii
import hashlib
from collections.abc import Iterator

from app.auth import AuthDoc
from app.auth.configuration import CONFIG, DOCUMENT
from app.documents import object_member
from app.documents.names import ACCOUNTS, account_db, alphanumeric, is_account_id
from app.store import DatabaseMissing, Row, Store, ViewMissing
from app.store.cache import DocumentCache

VIEWS = {"md5": "users/creds_by_md5", "sha": "users/creds_by_sha"}


def credential_hash(username: str, password: str, method: str = "md5") -> str:
    """The hash that a client sends instead of the name and password, in lower-case hex."""
    digest = hashlib.md5 if method == "md5" else hashlib.sha1
    return digest(f"{username.lower()}:{password}".encode()).hexdigest()


def accounts_by_realm(store: Store, realm: str) -> list[str]:
    """The ids of the accounts with this SIP realm."""
    return _account_ids(store.query_view(ACCOUNTS, "accounts/listing_by_realm", key=realm.lower()))


def accounts_by_name(store: Store, name: str) -> list[str]:
    """The ids of the accounts with this name. Only ASCII letters and digits are compared, ignoring case."""
    return _account_ids(store.query_view(ACCOUNTS, "accounts/listing_by_name", key=alphanumeric(name)))


def accounts_by_api_key(store: Store, api_key: str) -> list[str]:
    """The ids of the accounts with this API key."""
    return _account_ids(store.query_view(ACCOUNTS, "accounts/listing_by_api", key=api_key))


def users_with(store: Store, account_id: str, credentials: str, method: str) -> list[AuthDoc]:
    """The enabled users of an account with these credentials, in view order."""
    try:
        rows = store.query_view(account_db(account_id), VIEWS[method], key=credentials)
    except (DatabaseMissing, ViewMissing):
        return []
    return [AuthDoc(account_id, row.id) for row in rows]


def basic_credentials(token: str) -> tuple[str, str] | None:
    """The account id and the secret in Basic credentials: base64 of both, with a colon between. None if malformed."""
    try:
        text = base64.b64decode(token, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    account_id, colon, secret = text.partition(":")
    return (account_id, secret) if colon and is_account_id(account_id) else None


def basic_auth(store: Store, cache: DocumentCache, account_id: str, secret: str) -> AuthDoc | None:
    """The user with these Basic credentials; None unless exactly one user matches."""
    account_config = cache.find_doc(account_db(account_id), DOCUMENT)
    kind = object_member(account_config, "basic_auth_type") or cache.setting(CONFIG, "basic_auth_type", default="md5")
    if kind not in VIEWS:
        username, _, password = secret.partition(":")
        kind, secret = "md5", credential_hash(username, password)
    users = users_with(store, account_id, secret, kind)
    return users[0] if len(users) == 1 else None


def _account_ids(rows: list[Row]) -> list[str]:
    return list(_ids(rows))


def _ids(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        account_id = object_member(row.value, "account_id")
        if isinstance(account_id, str) and is_account_id(account_id):
            yield account_id
