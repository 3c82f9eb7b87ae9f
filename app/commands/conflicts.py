"""`conflicts`: lists and repairs documents with conflicting leaves."""

import contextlib
from collections.abc import Callable, Iterator
from enum import Enum

import click

from app.accounts import every_account_id
from app.commands.accounts import database_of
from app.commands.progress import progress
from app.commands.terminal import echo
from app.commands.writing import services_of_command
from app.documents.differences import differing_paths
from app.documents.names import ACCOUNTS, account_db, account_of
from app.numbers.ownership import databases_of_numbers
from app.store import Conflict, DatabaseMissing, Store, StoreError
from app.store.couchdb.conflicts import LOST, is_repaired, losses
from app.store.couchdb.leaves import Leaf, living
from app.store.replicated import Replicated
from app.words import counted

# The store, a database and the id of a document.
_Place = tuple[Replicated, str, str]


@click.group()
def conflicts() -> None:
    """Documents with several leaves, which a CouchDB cluster creates when nodes fail."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.argument("account_ids", nargs=-1)(command)
    command = click.option("--all", "every", is_flag=True, help="All accounts, and the databases of numbers.")(
        command
    )
    return click.option("--from", "start", default="", help="With --all: start at this database.")(command)


@conflicts.command("list")
@_options
def list_conflicts(account_ids: tuple[str, ...], every: bool, start: str) -> None:
    """Show the conflicting leaves of ACCOUNT_IDS, and the members in which each differs from the winning leaf."""
    conflicting = lost = 0
    with services_of_command(writes=False) as services, _scan(services.store, account_ids, every, start) as documents:
        for replicated, db, doc_id in documents:
            leaves = replicated.leaves(db, doc_id)
            live = living(leaves)
            for leaf in live[1:]:
                conflicting += 1
                echo(_line(db, leaf, "in conflict", differing_paths(leaf.document, live[0].document)))
            for leaf in losses(leaves):
                lost += 1
                echo(_line(db, leaf, "deleted, lost", leaf.document[LOST]))
    echo(f"{conflicting} leaves in conflict, {lost} deleted leaves with lost members")


@conflicts.command("repair")
@_options
def repair_conflicts(account_ids: tuple[str, ...], every: bool, start: str) -> None:
    """Merge the conflicting leaves of ACCOUNT_IDS. It can be interrupted and continued with --from."""
    repaired, failed = 0, 0
    with services_of_command() as services, _scan(services.store, account_ids, every, start) as documents:
        for replicated, db, doc_id in documents:
            leaves = living(replicated.leaves(db, doc_id))
            if len(leaves) < 2:
                continue
            outcome = _repair(replicated, db, leaves)
            repaired += outcome is Outcome.REPAIRED
            failed += outcome is Outcome.FAILED
            echo(f"{_owner(db)} {doc_id}: {outcome.value}")
    echo(f"{counted(repaired, 'document')} repaired" + (f", {failed} not" if failed else ""))
    if failed:
        raise SystemExit(1)


class Outcome(Enum):
    """The result of repairing one document."""

    REPAIRED = "merged"
    FOREIGN = "left alone, because this service does not write such documents"
    FAILED = "not merged, because of other writers or nodes that are down; run the command again"


def _repair(store: Replicated, db: str, leaves: list[Leaf]) -> Outcome:
    if not is_repaired(leaves[0].document):
        return Outcome.FOREIGN
    try:
        store.repair(db, leaves[0].document["_id"])
    except Conflict:
        return Outcome.FAILED
    remaining = living(store.leaves(db, leaves[0].document["_id"]))
    return Outcome.REPAIRED if len(remaining) < 2 else Outcome.FAILED


@contextlib.contextmanager
def _scan(store: Store, account_ids: tuple[str, ...], every: bool, start: str) -> Iterator[Iterator[_Place]]:
    """Each document with several leaves. After an interruption, says where to continue."""
    if bool(account_ids) == every:
        raise click.UsageError("name accounts, or --all")
    if every:
        names = {ACCOUNTS, *map(account_db, every_account_id(store)), *databases_of_numbers(store)}
        databases = sorted(db for db in names if db >= start)
    else:
        databases = [database_of(store, account_id) for account_id in account_ids]
    current = databases[:1]

    def documents() -> Iterator[_Place]:
        if not isinstance(store, Replicated):
            return
        with progress(databases, "databases") as bar:
            for db in bar:
                current[:] = [db]
                with contextlib.suppress(DatabaseMissing):
                    for doc_id in store.documents_with_leaves(db):
                        yield store, db, doc_id

    try:
        yield documents()
    except (KeyboardInterrupt, StoreError) as error:
        hint = f"; continue with --all --from {''.join(current)}" if every else ""
        raise click.ClickException(f"{error or 'interrupted'}{hint}") from None


def _owner(db: str) -> str:
    account_id = account_of(db)
    return account_id if account_id and account_db(account_id) == db else db


def _line(db: str, leaf: Leaf, state: str, paths: list[str]) -> str:
    return f"{_owner(db)} {leaf.document['_id']} {leaf.revision}: {state}: {', '.join(paths) or 'nothing else'}"
