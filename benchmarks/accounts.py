"""Writes many accounts with trunks for the measurement of `audit`, in the form that `import` reads.

    python -m benchmarks.accounts 10000 10 | DATA_DIR=/tmp/many .venv/bin/python -m app import -
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


def lines(accounts: int, trunks: int) -> Iterator[dict]:
    """The documents of so many accounts with so many trunks each."""
    for number in range(accounts):
        account_id = hashlib.md5(f"account {number}".encode()).hexdigest()
        db = account_db(account_id)
        private = {"pvt_account_id": account_id, "pvt_account_db": encoded(db), "pvt_created": 63_900_000_000}
        account = {
            "_id": account_id,
            "name": f"Account {number}",
            "realm": f"a{number}.example.com",
            "pvt_type": "account",
            "pvt_tree": [],
            **private,
        }
        yield {"db": ACCOUNTS, "doc": account}
        yield {"db": db, "doc": account}
        for place in range(trunks):
            document = trunk(number * trunks + place, account["realm"]) | private
            yield {"db": db, "doc": document}
            for did in connectivity.dids(document):
                owned = new_number(did, account_id, "knm_local") | {"pvt_used_by": TRUNKSTORE}
                yield {"db": number_db(did), "doc": owned}


def trunk(number: int, realm: str) -> Document:
    """A trunk; every tenth has a server with a short password."""
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
        "account": {"auth_realm": realm},
        "servers": servers,
        "pvt_type": "sys_info",
    }


def _did(number: int) -> str:
    """A telephone number; ten thousand have the same area code."""
    return f"+1{200 + number // 10_000}2{number % 10_000:06}"


if __name__ == "__main__":
    for line in lines(*map(int, sys.argv[1:3])):
        sys.stdout.write(json.dumps(line) + "\n")
