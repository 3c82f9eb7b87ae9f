"""`views`: compare design documents with `couchdb_views/`, and install them on request only."""

from collections.abc import Callable, Iterator

import click

from app.commands.accounts import database_of
from app.documents import Document
from app.documents.names import ACCOUNTS, account_db
from app.numbers.reconcile import accounts
from app.services import Services, make_services
from app.settings import Settings
from app.store import NotFound, Store
from app.store.design import documents_for, needs_old_engine


@click.group()
def views() -> None:
    """The views that this service and Kazoo's call routing read."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--account", "account_id", help="The database of this account.")(command)
    return click.option("--all", "every", is_flag=True, help="All account databases and `accounts`.")(command)


@views.command()
@_options
def check(account_id: str | None, every: bool) -> None:
    """Show which views are missing or differ, and which ones this CouchDB cannot run."""
    services = make_services(Settings.from_environment().for_commands())
    engine = services.store.engine()
    old_engine = _runs_iterator(engine)
    problems = 0
    for db in _databases(services, account_id, every):
        for wanted in documents_for(db):
            for problem in _problems(_stored(services.store, db, wanted["_id"]), wanted, old_engine):
                problems += 1
                click.echo(f"{db} {wanted['_id'].removeprefix('_design/')}: {problem}")
    click.echo(f"{problems} findings in {engine}" + ("" if old_engine else ", which does not know Iterator()"))
    services.close()


@views.command()
@_options
def install(account_id: str | None, every: bool) -> None:
    """Write this service's design documents over the stored ones. Kazoo's refresh puts its own back."""
    services = make_services(Settings.from_environment().for_commands())
    written = 0
    for db in _databases(services, account_id, every):
        for wanted in documents_for(db):
            stored = _stored(services.store, db, wanted["_id"])
            if stored and stored.get("views") == wanted["views"]:
                continue
            services.store.save_doc(db, {**wanted, "_rev": stored["_rev"]} if stored else wanted)
            written += 1
            click.echo(f"{db} {wanted['_id'].removeprefix('_design/')}: written")
    click.echo(f"{written} design documents written")
    services.close()


def _databases(services: Services, account_id: str | None, every: bool) -> Iterator[str]:
    if bool(account_id) == every:
        raise click.UsageError("name one of --account ID and --all")
    if account_id:
        yield database_of(services.store, account_id)
        return
    yield ACCOUNTS
    yield from map(account_db, accounts(services.store))


def _stored(store: Store, db: str, design_id: str) -> Document | None:
    try:
        return store.open_doc(db, design_id)
    except NotFound:
        return None


def _problems(stored: Document | None, wanted: Document, old_engine: bool) -> Iterator[str]:
    if stored is None:
        yield "missing"
        return
    for name, view in wanted["views"].items():
        found = (stored.get("views") or {}).get(name)
        if not isinstance(found, dict):
            yield f"view {name} is missing"
        elif needs_old_engine(str(found.get("map"))) and not old_engine:
            yield f"view {name} uses Iterator(), which this CouchDB lacks: it is empty"
        elif found != view:
            yield f"view {name} differs"


def _runs_iterator(engine: str) -> bool:
    """Whether the engine knows Iterator(): CouchDB up to 2.x does."""
    name, _, version = engine.partition(" ")
    return name == "couchdb" and version.split(".")[0] in ("1", "2")
