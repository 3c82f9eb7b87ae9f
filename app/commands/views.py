"""`views`: compares stored design documents with `couchdb_views/`, and installs what is wrong or missing in them."""

from collections.abc import Callable

import click

from app.accounts import every_account_id
from app.commands.accounts import database_of
from app.commands.progress import progress
from app.commands.terminal import echo
from app.commands.writing import services_of_command
from app.documents import Document
from app.documents.names import ACCOUNTS, account_db
from app.services import Services
from app.store import Store
from app.store.design import documents_for, routing_design, with_views
from app.store.view_comparison import ViewComparison, ViewFinding
from app.words import counted

# Where Kazoo keeps the definition with which it overwrites `_design/trunkstore` of each account.
SYSTEM_DATA, REGISTERED = "system_data", "account-kazoo_apps-trunkstore"
DEFINITION = "view_definition"
# The views that were replaced there, to be put back; None for a view that there was not.
REPLACED = "pvt_replaced_views"
FOUND = 1
_ANY_ACCOUNT = account_db("0" * 32)


@click.group()
def views() -> None:
    """The views that this service and Kazoo's call routing read."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--account", "account_id", help="This account's database.")(command)
    return click.option("--all", "every", is_flag=True, help="All account databases and `accounts`.")(command)


@views.command()
@_options
def check(account_id: str | None, every: bool) -> None:
    """Show which views are missing, have wrong rows, or do not run on this CouchDB.

    Rows are compared for each database's own documents and for built-in samples. --all also checks the definition
    that Kazoo has registered in `system_data`. The exit status is 1 if anything was found.
    """
    with services_of_command(writes=False) as services:
        store, engine = services.store, services.store.engine()
        comparison, problems = ViewComparison(engine), 0
        with progress(_databases(services, account_id, every), "databases") as databases:
            for db in databases:
                for finding in comparison.findings(db, _stored_designs(store, db), store.iterate_docs(db)):
                    problems += 1
                    echo(f"{db} {finding}")
        registered = store.find_doc(SYSTEM_DATA, REGISTERED) if every else None
        for finding in _findings_of_registered(comparison, registered) if registered else ():
            problems += 1
            echo(f"{SYSTEM_DATA} {finding}")
    echo(
        f"{problems} findings in {engine}"
        + ("" if comparison.runs_iterator else ", which does not support Iterator()")
    )
    if problems:
        raise SystemExit(FOUND)


@views.command()
@_options
@click.option("--system", is_flag=True, help="The definition in `system_data`, which Kazoo gives to every account.")
@click.option("--yes", is_flag=True, help="With --system: do not ask.")
@click.option("--undo", is_flag=True, help="With --system: put back what was there before.")
def install(account_id: str | None, every: bool, system: bool, yes: bool, undo: bool) -> None:
    """Write the views that `check` finds missing or wrong. All other views and members stay as they are.

    Kazoo's next refresh writes its own views again, unless --system has changed them where Kazoo has them from.
    """
    if system and (account_id or every):
        raise click.UsageError("--system stands alone")
    if (yes or undo) and not system:
        raise click.UsageError("--yes and --undo need --system")
    with services_of_command() as services:
        if system:
            (_undo_system if undo else _install_system)(services.store, yes)
            return
        comparison, written = ViewComparison(services.store.engine()), 0
        for db in _databases(services, account_id, every):
            written += _install(services.store, comparison, db)
    echo(f"{counted(written, 'design document')} written")


def _install(store: Store, comparison: ViewComparison, db: str) -> int:
    """Write what is wrong in a database. Returns how many design documents were written."""
    written = 0
    findings = comparison.findings(db, _stored_designs(store, db), store.iterate_docs(db))
    for expected in documents_for(db):
        name = expected["_id"].removeprefix("_design/")
        wrong = {finding.view for finding in findings if finding.design == name and finding.is_wrong}
        if wrong:
            store.save_doc(db, with_views(store.find_to_write(db, expected["_id"]), expected, wrong - {""}))
            written += 1
            echo(f"{db} {name}: written")
    return written


def _install_system(store: Store, yes: bool) -> None:
    stored = store.find_to_write(SYSTEM_DATA, REGISTERED)
    if stored is None:
        raise click.ClickException(f"{SYSTEM_DATA} has no {REGISTERED}: start Kazoo on this CouchDB once")
    findings = _findings_of_registered(ViewComparison(store.engine()), stored)
    wrong = {finding.view for finding in findings if finding.is_wrong}
    if not wrong:
        echo(f"{SYSTEM_DATA} {REGISTERED}: nothing to write")
        return
    expected = routing_design()
    definition = stored.get(DEFINITION) or {"_id": expected["_id"], "language": "javascript"}
    views = definition.get("views") or {}
    for name in sorted(wrong):
        echo(f"view {name}")
        echo((f"  - {(views.get(name) or {}).get('map')}", "red"))
        echo((f"  + {expected['views'][name]['map']}", "green"))
    if not yes:
        click.confirm("Write these views? Kazoo then gives them to every account", abort=True)
    replaced = {name: views.get(name) for name in wrong} | stored.get(REPLACED, {})
    changed = {**stored, DEFINITION: with_views(definition, expected, wrong), REPLACED: replaced}
    store.save_doc(SYSTEM_DATA, changed)
    echo(f"{SYSTEM_DATA} {REGISTERED}: written; `views install --system --undo` takes it back")


def _undo_system(store: Store, yes: bool) -> None:
    stored = store.find_to_write(SYSTEM_DATA, REGISTERED)
    replaced = (stored or {}).get(REPLACED)
    if not stored or not replaced:
        raise click.ClickException("there is nothing to take back")
    views = {**stored[DEFINITION]["views"], **replaced}
    definition = {**stored[DEFINITION], "views": {name: view for name, view in views.items() if view is not None}}
    kept = {name: member for name, member in stored.items() if name != REPLACED}
    store.save_doc(SYSTEM_DATA, {**kept, DEFINITION: definition})
    echo(f"{SYSTEM_DATA} {REGISTERED}: {', '.join(sorted(replaced))} as before")


def _findings_of_registered(comparison: ViewComparison, registered: Document) -> list[ViewFinding]:
    """The findings on the definition of `trunkstore` that Kazoo has registered, as on one of an account."""
    expected, definition = routing_design(), registered.get(DEFINITION)
    designs = {expected["_id"]: definition if isinstance(definition, dict) else {}}
    findings = comparison.findings(_ANY_ACCOUNT, designs, ())
    return [finding for finding in findings if f"_design/{finding.design}" == expected["_id"]]


def _stored_designs(store: Store, db: str) -> dict[str, Document]:
    return store.find_docs(db, [design["_id"] for design in documents_for(db)])


def _databases(services: Services, account_id: str | None, every: bool) -> list[str]:
    if bool(account_id) == every:
        raise click.UsageError("choose either --account ID or --all")
    if account_id:
        return [database_of(services.store, account_id)]
    return [ACCOUNTS, *map(account_db, every_account_id(services.store))]
