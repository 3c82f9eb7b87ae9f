"""`history`: the versions of a trunk, and putting one back."""

import itertools
import json
import time
from typing import Any

import click

from app.audit import trunk
from app.auth import hierarchy
from app.commands.accounts import database_of
from app.commands.patches import line_of
from app.commands.terminal import echo, echo_json, harmless
from app.commands.writing import services_of_command
from app.documents import connectivity, fields
from app.documents.clock import GREGORIAN_EPOCH, gregorian_now
from app.documents.fields import Author
from app.documents.names import new_id
from app.documents.secrets import masked
from app.history.versions import Write
from app.schema import Invalid
from app.services import Services
from app.store import Conflict
from app.trunks.service import KeyTooLong, NumbersRefused


@click.command()
@click.argument("account_id")
@click.argument("connectivity_id")
@click.option("--restore", metavar="REVISION", help="Put this version back, as a new revision.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Show so many versions.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each version, with passwords.")
def history(account_id: str, connectivity_id: str, restore: str | None, limit: int, as_json: bool) -> None:
    """Show who changed a trunk and how, newest first, or put a version back.

    The exit status is 2 if there is no such trunk or version, or if the version can no longer be saved.
    """
    try:
        with services_of_command(writes=restore is not None) as services:
            if services.history is None:
                raise click.ClickException("HISTORY is not true, so no versions are kept")
            database_of(services.store, account_id)
            if restore:
                revision = _restore(services, account_id, connectivity_id, restore)
                echo(f"{restore} is put back as {revision}")
            else:
                _show(services, account_id, connectivity_id, limit, as_json)
    except click.ClickException as error:
        harmless(error).show()
        raise SystemExit(2) from None


def _show(services: Services, account_id: str, trunk_id: str, limit: int, as_json: bool) -> None:
    entries = list(itertools.islice(services.trunks.timeline(account_id, trunk_id), limit))
    if not entries:
        raise click.ClickException(f"there is no trunk {trunk_id}")
    for entry in entries:
        if as_json:
            echo_json(entry)
        else:
            _print_entry(entry)


def _restore(services: Services, account_id: str, trunk_id: str, revision: str) -> str:
    """Put a version back as the API does for a request of the account itself. Returns the new revision."""
    trunks = services.trunks
    account = hierarchy.account(services.cache, account_id) or {"_id": account_id}
    stored = trunks.find(account_id, trunk_id, to_write=True)
    version = trunks.find_version(account_id, trunk_id, revision, stored)
    if version is None:
        raise click.ClickException(f"there is no version {revision} of a trunk {trunk_id}")
    author = Author(new_id(), True, account_id)
    write = Write("POST", gregorian_now(), account_id, ip="command", request_id=author.request_id, restored=revision)
    try:
        checked = services.validated(connectivity.SCHEMA, fields.public(version), lambda: stored)
        document = trunks.accepted(account, connectivity.put_back(trunk_id, checked, stored), account_id)
        restored = trunks.restore(account, stored, document, author, write)
    except Invalid as invalid:
        errors = json.dumps(masked(invalid.errors), ensure_ascii=False)
        raise click.ClickException(f"the schema refuses this version: {errors}") from None
    except (KeyTooLong, NumbersRefused) as refused:
        raise click.ClickException(str(refused)) from None
    except Conflict:
        raise click.ClickException("someone else has just changed the trunk: try again") from None
    for finding in trunk.worst_errors(document):
        echo(f"warning: {finding.path}: {finding.message}", err=True)
    return str(restored["_rev"])


def _print_entry(entry: dict[str, Any]) -> None:
    when, who = entry["when"], entry["who"]
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when - GREGORIAN_EPOCH)) if when else "unknown time"
    by = " ".join(f"{name} {value}" for name, value in who.items() if value)
    verb = "deleted" if entry["deleted"] else entry["verb"] or "written elsewhere"
    restored = f" (puts back {entry['restored']})" if entry["restored"] else ""
    echo((entry["revision"], "yellow"), f" {at} {verb}{restored}")
    echo(f"    by {by or 'unknown'}")
    if "not_compared" in entry:
        echo(f"    {entry['not_compared']['message']}")
    for operation in entry["patch"] or ():
        echo("    ", line_of(operation))
