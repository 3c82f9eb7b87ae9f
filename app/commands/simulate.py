"""`simulate`: what changes for numbers and PBXs if a trunk is saved."""

from collections.abc import Iterable
from typing import Any, BinaryIO

import click

from app.auth import hierarchy
from app.commands.accounts import database_of
from app.commands.refusals import refusals
from app.commands.terminal import echo, echo_json, exits_on_failure
from app.commands.writing import services_of_command
from app.documents import Document, connectivity, fields
from app.documents.names import new_id
from app.kazoo import json_text
from app.routing.changes import Change, changes
from app.services import Services
from app.trunks import knowledge

SAME, DIFFERENT, FAILED = 0, 1, 2


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--account", "account_id", help="The account's id, if the file does not say it.")
@click.option("--id", "trunk_id", help="The trunk that is replaced, if the file does not say it.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each change.")
def simulate(file: BinaryIO, account_id: str | None, trunk_id: str | None, as_json: bool) -> None:
    """Show what would change for which number and PBX if the trunk in FILE ('-' is standard input) were saved.

    FILE has a trunk as the API takes it, an answer of the API, or a document as it is stored. Nothing is written.
    Without an account, the one whose realm the trunk has is meant; without an id, it is a new trunk.

    The exit status is 0 if nothing changes, 1 if something does, and 2 if the trunk could not be saved, or not be
    compared.
    """
    with exits_on_failure(FAILED), services_of_command(writes=False) as services:
        found = _changes(services, _read(file), account_id, trunk_id)
    print_changes(found, as_json)
    if not found and not as_json:
        echo("nothing changes for any number or PBX")
    raise SystemExit(DIFFERENT if found else SAME)


def print_changes(found: Iterable[Change], as_json: bool = False, indent: str = "") -> None:
    """Print changes, each in a line."""
    for change in found:
        if as_json:
            echo_json(change.as_json())
        else:
            echo(f"{indent}{change}")


def _read(file: BinaryIO) -> Document:
    try:
        content: Any = json_text.loads(file.read())
    except ValueError as error:
        raise click.ClickException(f"{file.name}: {error}") from None
    if isinstance(content, dict) and isinstance(content.get("data"), dict):
        content = content["data"]
    if not isinstance(content, dict):
        raise click.ClickException(f"{file.name}: there is no JSON object in it")
    return content


def _changes(services: Services, document: Document, account_id: str | None, trunk_id: str | None) -> list[Change]:
    owner = account_id or document.get("pvt_account_id") or _owner_by_realm(services, document)
    if not isinstance(owner, str):
        raise click.ClickException("no account has the trunk's realm: name one with --account")
    database_of(services.store, owner)
    named = trunk_id or document.get("_id") or document.get("id")
    stored = services.trunks.find(owner, named) if isinstance(named, str) else None
    if trunk_id and stored is None:
        raise click.ClickException(f"there is no trunk {trunk_id}")
    if stored and fields.is_deleted(stored):
        raise click.ClickException(f"the trunk {named} is deleted")
    account = hierarchy.account(services.cache, owner) or {"_id": owner}
    public = {name: value for name, value in fields.public(document).items() if name != "id"}
    with refusals():
        checked = services.validated(connectivity.SCHEMA, public, lambda: stored)
        kept = fields.private(stored) if stored else {"pvt_type": connectivity.TYPE}
        private = {"_id": named if isinstance(named, str) else new_id(), **kept}
        accepted = services.trunks.accepted(account, {**checked, **private}, owner)
    return changes(knowledge.system_of(services.store, services.cache, owner), accepted["_id"], accepted)


def _owner_by_realm(services: Services, document: Document) -> str | None:
    account = document.get("account")
    realm = account.get("auth_realm") if isinstance(account, dict) else None
    return knowledge.account_of_realm(services.store, realm) if isinstance(realm, str) else None
