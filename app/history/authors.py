"""The names of those who wrote versions, for people to read."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from app.auth import hierarchy
from app.documents import Document, fields
from app.documents.names import account_db
from app.history.timeline import Entry
from app.store import Store, is_document_id
from app.store.cache import DocumentCache

# In characters. A history repeats a name for each version.
LONGEST_NAME = 255

# The account and, unless it was a write with an API key, the user.
Author = tuple[str, str | None]


def with_names(store: Store, cache: DocumentCache, entries: Iterable[Entry]) -> list[Entry]:
    """The entries with a `name` in their `who`, unless it has one. Reads each author once. Raises Unavailable.

    It is the user's name, or for a write with an API key the account's. It is null if that is unknown or deleted.
    """
    entries = list(entries)
    authors = {_author(entry["who"]) for entry in entries if "name" not in entry["who"]}
    names = _names(store, cache, {author for author in authors if author})
    return [{**entry, "who": _named(entry["who"], names)} for entry in entries]


def _named(who: dict[str, Any], names: dict[Author | None, str | None]) -> dict[str, Any]:
    return who if "name" in who else {**who, "name": names.get(_author(who))}


def _author(who: dict[str, Any]) -> Author | None:
    """The author, or None if the account is unknown."""
    account_id, user_id = who["account_id"], who["user_id"]
    is_known = isinstance(account_id, str) and (user_id is None or isinstance(user_id, str))
    return (account_id, user_id) if is_known else None


def _names(store: Store, cache: DocumentCache, authors: set[Author]) -> dict[Author | None, str | None]:
    names: dict[Author | None, str | None] = {}
    users: defaultdict[str, list[str]] = defaultdict(list)
    for account_id, user_id in authors:
        if user_id is None:
            names[account_id, None] = _name_of_account(hierarchy.account(cache, account_id))
        elif is_document_id(user_id):
            users[account_id].append(user_id)
    for account_id, user_ids in users.items():
        for document in store.read_docs(account_db(account_id), user_ids):
            names[account_id, document["_id"]] = _name_of_user(document)
    return names


def _name_of_account(account: Document | None) -> str | None:
    return None if account is None or fields.is_deleted(account) else _text(account.get("name"))


def _name_of_user(document: Document) -> str | None:
    """The first and last name, or else the name for logging in; None for what is not a user."""
    if document.get("pvt_type") != "user" or fields.is_deleted(document):
        return None
    # `users create` gives both the same text, which is said once.
    parts = dict.fromkeys(_text(document.get(name)) for name in ("first_name", "last_name"))
    return " ".join(part for part in parts if part)[:LONGEST_NAME] or _text(document.get("username"))


def _text(value: object) -> str | None:
    return value.strip()[:LONGEST_NAME] or None if isinstance(value, str) else None
