"""The safe repairs: they change how a document is found or saved, not where calls go.

Each is a pure function that takes a trunk and its account's document, and returns the repaired trunk.
"""

import copy
from collections.abc import Callable

from app.documents import Document, connectivity, fields, object_member
from app.documents.names import account_db, encoded

Fix = Callable[[Document, Document], Document]

# Old names that Kazoo's routing treats as the same formats (docs/kazoo/clients.md, section 3). `e164_without_plus` is
# not listed, because the schema has no such format.
FORMATS = {"e.164": "e164", "npanxxxxxx": "npan", "1npanxxxxxx": "1npan"}


def realm(trunk: Document, account: Document) -> Document:
    """The trunk with the realm of its account."""
    account_realm = account.get("realm")
    return connectivity.with_realm(trunk, account_realm if isinstance(account_realm, str) else None)


def inbound_format(trunk: Document, account: Document) -> Document:
    """The trunk with the schema's names of formats instead of old ones."""
    fixed = copy.deepcopy(trunk)
    for server in connectivity.servers(fixed):
        old_name = object_member(server, "options", "inbound_format")
        if isinstance(old_name, str) and old_name in FORMATS:
            server["options"]["inbound_format"] = FORMATS[old_name]
    return fixed


def private(trunk: Document, account: Document) -> Document:
    """The trunk with the private members of a trunk: its type, and its account's id and database."""
    account_id = account["_id"]
    fixed = {**trunk, "pvt_account_id": account_id, "pvt_account_db": encoded(account_db(account_id))}
    # If a deleted trunk had a type, Kazoo would still find its users.
    return fixed if fields.is_deleted(trunk) else {**fixed, "pvt_type": connectivity.TYPE}


FIXES: dict[str, Fix] = {"realm": realm, "inbound-format": inbound_format, "private": private}
# This rule is repaired in the documents of numbers, by `app/numbers/assignment.py`.
MARKS = "number-mark"
# This one in the documents of the account, by `app/accounts/descendants.py`.
COUNTS = "descendants-count"


def fixed(rules: tuple[str, ...], trunk: Document, account: Document) -> Document:
    """The trunk after these repairs. It equals the argument if nothing needs repair.

    In a deleted trunk only private members are repaired.
    """
    for rule in rules:
        if rule in FIXES and (rule == "private" or not fields.is_deleted(trunk)):
            trunk = FIXES[rule](trunk, account)
    return trunk
