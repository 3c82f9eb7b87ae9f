"""`accounts list`, `users list` and `trunks list`: what there is, with the ids that other commands take."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from app.accounts import every_account_id
from app.audit.trunk import is_trunk
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
    versions are left.
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
    return (_trunk(account_id, document) for document in _documents(services, account_id, is_deleted=False))


def _deleted_trunks(services: Services, account_id: str) -> Iterator[Line]:
    """The trunks marked as deleted, then those whose documents are gone."""
    seen = set()
    for document in _documents(services, account_id, is_deleted=True):
        seen.add(document["_id"])
        yield _trunk(account_id, document)
    if services.history is None:
        return
    for document in services.history.last_versions(account_id):
        if document["_id"] not in seen and services.store.find_doc(account_db(account_id), document["_id"]) is None:
            yield _trunk(account_id, document)


def _documents(services: Services, account_id: str, is_deleted: bool) -> Iterator[Document]:
    try:
        for document in services.store.iterate_docs(account_db(account_id)):
            if is_trunk(document) and fields.is_deleted(document) == is_deleted:
                yield document
    except DatabaseMissing:
        return


def _trunk(account_id: str, document: Document) -> Line:
    servers, numbers = len(connectivity.servers_by_index(document)), len(connectivity.dids(document))
    told = {"id": document["_id"], "name": document.get("name"), "servers": servers, "numbers": numbers}
    return {"account_id": account_id, **told}


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
