"""What tests need: ports, processes, a CouchDB, and accounts to call a service with."""

import os

from app.accounts.creation import add_user
from app.auth.credentials import credential_hash
from tests.support.logs import logged_by
from tests.support.processes import NO_SERVERS, ROOT, Server, command_ended, json_lines, run, service
from tests.support.stores import NoCouchDB, couchdb, couchdb_or_skip, databases
from tests.support.waiting import PATIENCE, answers, free_port, wait_until
from tests.support.world import PASSWORD, Api, Person, Users, World, couchdb_world, embedded_world, server_with

RECORDINGS = ROOT / "tests/recordings"

__all__ = [
    "NO_SERVERS",
    "PASSWORD",
    "PATIENCE",
    "RECORDINGS",
    "ROOT",
    "Api",
    "NoCouchDB",
    "Person",
    "Server",
    "Users",
    "World",
    "add_user",
    "answers",
    "command_ended",
    "couchdb",
    "couchdb_or_skip",
    "couchdb_world",
    "credential_hash",
    "databases",
    "embedded_world",
    "free_port",
    "json_lines",
    "logged_by",
    "often",
    "run",
    "server_with",
    "service",
    "wait_until",
]


def often(short: int, long: int) -> int:
    """How often to repeat something: `short` in `make test`, `long` in `make test-long`."""
    return long if os.environ.get("TEST_LONG") else short
