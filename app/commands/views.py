"""`views`: compare stored design documents with `couchdb_views/`, and install those on request."""

import contextlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

import click

from app.commands.accounts import database_of
from app.documents import Document
from app.documents.names import ACCOUNTS, account_db
from app.numbers.reconcile import accounts
from app.services import Services, make_services
from app.settings import Settings
from app.store import Store
from app.store.design import documents_for, needs_old_engine
from app.store.view_comparison import ViewComparison


@click.group()
def views() -> None:
    """The views that this service and Kazoo's call routing read."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--account", "account_id", help="The database of this account.")(command)
    return click.option("--all", "every", is_flag=True, help="All account databases and `accounts`.")(command)


@views.command()
@_options
def check(account_id: str | None, every: bool) -> None:
    """Show which views are missing or have other rows, and which ones this CouchDB cannot run.

    Rows are compared for the documents of each database and for built-in samples.
    """
    services = make_services(Settings.from_environment().for_commands())
    store, engine = services.store, services.store.engine()
    old_engine = _runs_iterator(engine)
    comparison, problems = ViewComparison(), 0
    with _progress(_databases(services, account_id, every)) as databases:
        for db in databases:
            for finding in _findings(store, db, comparison, old_engine):
                problems += 1
                click.echo(f"{db} {finding}")
    click.echo(f"{problems} findings in {engine}" + ("" if old_engine else ", which does not know Iterator()"))
    services.close()


@views.command()
@_options
def install(account_id: str | None, every: bool) -> None:
    """Replace the stored design documents with this service's. Kazoo's next refresh restores Kazoo's."""
    services = make_services(Settings.from_environment().for_commands())
    written = 0
    for db in _databases(services, account_id, every):
        for wanted in documents_for(db):
            stored = services.store.find_doc(db, wanted["_id"], merged=True)
            if stored and stored.get("views") == wanted["views"]:
                continue
            services.store.save_doc(db, {**wanted, "_rev": stored["_rev"]} if stored else wanted)
            written += 1
            click.echo(f"{db} {wanted['_id'].removeprefix('_design/')}: written")
    click.echo(f"{written} design documents written")
    services.close()


def _databases(services: Services, account_id: str | None, every: bool) -> list[str]:
    if bool(account_id) == every:
        raise click.UsageError("name one of --account ID and --all")
    if account_id:
        return [database_of(services.store, account_id)]
    return [ACCOUNTS, *map(account_db, accounts(services.store))]


def _findings(store: Store, db: str, comparison: ViewComparison, old_engine: bool) -> list[str]:
    """The findings on a database's design documents, sorted, each as ``design: finding``."""
    findings: list[str] = []
    pairs: dict[str, tuple[str, str]] = {}
    for wanted in documents_for(db):
        design = wanted["_id"].removeprefix("_design/")
        stored = store.find_doc(db, wanted["_id"])
        if stored is None:
            findings.append(f"{design}: missing")
            continue
        for name, view in wanted["views"].items():
            problem = _problem(name, (stored.get("views") or {}).get(name), view, old_engine)
            if problem:
                findings.append(f"{design}: {problem}")
            else:
                pairs[f"{design}: view {name}"] = (stored["views"][name]["map"], view["map"])
    # Functions with the same text emit the same rows.
    pairs = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if pairs:
        differing = comparison.differing(pairs, store.iterate_docs(db))
        findings += [f"{name} has other rows for {doc_id}" for name, doc_id in differing.items()]
    return sorted(findings)


def _problem(name: str, found: Any, wanted: Document, old_engine: bool) -> str | None:
    """The fault of a stored view that shows before its rows are compared; None if there is none."""
    if not isinstance(found, dict) or not isinstance(found.get("map"), str):
        return f"view {name} is missing"
    if needs_old_engine(found["map"]):
        if old_engine:
            return f"view {name} uses Iterator(), so its rows were not compared"
        return f"view {name} uses Iterator(), which this CouchDB lacks: it is empty"
    if "reduce" in wanted and found.get("reduce") != wanted["reduce"]:
        return f"view {name} counts otherwise"
    return None


def _progress(databases: list[str]) -> contextlib.AbstractContextManager[Iterable[str]]:
    """The databases to iterate over, with a progress bar if standard error is a terminal."""
    return click.progressbar(databases, label="databases", file=sys.stderr, hidden=not sys.stderr.isatty())


def _runs_iterator(engine: str) -> bool:
    """Whether the engine's JavaScript has Iterator(), as that of CouchDB up to 2.x does."""
    name, _, version = engine.partition(" ")
    return name == "couchdb" and version.split(".")[0] in ("1", "2")
