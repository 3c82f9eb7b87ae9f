"""The first documents of a new embedded store: the keys, and perhaps a demonstration account."""

import base64
import secrets
from dataclasses import dataclass

from app.accounts import creation
from app.auth.credentials import credential_hash
from app.auth.keys import ATTACHMENT, CONTENT_TYPE, KeyRing, KeysMissing, generate_pem, new_secrets
from app.documents import Document, names
from app.documents.clock import gregorian_now
from app.files import locked
from app.settings import Settings
from app.store import DatabaseMissing, Store, ViewMissing
from app.store.cache import DocumentCache
from app.store.design import documents_for

SYSTEM_DATABASES = (names.ACCOUNTS, names.SERVICES, names.SYSTEM_AUTH, names.SYSTEM_CONFIG)
SECRETS = "auth"
DEMO_NAME, DEMO_REALM, DEMO_USER = "Demo", "demo.example.com", "demo"
DEMO_FILE = "demo.env"
# In the data folder; held by the process that makes the first documents.
LOCK = "start.lock"


@dataclass(frozen=True)
class Demo:
    """A demonstration account that was just created."""

    account: Document
    password: str


def prepare_store(store: Store, settings: Settings, demo: bool = False) -> Demo | None:
    """Create the keys in a new embedded store. Raises KeysMissing if the store still lacks keys.

    With `demo`, an embedded store without accounts also gets the demonstration account, which is returned. If several
    processes start at once, one of them does it.
    """
    created = None
    if store.is_embedded:
        with locked(settings.data_dir / LOCK):
            if store.find_doc(names.SYSTEM_CONFIG, SECRETS) is None:
                create_system(store)
            if demo and _has_no_accounts(store):
                created = _create_demo(store, settings)
    try:
        KeyRing(store, DocumentCache(store, settings.config_nodes)).check()
    except KeysMissing as missing:
        hint = "" if store.is_embedded else "; start Kazoo on this CouchDB once to create them"
        raise KeysMissing(f"{missing}{hint}") from None
    return created


def _has_no_accounts(store: Store) -> bool:
    try:
        return not store.query_view(names.ACCOUNTS, "accounts/listing_by_realm", limit=1)
    except (DatabaseMissing, ViewMissing):
        # This is an incomplete import, so nothing is added to it.
        return False


def create_system(store: Store) -> None:
    """Create the system databases, a signing key and a server secret (docs/kazoo/auth.md, section 2.2).

    The document that names the key is written last. If it exists, so does everything else.
    """
    for db in SYSTEM_DATABASES:
        store.create_db(db, documents_for(db))
    key_id, server_secret = new_secrets()
    pem = base64.b64encode(generate_pem()).decode("ascii")
    attachments = {ATTACHMENT: {"content_type": CONTENT_TYPE, "data": pem}}
    key = {"_id": key_id, "pvt_type": "system_key", "_attachments": attachments}
    store.save_doc(names.SYSTEM_AUTH, _system_document(key, names.SYSTEM_AUTH))
    if store.find_doc(names.SYSTEM_CONFIG, "cluster") is None:
        cluster = {"_id": "cluster", "pvt_type": "config", "default": {"cluster_id": names.new_id()}}
        store.save_doc(names.SYSTEM_CONFIG, _system_document(cluster, names.SYSTEM_CONFIG))
    secrets_document = {
        "_id": SECRETS,
        "pvt_type": "config",
        "default": {"system_key": key_id, "secret_for_user_signature": server_secret},
    }
    store.save_doc(names.SYSTEM_CONFIG, _system_document(secrets_document, names.SYSTEM_CONFIG))


def _system_document(document: Document, db: str) -> Document:
    now = gregorian_now()
    return document | {"pvt_account_id": db, "pvt_account_db": db, "pvt_created": now, "pvt_modified": now}


def _create_demo(store: Store, settings: Settings) -> Demo:
    """Create the demonstration account, and write its credentials to `demo.env`."""
    password = secrets.token_urlsafe(9)
    account = creation.make_account(store, settings, DEMO_NAME, DEMO_REALM)
    creation.add_user(store, account["_id"], DEMO_USER, password)
    path = settings.data_dir / DEMO_FILE
    path.touch(mode=0o600)
    path.write_text(
        f"URL=http://{settings.address}/v2\n"
        f"ACCOUNT_ID={account['_id']}\n"
        f"USER_NAME={DEMO_USER}\n"
        f"PASSWORD={password}\n"
        f"CREDENTIALS={credential_hash(DEMO_USER, password)}\n"
        f"API_KEY={account['pvt_api_key']}\n"
    )
    creation.publish_account(store, account)
    return Demo(account, password)
