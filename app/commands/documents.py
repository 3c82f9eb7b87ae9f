"""`import` and `export`: documents as lines of JSON, each `{"db": ..., "doc": ...}`."""

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import click

from app import json_text
from app.settings import Settings
from app.store import Store, StoreError
from app.store.design import documents_for
from app.store.engines import open_store

BATCH = 200


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.File("rb"))
def import_documents(files: tuple[BinaryIO, ...]) -> None:
    """Load documents from FILES ('-' is standard input) as they are, with their revisions.

    Each line is {"db": "<unencoded database name>", "doc": {...}}, with attachments inline. Missing databases are
    created with their design documents. An interrupted import can be run again.
    """
    store = open_store(Settings.from_environment().for_commands())
    count = 0
    for file in files:
        lines = list(_lines(file)) if file.seekable() else _lines(file)
        length = len(lines) if isinstance(lines, list) else None
        with click.progressbar(lines, length=length, label=file.name) as bar:
            try:
                for loaded in _load(store, bar):
                    count += loaded
            except StoreError as error:
                raise type(error)(f"{error}; {count} documents were imported; run the import again") from error
    click.echo(f"{count} documents imported into the {store.engine()}")


def _load(store: Store, lines: Iterable[dict[str, Any]]) -> Iterator[int]:
    """Write the documents in batches. Yields the number of documents in each batch after it is stored."""
    for db, group in itertools.groupby(lines, key=lambda line: line["db"]):
        store.create_db(db, documents_for(db))
        while batch := [line["doc"] for line in itertools.islice(group, BATCH)]:
            store.load_docs(db, batch)
            yield len(batch)


def _lines(file: BinaryIO) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            line = json_text.loads(text)
            _check(line)
        except ValueError as error:
            raise click.ClickException(f"{file.name}, line {number}: {error}") from None
        yield line


def _check(line: Any) -> None:
    document = line.get("doc") if isinstance(line, dict) else None
    if not isinstance(document, dict) or not isinstance(line.get("db"), str):
        raise ValueError('expected {"db": "...", "doc": {...}}')
    if not isinstance(document.get("_id"), str) or not document["_id"]:
        raise ValueError("the document has no _id")


@click.command("export")
@click.argument("databases", nargs=-1)
def export_documents(databases: tuple[str, ...]) -> None:
    """Write the documents of DATABASES, or of all databases, in the form that `import` reads."""
    store = open_store(Settings.from_environment().for_commands())
    for db in databases or store.database_names():
        for document in store.dump_docs(db):
            click.echo(json.dumps({"db": db, "doc": document}, ensure_ascii=False))
