"""A CouchDB to test against: npm's, or one that is named."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.documents.names import encoded
from tests.support.processes import ROOT, Server
from tests.support.waiting import free_port

POUCHDB = ROOT / ".tools/node_modules/.bin/pouchdb-server"


def _pouchdb() -> Server | None:
    """A CouchDB of npm's, not yet started; None where it is not installed."""
    if not POUCHDB.exists() or not shutil.which("node"):
        return None
    port = free_port()
    directory = Path(tempfile.mkdtemp(prefix="pouchdb-"))
    command = ["node", str(POUCHDB), "--in-memory", "--port", str(port), "--no-stdout-logs", "--dir", str(directory)]
    return Server(command, f"http://127.0.0.1:{port}", cwd=directory)


class NoCouchDB(Exception):
    """There is no CouchDB to use, and why."""


@contextlib.contextmanager
def couchdb(url: str | None = None) -> Iterator[str]:
    """The CouchDB at this URL, which must be empty and is again afterwards; without a URL, npm's.

    Raises NoCouchDB.
    """
    if not url:
        server = _pouchdb()
        if server is None:
            raise NoCouchDB("pouchdb-server is not installed: `make tools`, or name an empty CouchDB")
        try:
            yield server.start().url
        finally:
            server.stop()
            shutil.rmtree(server.cwd, ignore_errors=True)
        return
    if databases(url):
        raise NoCouchDB("the CouchDB named has databases, which may be somebody's: name an empty one")
    try:
        yield url.rstrip("/")
    finally:
        for name in databases(url):
            requests.delete(f"{url.rstrip('/')}/{encoded(name)}", timeout=120).raise_for_status()


@contextlib.contextmanager
def couchdb_or_skip(url: str | None = None) -> Iterator[str]:
    """The same for a test, which is skipped where there is none."""
    try:
        with couchdb(url) as found:
            yield found
    except NoCouchDB as error:
        pytest.skip(str(error))


def databases(url: str) -> list[str]:
    """The databases of a CouchDB but its own."""
    answer = requests.get(f"{url.rstrip('/')}/_all_dbs", timeout=120)
    answer.raise_for_status()
    return [name for name in answer.json() if not name.startswith("_")]
