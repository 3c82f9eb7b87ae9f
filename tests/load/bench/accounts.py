"""Writes many accounts with trunks for the measurement of `audit`, in the form that `import` reads.

    python -m tests.load.bench.accounts 10000 10 | DATA_DIR=/tmp/many .venv/bin/python -m app import -
    DATA_DIR=/tmp/many /usr/bin/time -v .venv/bin/python -m app audit --all

Every tenth trunk has a trouble.
"""

import hashlib
import json
import sys
from collections.abc import Iterator

from app.documents import Document, connectivity
from app.documents.names import ACCOUNTS, account_db, encoded, number_db
from app.numbers.documents import new_number
from app.numbers.ownership import TRUNKSTORE

SERVERS = 2
_MARK = {"pvt_used_by": TRUNKSTORE}


def lines(accounts: int, trunks: int) -> Iterator[dict]:
    """The documents of so many accounts with so many trunks each, those of one database together."""
    owned = [account(number) for number in range(accounts)]
    for each in owned:
        yield {"db": ACCOUNTS, "doc": each}
    for number, each in enumerate(owned):
        db = account_db(each["_id"])
        yield {"db": db, "doc": each}
        for place in range(trunks):
            yield {"db": db, "doc": trunk(number * trunks + place, each)}
    for number, each in enumerate(owned):
        for place in range(trunks):
            for did in connectivity.dids(trunk(number * trunks + place, each)):
                yield {"db": number_db(did), "doc": new_number(did, each["_id"], "knm_local") | _MARK}


def account(number: int) -> Document:
    """An account without ancestors."""
    account_id = hashlib.md5(f"account {number}".encode()).hexdigest()
    return {
        "_id": account_id,
        "name": f"Account {number}",
        "realm": f"a{number}.example.com",
        "pvt_type": "account",
        "pvt_tree": [],
        **_private(account_id),
    }


def _private(account_id: str) -> Document:
    return {
        "pvt_account_id": account_id,
        "pvt_account_db": encoded(account_db(account_id)),
        "pvt_created": 63_900_000_000,
    }


def trunk(number: int, owner: Document) -> Document:
    """A trunk of an account; every tenth has a server with a short password."""
    servers = [
        {
            "server_name": f"pbx {index}",
            "auth": {
                "auth_method": "Password",
                "auth_user": f"user-{number}-{index}",
                "auth_password": "short" if number % 10 == 0 else f"a long password {number}",
            },
            "options": {"enabled": True, "inbound_format": "e164"},
            "DIDs": {_did(number * SERVERS + index): {}},
        }
        for index in range(SERVERS)
    ]
    doc_id = hashlib.md5(f"trunk {number}".encode()).hexdigest()
    return {
        "_id": doc_id,
        "name": f"trunk {number}",
        "account": {"auth_realm": owner["realm"]},
        "servers": servers,
        "pvt_type": "sys_info",
        **_private(owner["_id"]),
    }


def _did(number: int) -> str:
    """A telephone number; ten thousand have the same area code."""
    return f"+1{200 + number // 10_000}2{number % 10_000:06}"


if __name__ == "__main__":
    for line in lines(*map(int, sys.argv[1:3])):
        sys.stdout.write(json.dumps(line) + "\n")
