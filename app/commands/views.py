"""`views`: compares stored design documents with `couchdb_views/`, and installs those."""

from collections.abc import Callable

import click

from app.accounts import every_account_id
from app.commands.accounts import database_of
from app.commands.progress import progress
from app.commands.terminal import echo
from app.commands.writing import services_of_command
from app.documents.names import ACCOUNTS, account_db
from app.services import Services
from app.store.design import documents_for
from app.store.view_comparison import ViewComparison


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

    Rows are compared for each database's own documents and for built-in samples.
    """
    with services_of_command(writes=False) as services:
        store, engine = services.store, services.store.engine()
        comparison, problems = ViewComparison(engine), 0
        with progress(_databases(services, account_id, every), "databases") as databases:
            for db in databases:
                designs = store.find_docs(db, [design["_id"] for design in documents_for(db)])
                for finding in comparison.findings(db, designs, store.iterate_docs(db)):
                    problems += 1
                    echo(f"{db} {finding}")
    echo(
        f"{problems} findings in {engine}"
        + ("" if comparison.runs_iterator else ", which does not support Iterator()")
    )


@views.command()
@_options
def install(account_id: str | None, every: bool) -> None:
    """Replace the stored design documents with this service's. Kazoo's next refresh restores its own."""
    written = 0
    with services_of_command() as services:
        for db in _databases(services, account_id, every):
            for design in documents_for(db):
                stored = services.store.find_to_write(db, design["_id"])
                if stored and stored.get("views") == design["views"]:
                    continue
                services.store.save_doc(db, {**design, "_rev": stored["_rev"]} if stored else design)
                written += 1
                echo(f"{db} {design['_id'].removeprefix('_design/')}: written")
    echo(f"{written} design documents written")


def _databases(services: Services, account_id: str | None, every: bool) -> list[str]:
    if bool(account_id) == every:
        raise click.UsageError("choose either --account ID or --all")
    if account_id:
        return [database_of(services.store, account_id)]
    return [ACCOUNTS, *map(account_db, every_account_id(services.store))]
