"""The repairs that are safe: they change how a document is found or saved, not where calls go.

Each is a pure function from a trunk and its account's document to the repaired trunk.
"""

import copy
from collections.abc import Callable

from app.documents import Document, connectivity, fields, object_member
from app.documents.names import account_db, encoded

Fix = Callable[[Document, Document], Document]

# Old names that Kazoo's routing takes for the same formats (docs/kazoo/clients.md, section 3). `e164_without_plus` is
# not among them: no format of the schema is the same.
FORMATS = {"e.164": "e164", "npanxxxxxx": "npan", "1npanxxxxxx": "1npan"}


def realm(trunk: Document, account: Document) -> Document:
    """The trunk with the realm of its account."""
    wanted = account.get("realm")
    return connectivity.with_realm(trunk, wanted if isinstance(wanted, str) else None)


def inbound_format(trunk: Document, account: Document) -> Document:
    """The trunk with the schema's names of formats in place of old ones."""
    fixed = copy.deepcopy(trunk)
    for server in connectivity.servers(fixed):
        found = object_member(server, "options", "inbound_format")
        if isinstance(found, str) and found in FORMATS:
            server["options"]["inbound_format"] = FORMATS[found]
    return fixed


def private(trunk: Document, account: Document) -> Document:
    """The trunk with the type of a trunk, and the id and the database of its account."""
    account_id = account["_id"]
    fixed = {**trunk, "pvt_account_id": account_id, "pvt_account_db": encoded(account_db(account_id))}
    # With a type, Kazoo would find the users of a deleted trunk.
    return fixed if fields.is_deleted(trunk) else {**fixed, "pvt_type": connectivity.TYPE}


FIXES: dict[str, Fix] = {"realm": realm, "inbound-format": inbound_format, "private": private}
# Repaired in the documents of numbers, by `app/numbers/assignment.py`.
MARKS = "number-mark"


def fixed(rules: tuple[str, ...], trunk: Document, account: Document) -> Document:
    """The trunk after these repairs; equal to the argument if it needs none of them.

    Of a deleted trunk only the private members count.
    """
    for rule in rules:
        if rule in FIXES and (rule == "private" or not fields.is_deleted(trunk)):
            trunk = FIXES[rule](trunk, account)
    return trunk
