"""`history`: the versions of a trunk, and putting one back."""

import itertools
import time
from dataclasses import asdict
from typing import Any

import click

from app.audit import trunk
from app.auth import hierarchy
from app.commands.accounts import database_of
from app.commands.patches import line_of
from app.commands.refusals import refusals
from app.commands.simulate import print_changes
from app.commands.terminal import echo, echo_json, harmless
from app.commands.writing import services_of_command
from app.documents import Document, connectivity, fields
from app.documents.clock import GREGORIAN_EPOCH, gregorian_now
from app.documents.fields import Author
from app.documents.names import TRUNKS_VIEW, account_db, new_id
from app.history.authors import with_names
from app.history.versions import Write
from app.numbers.ownership import dids_of_trunks
from app.routing.changes import changes
from app.services import Services
from app.trunks import knowledge
from app.trunks.overwrites import Overwrite, overwrites, put_back

PUT_BACK = "put back"


@click.command()
@click.argument("account_id")
@click.argument("connectivity_id", required=False)
@click.option("--restore", metavar="REVISION", help="Put this version back, as a new revision.")
@click.option(
    "--overwrites", "shows_overwrites", is_flag=True, help="Show numbers that a POST took away by accident."
)
@click.option("--apply", "mends", is_flag=True, help="With --overwrites: put these numbers back.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Show so many versions.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each version, with passwords.")
def history(
    account_id: str,
    connectivity_id: str | None,
    restore: str | None,
    shows_overwrites: bool,
    mends: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show who changed a trunk and how, newest first, or put a version back.

    UIs send whole trunks. If two people save at the same moment, the second one may take away a number that the first
    has just added. --overwrites shows such numbers, in all trunks of the account or in one, and --apply puts them
    back at their servers.

    The exit status is 1 if there are such numbers. It is 2 if there is no such trunk or version, or if a version can
    no longer be saved.
    """
    if mends and not shows_overwrites or shows_overwrites and restore:
        raise click.UsageError("--apply needs --overwrites, and --overwrites does not go with --restore")
    if connectivity_id is None and not shows_overwrites:
        raise click.UsageError("name a trunk, or --overwrites")
    status = 0
    try:
        with services_of_command(writes=restore is not None or mends) as services:
            if services.history is None:
                raise click.ClickException("HISTORY is not true, so no versions are kept")
            database_of(services.store, account_id)
            if shows_overwrites:
                trunk_ids = [connectivity_id] if connectivity_id else _trunk_ids(services, account_id)
                found = [_mend(services, account_id, trunk_id, mends, as_json) for trunk_id in trunk_ids]
                status = 1 if any(found) else 0
            elif restore and connectivity_id:
                revision = _restore(services, account_id, connectivity_id, restore)
                echo(f"{restore} is put back as {revision}")
            elif connectivity_id:
                _show(services, account_id, connectivity_id, limit, as_json)
    except click.ClickException as error:
        harmless(error).show()
        status = 2
    raise SystemExit(status)


def _trunk_ids(services: Services, account_id: str) -> list[str]:
    rows = services.store.query_view(account_db(account_id), TRUNKS_VIEW)
    return [row.id for row in rows if row.id]


def _mend(services: Services, account_id: str, trunk_id: str, mends: bool, as_json: bool) -> int:
    """Show the overwritten numbers of a trunk, and put them back if `mends`. Returns how many remain."""
    trunks, history = services.trunks, services.history
    current = trunks.find(account_id, trunk_id, to_write=True)
    if current is None or history is None:
        raise click.ClickException(f"there is no trunk {trunk_id}")
    remaining = 0
    for overwrite in list(overwrites(current, history.versions(account_id, trunk_id))):
        outcome = "gone"
        if mends:
            try:
                current = _put_back(services, account_id, current, overwrite)
                outcome = PUT_BACK
            except click.ClickException as refused:
                outcome = f"not put back: {refused.message}"
        remaining += outcome != PUT_BACK
        _print_overwrite(trunk_id, overwrite, outcome, as_json)
    return remaining


def _put_back(services: Services, account_id: str, current: Document, overwrite: Overwrite) -> Document:
    """Put a number back. Returns the trunk as stored. Raises ClickException."""
    if overwrite.did in dids_of_trunks(services.store, account_db(account_id)):
        raise click.ClickException("a trunk of the account has it")
    mended = put_back(current, overwrite)
    if mended is None:
        raise click.ClickException("the trunk has no such server any more")
    return _save(services, account_id, current, mended)


def _save(services: Services, account_id: str, stored: Document, document: Document) -> Document:
    """Save a trunk as the API does for a request of the account itself. Returns it as stored."""
    account = hierarchy.account(services.cache, account_id) or {"_id": account_id}
    author = Author(new_id(), True, account_id)
    write = Write("FIX", gregorian_now(), account_id, ip="command", request_id=author.request_id)
    with refusals():
        checked = services.validated(connectivity.SCHEMA, fields.public(document), lambda: stored)
        accepted = services.trunks.accepted(account, {**checked, **fields.private(stored)}, account_id)
        return services.trunks.replace(account, stored, accepted, author, write)


def _print_overwrite(trunk_id: str, overwrite: Overwrite, outcome: str, as_json: bool) -> None:
    if as_json:
        added, removed = asdict(overwrite.added), asdict(overwrite.removed)
        echo_json({"trunk": trunk_id, "did": overwrite.did, "added": added, "removed": removed, "outcome": outcome})
        return
    echo((overwrite.did, "yellow"), f" of {trunk_id}: {outcome}")
    for verb, write in (("added", overwrite.added), ("taken away", overwrite.removed)):
        echo(f"    {verb} {_time_text(write.when)} by {_author_text(asdict(write))}")


def _show(services: Services, account_id: str, trunk_id: str, limit: int, as_json: bool) -> None:
    newest = itertools.islice(services.trunks.timeline(account_id, trunk_id), limit)
    entries = with_names(services.store, services.cache, newest)
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
    with refusals():
        checked = services.validated(connectivity.SCHEMA, fields.public(version), lambda: stored)
        document = trunks.accepted(account, connectivity.put_back(trunk_id, checked, stored), account_id)
        system = knowledge.system_of(services.store, services.cache, account_id)
        restored = trunks.restore(account, stored, document, author, write)
    print_changes(changes(system, trunk_id, document))
    for finding in trunk.worst_errors(document):
        echo(f"warning: {finding.path}: {finding.message}", err=True)
    return str(restored["_rev"])


def _time_text(when: int | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when - GREGORIAN_EPOCH)) if when else "unknown time"


def _author_text(who: dict[str, Any]) -> str:
    ids = [f"{name} {who[name]}" for name in ("account_id", "user_id", "ip") if who.get(name)]
    return ", ".join([who["name"], *ids] if who.get("name") else ids) or "unknown"


def _print_entry(entry: dict[str, Any]) -> None:
    at, by = _time_text(entry["when"]), _author_text(entry["who"])
    verb = "deleted" if entry["deleted"] else entry["verb"] or "written elsewhere"
    restored = f" (puts back {entry['restored']})" if entry["restored"] else ""
    echo((entry["revision"], "yellow"), f" {at} {verb}{restored}")
    echo(f"    by {by}")
    if "not_compared" in entry:
        echo(f"    {entry['not_compared']['message']}")
    for operation in entry["patch"] or ():
        echo("    ", line_of(operation))
