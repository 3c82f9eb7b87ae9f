"""The design documents in `couchdb_views/`. New databases get them."""

import json
import re
from functools import cache

from app.documents import Document
from app.documents.names import ACCOUNTS, account_of
from app.files import data_directory, json_files

DIRECTORY = data_directory("couchdb_views")

ROUTING = "_design/trunkstore"

_SPIDERMONKEY_ONLY = re.compile(r"\bIterator\s*\(|\bfor\s+each\s*\(")


def _folder_for(db: str) -> str | None:
    """The folder of `couchdb_views/` for a database, or None if it has no design documents."""
    if db == ACCOUNTS:
        return "accounts"
    if account_of(db):
        return "account"
    return None


def documents_for(db: str) -> list[Document]:
    """The design documents for a new database. Raises FilesMissing."""
    folder = _folder_for(db)
    return _load(folder) if folder else []


def routing_design() -> Document:
    """The design document that Kazoo's call routing reads in each account. Raises FilesMissing."""
    return next(design for design in _load("account") if design["_id"] == ROUTING)


def with_views(stored: Document | None, expected: Document, names: set[str]) -> Document:
    """The stored design document with these views of the expected one. Everything else in it stays.

    Without a stored one, it is the expected one.
    """
    if stored is None:
        return expected
    views = {**(stored.get("views") or {}), **{name: expected["views"][name] for name in names}}
    return {**stored, "views": views}


def check_files() -> None:
    """Check that each kind of database has design documents. Raises FilesMissing."""
    for folder in ("account", ACCOUNTS):
        _load(folder)


def needs_old_engine(map_source: str) -> bool:
    """Whether a map function needs the JavaScript engine of CouchDB before 3.0."""
    return bool(_SPIDERMONKEY_ONLY.search(map_source))


@cache
def _load(folder: str) -> list[Document]:
    return [json.loads(path.read_text("utf-8")) for path in json_files(DIRECTORY / folder)]
