"""`create-account`, and the first documents of a new embedded store."""

import base64
import contextlib
import os
import secrets

import click

from app.auth import hierarchy
from app.auth.credentials import accounts_by_name, accounts_by_realm, credential_hash
from app.auth.identity import SECRET_FIELD
from app.auth.keys import ATTACHMENT, CONTENT_TYPE, KeyRing, KeysMissing, generate_pem, new_secrets
from app.documents import Document, fields, names
from app.documents.clock import gregorian_now
from app.documents.fields import Author
from app.settings import Settings
from app.store import DatabaseMissing, NotFound, Store, ViewMissing
from app.store.cache import DocumentCache
from app.store.design import documents_for
from app.store.engines import open_store

SYSTEM_DATABASES = (names.ACCOUNTS, names.SERVICES, names.SYSTEM_AUTH, names.SYSTEM_CONFIG)
SECRETS = "auth"
DEMO_NAME, DEMO_REALM, DEMO_USER = "Demo", "demo.example.com", "demo"
DEMO_FILE = "demo.env"


@click.command("create-account")
@click.argument("name")
@click.option("--realm", required=True, help="The SIP realm, unique in the system.")
@click.option("--parent", help="The id of the parent account; the first account has none.")
def create_account(name: str, realm: str, parent: str | None) -> None:
    """Create an account NAME and print its id and API key."""
    store, settings = prepared_store()
    account = add_account(store, settings, name, realm, parent)
    click.echo(f"account_id {account['_id']}\napi_key    {account['pvt_api_key']}")


def prepare_store(store: Store, settings: Settings, demo: bool = False) -> None:
    """Create the keys in a new embedded store. Raises KeysMissing if the store still lacks keys.

    With `demo`, an embedded store without accounts also gets the demonstration account.
    """
    if store.is_embedded:
        if store.find_doc(names.SYSTEM_CONFIG, SECRETS) is None:
            create_system(store)
        if demo and _has_no_accounts(store):
            _create_demo(store, settings)
    try:
        KeyRing(store, DocumentCache(store, settings.config_nodes)).check()
    except KeysMissing as missing:
        hint = "" if store.is_embedded else "; start Kazoo on this CouchDB once to create them"
        raise KeysMissing(f"{missing}{hint}") from None


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


def add_account(store: Store, settings: Settings, name: str, realm: str, parent: str | None = None) -> Document:
    """Create an account in its own database, `services` and `accounts` (docs/kazoo/documents.md, section 1).

    Returns the account's document. Raises ClickException if the parent is unknown, or a name is empty or taken.
    """
    account = _make_account(store, settings, name, realm, parent)
    _publish_account(store, account)
    return account


def _make_account(store: Store, settings: Settings, name: str, realm: str, parent: str | None = None) -> Document:
    """Create an account in its own database and in `services`. No view shows it yet."""
    if not name.strip() or not realm.strip():
        raise click.ClickException("the name or the realm is empty")
    cache = DocumentCache(store, settings.config_nodes)
    parent_document = hierarchy.account(cache, parent) if parent else None
    if parent and parent_document is None:
        raise click.ClickException(f"there is no account {parent}")
    master_id = cache.setting("accounts", "master_account_id")
    if not parent and master_id and store.find_doc(names.ACCOUNTS, master_id):
        raise click.ClickException("the first account already exists: name a parent account with --parent")
    if accounts_by_realm(store, realm):
        raise click.ClickException(f"the realm {realm} is taken")
    if accounts_by_name(store, name):
        raise click.ClickException(f"the name {name} is taken")
    account_id = names.new_id()
    tree = [*hierarchy.tree(parent_document), parent] if parent else []
    account = {
        "_id": account_id,
        "name": name,
        "realm": realm.lower(),
        "enabled": True,
        "pvt_type": "account",
        "pvt_tree": tree,
        "pvt_enabled": True,
        "pvt_superduper_admin": not parent,
        "pvt_api_key": secrets.token_hex(32),
        SECRET_FIELD: secrets.token_hex(16),
    }
    account = fields.stamp(account, account_id, command_author())
    store.create_db(names.account_db(account_id), documents_for(names.account_db(account_id)))
    store.save_doc(names.account_db(account_id), account)
    services = {
        "_id": account_id,
        "pvt_type": "service",
        "pvt_reseller": not parent,
        "pvt_reseller_id": master_id if parent and master_id else account_id,
        "pvt_tree": tree,
    }
    store.save_doc(names.SERVICES, fields.stamp(services, account_id, command_author()))
    return account


def _publish_account(store: Store, account: Document) -> None:
    """Make an account visible in views. Its copy in `accounts` is last, so an interrupted creation has none."""
    if not account["pvt_tree"] and store.is_embedded:
        _remember_master(store, account["_id"])
    store.save_doc(names.ACCOUNTS, account)


def add_user(store: Store, account_id: str, name: str, password: str, level: str = "admin") -> Document:
    """Create a user who can log in with this password (docs/kazoo/auth.md, sections 3.2 and 4.3).

    Returns the user's document. Raises ClickException if the account is missing or the name is taken.
    """
    db, username = database_of(store, account_id), name.lower()
    if store.query_view(db, "users/list_by_username", key=username):
        raise click.ClickException(f"the user {username} already exists")
    user = {
        "_id": names.new_id(),
        "username": username,
        "first_name": name,
        "last_name": name,
        "priv_level": level,
        "enabled": True,
        "pvt_type": "user",
        "pvt_md5_auth": credential_hash(username, password, "md5"),
        "pvt_sha1_auth": credential_hash(username, password, "sha"),
        SECRET_FIELD: secrets.token_hex(16),
    }
    user = fields.stamp(user, account_id, command_author())
    user["_rev"] = store.save_doc(db, user)
    return user


def database_of(store: Store, account_id: str) -> str:
    """The name of an account's database. Raises ClickException if there is no such account."""
    db = names.account_db(account_id)
    if not names.is_account_id(account_id) or not store.has_db(db):
        raise click.ClickException(f"there is no account {account_id}")
    return db


def prepared_store() -> tuple[Store, Settings]:
    """The store for a command, with its keys created, and the settings. Raises KeysMissing."""
    settings = Settings.from_environment().for_commands()
    store = open_store(settings)
    prepare_store(store, settings)
    return store, settings


def command_author() -> Author:
    """The author of documents that commands write. It is not a logged-in user."""
    return Author(request_id=names.new_id(), is_authenticated=False)


def _system_document(document: Document, db: str) -> Document:
    now = gregorian_now()
    return document | {"pvt_account_id": db, "pvt_account_db": db, "pvt_created": now, "pvt_modified": now}


def _remember_master(store: Store, account_id: str) -> None:
    document = {"_id": "accounts", "pvt_type": "config", "default": {"master_account_id": account_id}}
    with contextlib.suppress(NotFound):
        stored = store.open_to_write(names.SYSTEM_CONFIG, "accounts")
        document = {**stored, "default": {**stored.get("default", {}), "master_account_id": account_id}}
    store.save_doc(names.SYSTEM_CONFIG, document)


def print_console_address(settings: Settings) -> None:
    """Print the console's address and, if there is a demonstration account, how to log in."""
    path = settings.data_dir / DEMO_FILE
    login = f": account {DEMO_NAME}, user {DEMO_USER}, password in {path}" if path.exists() else ""
    click.echo(f"The console is at http://{settings.address}/console{login}")


def _create_demo(store: Store, settings: Settings) -> None:
    """Create the demonstration account, write its credentials to `demo.env`, and print an example."""
    password = secrets.token_urlsafe(9)
    account = _make_account(store, settings, DEMO_NAME, DEMO_REALM)
    add_user(store, account["_id"], DEMO_USER, password)
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
    _publish_account(store, account)
    click.echo(
        f"""
A demonstration account was created in {settings.data_dir}: {DEMO_NAME}, user {DEMO_USER}, password {password}
Its credentials are in {path}. To use them, run this in another shell, in this folder:

    . {os.path.relpath(path)}
    TOKEN=$(curl -s -X PUT $URL/api_auth -d "{{\\"data\\":{{\\"api_key\\":\\"$API_KEY\\"}}}}" |
      sed 's/.*"auth_token":"\\([^"]*\\)".*/\\1/')
    curl -H "X-Auth-Token: $TOKEN" $URL/accounts/$ACCOUNT_ID/connectivity
"""
    )
