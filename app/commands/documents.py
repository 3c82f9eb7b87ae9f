"""`import` and `export`: documents as JSON lines, each `{"db": ..., "doc": ...}`."""

import base64
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click

from app.commands.progress import progress
from app.commands.stores import check_owner, existing_store
from app.commands.terminal import echo
from app.files import whole_file
from app.kazoo import json_text
from app.settings import Settings
from app.store import DatabaseMissing, Store, StoreError, is_document_id
from app.store.design import documents_for
from app.store.engines import open_store
from app.words import counted

BATCH = 200
_DATABASE = re.compile(r"[a-z_][a-z0-9_$()+/-]*")
_REVISION = re.compile(r"[1-9][0-9]{0,9}-[0-9a-z]{1,64}")
_MEMBERS = ("_id", "_rev", "_deleted", "_attachments")


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.File("rb"))
def import_documents(files: tuple[BinaryIO, ...]) -> None:
    """Load documents from FILES ('-' is standard input) unchanged, with their revisions.

    Each line is {"db": "<unencoded database name>", "doc": {...}}, with attachments inline. Missing databases are
    created with their design documents. An older revision does not replace a newer one. Each file is checked before
    any of it is written; standard input is checked in batches. An interrupted import can be run again.
    """
    settings = Settings.from_environment().for_commands()
    check_owner(settings)
    store = open_store(settings)
    count, databases = 0, set[str]()
    for file in files:
        length = _checked_count(file) if file.seekable() else None
        with progress(_lines(file), file.name, length) as bar:
            try:
                for batch_size in _load(store, bar, databases):
                    count += batch_size
            except StoreError as error:
                told = f"{counted(count, 'document')} imported so far; run the import again"
                raise type(error)(f"{error}; {told}") from error
    for db in sorted(databases):
        _add_missing_designs(store, db)
    echo(f"{counted(count, 'document')} imported into the {store.engine()}")


def _checked_count(file: BinaryIO) -> int:
    """Check a file and rewind it. Returns the number of its documents. Raises ClickException."""
    start = file.tell()
    count = sum(1 for _ in _lines(file))
    file.seek(start)
    return count


def _load(store: Store, lines: Iterable[dict[str, Any]], databases: set[str]) -> Iterator[int]:
    """Write the documents in batches. Yields the size of each batch once it is stored. Fills in the `databases`."""
    for db, group in itertools.groupby(lines, key=lambda line: line["db"]):
        if db not in databases:
            databases.add(db)
            store.create_db(db)
        while batch := [line["doc"] for line in itertools.islice(group, BATCH)]:
            store.load_docs(db, batch)
            yield len(batch)


def _add_missing_designs(store: Store, db: str) -> None:
    """Add the design documents that no file had. A file's own ones count, whatever their revisions are."""
    designs = documents_for(db)
    stored = store.find_docs(db, [design["_id"] for design in designs])
    for design in designs:
        if design["_id"] not in stored:
            store.save_doc(db, design)


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
    """Check that a store can keep the document and return it. Raises ValueError."""
    document = line.get("doc") if isinstance(line, dict) else None
    if not isinstance(document, dict) or not isinstance(line.get("db"), str):
        raise ValueError('expected {"db": "...", "doc": {...}}')
    if not _DATABASE.fullmatch(line["db"]):
        raise ValueError(f"CouchDB would refuse the database name {line['db'][:80]!r}")
    doc_id = document.get("_id")
    if not isinstance(doc_id, str) or not doc_id:
        raise ValueError("the document has no _id")
    if not is_document_id(doc_id) and not doc_id.startswith("_design/"):
        raise ValueError(f"CouchDB would refuse the _id {doc_id[:80]!r}")
    unknown = sorted(name for name in document if name.startswith("_") and name not in _MEMBERS)
    if unknown:
        raise ValueError(f"CouchDB would refuse the member {unknown[0][:80]!r}")
    revision = document.get("_rev")
    if "_rev" in document and not (isinstance(revision, str) and _REVISION.fullmatch(revision)):
        raise ValueError("_rev is not a revision such as 1-0123456789abcdef0123456789abcdef")
    if not isinstance(document.get("_deleted", False), bool):
        raise ValueError("_deleted is neither true nor false")
    _check_attachments(document.get("_attachments", {}))


def _check_attachments(attachments: Any) -> None:
    if not isinstance(attachments, dict):
        raise ValueError("_attachments is not an object")
    for name, attachment in attachments.items():
        if not isinstance(attachment, dict) or not isinstance(attachment.get("data"), str):
            raise ValueError(f"the attachment {name[:80]!r} has no data")
        if not isinstance(attachment.get("content_type", ""), str):
            raise ValueError(f"the content_type of the attachment {name[:80]!r} is not a text")
        try:
            base64.b64decode(attachment["data"], validate=True)
        except ValueError:
            raise ValueError(f"the data of the attachment {name[:80]!r} is not base64") from None


@click.command("export")
@click.argument("databases", nargs=-1)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def export_documents(databases: tuple[str, ...], output: Path | None) -> None:
    """Write the documents of DATABASES, or of all databases, in the format that `import` reads.

    A document that cannot be read is skipped with a warning, and the exit status is then 1. The file of --output
    appears once it is complete.
    """
    store = existing_store(Settings.from_environment().for_commands())
    faults: list[str] = []
    lines = _exported(store, databases or store.database_names(), faults)
    if output is None:
        for line in lines:
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    else:
        try:
            with whole_file(output) as file:
                file.writelines(lines)
        except OSError as error:
            raise click.ClickException(f"{output}: {error.strerror}") from None
    if faults:
        raise click.ClickException(f"not everything could be read: see the {counted(len(faults), 'warning')} above")


def _exported(store: Store, databases: Iterable[str], faults: list[str]) -> Iterator[bytes]:
    """The lines of these databases. Whatever cannot be read causes a warning and is added to `faults`."""

    def warn(db: str, doc_id: str, error: Exception) -> None:
        faults.append(doc_id)
        echo(f"warning: {' '.join(filter(None, (db, doc_id)))}: {error}", err=True)

    for db in databases:
        try:
            for document in store.dump_docs(db, partial(warn, db)):
                yield json.dumps({"db": db, "doc": document}, ensure_ascii=False).encode() + b"\n"
        except DatabaseMissing:
            warn(db, "", Exception("there is no such database"))
        except StoreError as error:
            warn(db, "", error)
