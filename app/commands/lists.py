"""`accounts list`, `users list` and `trunks list`: what there is, with the ids that other commands take."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from app.accounts import every_account_id
from app.commands.accounts import database_of
from app.commands.terminal import echo, echo_json
from app.commands.writing import services_of_command
from app.documents import Document, connectivity, fields
from app.documents.names import ACCOUNTS, USERS_VIEW, account_db
from app.services import Services
from app.store import DatabaseMissing
from app.words import counted

# A line of a list: names and values, of which the first is an id.
Line = dict[str, Any]
_OF_A_USER = ("id", "username", "priv_level", "email")
_COUNTS = ("servers", "numbers")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each.")


@click.command("list")
@_AS_JSON
def list_accounts(as_json: bool) -> None:
    """List all accounts: id, name, realm, and the account above."""
    with services_of_command(writes=False) as services:
        accounts = (services.store.find_doc(ACCOUNTS, account_id) for account_id in every_account_id(services.store))
        _print((_account(account) for account in accounts if account), as_json)


@click.command("list")
@click.argument("account_id")
@_AS_JSON
def list_users(account_id: str, as_json: bool) -> None:
    """List the users of an account: id, log-in name, and level."""
    with services_of_command(writes=False) as services:
        rows = services.store.query_view(database_of(services.store, account_id), USERS_VIEW)
        summaries = (row.value for row in rows if isinstance(row.value, dict))
        _print(({name: user.get(name) for name in _OF_A_USER} for user in summaries), as_json)


@click.command("list")
@click.argument("account_id", required=False)
@click.option("--deleted", is_flag=True, help="List deleted trunks instead, which `history` can bring back.")
@_AS_JSON
def list_trunks(account_id: str | None, deleted: bool, as_json: bool) -> None:
    """List the trunks of an account, or of all: account, id, name, and how many PBXs and numbers.

    With --deleted, these are the trunks that a client deleted, and with HISTORY=true also those of which only
    versions are left, the latest deletion of an account first.
    """
    with services_of_command(writes=False) as services:
        if account_id:
            database_of(services.store, account_id)
        of = _deleted_trunks if deleted else _trunks
        account_ids = [account_id] if account_id else every_account_id(services.store)
        _print((line for each in account_ids for line in of(services, each)), as_json)


def _account(account: Document) -> Line:
    tree = account.get("pvt_tree")
    parent = tree[-1] if isinstance(tree, list) and tree else None
    return {"id": account["_id"], "name": account.get("name"), "realm": account.get("realm"), "parent_id": parent}


def _trunks(services: Services, account_id: str) -> Iterator[Line]:
    try:
        for document in services.store.iterate_docs(account_db(account_id)):
            if connectivity.is_trunk(document) and not fields.is_deleted(document):
                servers, numbers = connectivity.servers_by_index(document), connectivity.dids(document)
                yield _trunk(account_id, document["_id"], document.get("name"), len(servers), len(numbers))
    except DatabaseMissing:
        return


def _deleted_trunks(services: Services, account_id: str) -> Iterator[Line]:
    for trunk in services.trunks.deleted(account_id):
        yield _trunk(account_id, trunk.trunk_id, trunk.name, trunk.servers, trunk.numbers)


def _trunk(account_id: str, trunk_id: str, name: object, servers: int, numbers: int) -> Line:
    return {"account_id": account_id, "id": trunk_id, "name": name, "servers": servers, "numbers": numbers}


def _print(lines: Iterable[Line], as_json: bool) -> None:
    for line in lines:
        if as_json:
            echo_json(line)
            continue
        texts = (
            counted(value, name.removesuffix("s")) if name in _COUNTS else str(value)
            for name, value in line.items()
            if value is not None
        )
        echo("  ".join(texts))
