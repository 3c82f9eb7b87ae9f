"""Names of accounts and databases (docs/kazoo/documents.md, section 1).

CouchDB and the store use unencoded database names (`account/11/fd/f247…`). Documents and notices contain encoded
ones (`account%2F11%2Ffd%2Ff247…`).
"""

import re
import secrets
import time
from functools import lru_cache
from urllib.parse import quote

ACCOUNTS = "accounts"
SERVICES = "services"
SYSTEM_CONFIG = "system_config"
SYSTEM_AUTH = "system_auth"
SYSTEM_SCHEMAS = "system_schemas"

# Views that several packages query.
TRUNKS_VIEW = "trunkstore/crossbar_listing"
NUMBERS_VIEW = "phone_numbers/crossbar_listing"
USERS_VIEW = "users/crossbar_listing"
USERS_BY_NAME = "users/list_by_username"

# Databases of numbers begin with this.
NUMBERS = "numbers/"

_ACCOUNT_DB = re.compile(r"account/(.{2})/(.{2})/(.{28})", re.DOTALL)


def new_id() -> str:
    """A new document or account id: 32 lower-case hex characters."""
    return secrets.token_hex(16)


def is_account_id(text: str) -> bool:
    """Whether Kazoo accepts a text as an account id. It checks only that the text has 32 bytes."""
    return len(text.encode("utf-8", "surrogatepass")) == 32


def account_db(account_id: str) -> str:
    """The unencoded database name of an account."""
    return f"account/{account_id[:2]}/{account_id[2:4]}/{account_id[4:]}"


def account_of(db: str) -> str | None:
    """The id of the account that owns this database; None for month databases and all others."""
    match = _ACCOUNT_DB.fullmatch(db)
    return "".join(match.groups()) if match else None


def month_db(account_id: str, at: float | None = None) -> str:
    """The account's database for one month (UTC). `at` is in Unix seconds, by default now."""
    return account_db(account_id) + time.strftime("-%Y%m", time.gmtime(at))


def number_db(number: str) -> str:
    """The database of a normalised number, which depends on its first five characters."""
    return NUMBERS + number[:5]


@lru_cache(maxsize=4096)
def encoded(db: str) -> str:
    """A database name as documents, notices and URLs have it."""
    return quote(db, safe="")


def alphanumeric(text: str) -> str:
    """A name as Kazoo's look-ups compare it: only ASCII letters and digits, in lower case."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
