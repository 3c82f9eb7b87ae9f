"""Creates accounts and users, as Kazoo stores them (docs/kazoo/documents.md, section 1)."""

import contextlib
import re
import secrets

from app.accounts import users
from app.auth import hierarchy
from app.auth.credentials import accounts_by_name, accounts_by_realm
from app.auth.identity import SECRET_FIELD
from app.documents import Document, fields, names
from app.documents.fields import Author
from app.schema import Invalid, Schemas
from app.settings import Settings
from app.store import NotFound, Store
from app.store.cache import DocumentCache
from app.store.design import documents_for

USERS_SCHEMA = "users"
# As Kazoo's schema of accounts has it, but for the letters: SIP carries ASCII.
_REALM = re.compile(r"[A-Za-z0-9._-]{4,253}")


class CannotCreate(Exception):
    """The account or the user cannot be created. The text says why, for people."""


def add_account(store: Store, settings: Settings, name: str, realm: str, parent: str | None = None) -> Document:
    """Create an account in its own database, `services` and `accounts` (docs/kazoo/documents.md, section 1).

    Returns the account's document. Raises CannotCreate if the parent is unknown, or a name is empty or taken.
    """
    account = make_account(store, settings, name, realm, parent)
    publish_account(store, account)
    return account


def make_account(store: Store, settings: Settings, name: str, realm: str, parent: str | None = None) -> Document:
    """Create an account in its own database and in `services`. No view shows it yet."""
    if not name.strip():
        raise CannotCreate("the name is empty")
    if not _REALM.fullmatch(realm):
        raise CannotCreate(f"the realm {realm!r} is no host name, such as acme.example.com")
    cache = DocumentCache(store, settings.config_nodes)
    parent_document = hierarchy.account(cache, parent) if parent else None
    if parent and parent_document is None:
        raise CannotCreate(f"there is no account {parent}")
    master_id = cache.setting("accounts", "master_account_id")
    if not parent and master_id and store.find_doc(names.ACCOUNTS, master_id):
        raise CannotCreate("the first account already exists: name a parent account with --parent")
    if accounts_by_realm(store, realm):
        raise CannotCreate(f"the realm {realm} is taken")
    if accounts_by_name(store, name):
        raise CannotCreate(f"the name {name} is taken")
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


def publish_account(store: Store, account: Document) -> None:
    """Make an account visible in views. Its copy in `accounts` is last, so an interrupted creation has none."""
    if not account["pvt_tree"] and store.is_embedded:
        _remember_master(store, account["_id"])
    store.save_doc(names.ACCOUNTS, account)


def add_user(store: Store, account_id: str, name: str, password: str, level: str = "admin") -> Document:
    """Create a user who can log in with this password (docs/kazoo/auth.md, sections 3.2 and 4.3).

    Returns the user's document. Raises CannotCreate if the account is missing, the name is taken, or the schema
    refuses it.
    """
    db, username = names.account_db(account_id), name.lower()
    if not names.is_account_id(account_id) or not store.has_db(db):
        raise CannotCreate(f"there is no account {account_id}")
    public = {
        "username": username,
        "first_name": name,
        "last_name": name,
        "priv_level": level,
        "enabled": True,
    }
    _check(USERS_SCHEMA, public)
    if users.id_of(store, account_id, username):
        raise CannotCreate(f"the user {username} already exists")
    user = users.with_password({"_id": names.new_id(), **public, "pvt_type": "user"}, password)
    user = fields.stamp(user, account_id, command_author())
    user["_rev"] = store.save_doc(db, user)
    return user


def _check(schema: str, public: Document) -> None:
    """Check a new document's members, without setting defaults. Raises CannotCreate in the schema's words."""
    try:
        Schemas().get(schema).validate(dict(public), coercing=False)
    except Invalid as invalid:
        raise CannotCreate("; ".join(invalid.sentences())) from None


def command_author() -> Author:
    """The author of documents that commands write. It is not a logged-in user."""
    return Author(request_id=names.new_id(), is_authenticated=False)


def _remember_master(store: Store, account_id: str) -> None:
    document = {"_id": "accounts", "pvt_type": "config", "default": {"master_account_id": account_id}}
    with contextlib.suppress(NotFound):
        stored = store.open_to_write(names.SYSTEM_CONFIG, "accounts")
        document = {**stored, "default": {**stored.get("default", {}), "master_account_id": account_id}}
    store.save_doc(names.SYSTEM_CONFIG, document)
