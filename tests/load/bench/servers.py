"""What is compared: this service on both stores, a bare Flask view, CouchDB itself, and a peer if one is named."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from couchdb import http as couchdb_http

from app.couchdb_url import parse_address
from app.documents.names import account_db, encoded
from tests import support
from tests.load.bench.load import Request, check, requests_answered

MOST_CONNECTIONS = 32
CPUS = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
PLAIN = {"name": "HQ", "servers": [support.server_with(), support.server_with()]}
WITH_NUMBERS = {"name": "HQ", "servers": [support.server_with("+14155550100", "+14155550101")]}


@dataclass
class Target:
    """A running server and the requests it is measured with, by scenario."""

    name: str
    requests: dict[str, Request]


@dataclass
class Service(Target):
    """This service as it runs, and the world that it runs in."""

    world: support.World
    server: support.Server


@contextlib.contextmanager
def off_the_first_cpu() -> Iterator[None]:
    """Leave the first CPU to the worker that is measured: what this process starts meanwhile keeps off it."""
    others = CPUS - {min(CPUS)}
    if not others:
        yield
        return
    os.sched_setaffinity(0, others)
    try:
        yield
    finally:
        os.sched_setaffinity(0, CPUS)


@contextlib.contextmanager
def embedded(workers: int = 1) -> Iterator[Service]:
    """This service on the embedded store."""
    with tempfile.TemporaryDirectory() as directory:
        world = support.embedded_world(Path(directory)).populate()
        with _service("embedded", world, workers) as target:
            yield target


@contextlib.contextmanager
def on_couchdb() -> Iterator[tuple[Service, Target]]:
    """This service on a CouchDB, and that CouchDB itself with the same documents."""
    with _couchdb_world() as (url, world), _service("couchdb", world) as target:
        yield target, _direct(url, target)


@contextlib.contextmanager
def with_history(target: Service) -> Iterator[Service]:
    """This service in the same world with HISTORY, and its only scenario that this makes slower."""
    with _service(f"{target.name} HISTORY", target.world, HISTORY="true") as service:
        service.requests = {"replace": service.requests["replace"]}
        yield service


@contextlib.contextmanager
def anywhere_on_couchdb() -> Iterator[tuple[Service, Service, Target]]:
    """This service with PIN_WORKERS and without, and its CouchDB; all of them use the CPUs that they choose."""
    with _couchdb_world() as (url, world), contextlib.ExitStack() as stack:
        pinned, free = (
            stack.enter_context(_service(name, world, moves=False, PIN_WORKERS=pin))
            for name, pin in (("pinned", "true"), ("free", "false"))
        )
        yield pinned, free, _direct(url, pinned)


@contextlib.contextmanager
def _couchdb_world() -> Iterator[tuple[str, support.World]]:
    try:
        with support.couchdb(os.environ.get("BENCH_COUCHDB_URL")) as url:
            world = support.couchdb_world(url).populate()
            # A view is brought up to date by the list that asks for it, after tens of thousands of creates.
            world.environment["COUCHDB_TIMEOUT"] = "60"
            yield url, world
    except support.NoCouchDB as error:
        raise SystemExit(str(error)) from None


@contextlib.contextmanager
def bare(size: int) -> Iterator[Target]:
    """A Flask view that returns a constant of this size, under the same gunicorn settings."""
    port = support.free_port()
    command = [sys.executable, "-m", "tests.load.bench.bare", str(port), str(size)]
    server = support.Server(command, f"http://127.0.0.1:{port}").start()
    _use_first_cpu(server)
    try:
        yield Target("bare", {"read": Request(f"{server.url}/v2/x")})
    finally:
        server.stop()


def peer() -> Target | None:
    """Any crossbar, at BENCH_PEER_URL with a token of BENCH_PEER_ACCOUNT: the same requests."""
    url, account, token = (os.environ.get(f"BENCH_PEER_{name}") for name in ("URL", "ACCOUNT", "TOKEN"))
    if not url:
        return None
    if not account or not token:
        raise SystemExit("BENCH_PEER_URL needs BENCH_PEER_ACCOUNT and BENCH_PEER_TOKEN")
    return Target("peer", _requests(f"{url.rstrip('/')}/v2/accounts/{account}/connectivity", token))


def milliseconds_of_cpu(service: Service, name: str, connections: int, seconds: float) -> float:
    """The CPU time of the service's workers for each request of a scenario. Noise hardly changes it."""
    before = _cpu_seconds(service)
    count = requests_answered(service.requests[name], connections, seconds)
    return 1000 * (_cpu_seconds(service) - before) / count


def _cpu_seconds(service: Service) -> float:
    """What the workers have used so far, in their own code and in the system's."""
    ticks = 0
    for pid in service.server.pids()[1:]:
        members = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(members[11]) + int(members[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _service(
    name: str, world: support.World, workers: int = 1, moves: bool = True, **environment: str
) -> Iterator[Service]:
    """This service in this world, with these settings. A lone worker moves to the first CPU if it `moves`."""
    realm = f"{name.replace(' ', '-').lower()}.example.com"
    person = world.person(f"Bench {name}", realm, world.master)
    server = support.service(world.environment | environment, workers=workers, forked=False).start()
    if workers == 1 and moves:
        _use_first_cpu(server)
    try:
        api = support.Api(server.url, person)
        yield Service(name, _requests(api.url(), api.token), world, server)
    finally:
        server.stop()


def _use_first_cpu(server: support.Server) -> None:
    """Move a lone worker to the CPU that all others of them have: CPUs of a virtual machine may differ."""
    if hasattr(os, "sched_setaffinity"):
        for thread in Path(f"/proc/{server.pids()[1]}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {min(CPUS)})


def _requests(collection: str, token: str) -> dict[str, Request]:
    """The scenarios. Each connection writes to a document of its own: `{n}` is its number."""
    headers = {"X-Auth-Token": token}
    plain, with_numbers = (json.dumps({"data": data}) for data in (PLAIN, WITH_NUMBERS))
    for number in range(MOST_CONNECTIONS):
        data = json.dumps({"data": {**PLAIN, "id": f"bench-{number}"}})
        check(Request(collection, "PUT", headers, data, 201))
    one, own = f"{collection}/bench-0", f"{collection}/bench-{{n}}"
    return {
        "read": Request(one, headers=headers),
        "304": Request(one, headers={**headers, "If-None-Match": "*"}, status=304),
        "401": Request(one, headers={"X-Auth-Token": "x"}, status=401),
        "404": Request(f"{collection}/nope", headers=headers, status=404),
        "400": Request(collection, "PUT", headers, '{"data":{"name":5}}', 400),
        "list": Request(f"{collection}?page_size=50", headers=headers),
        "replace": Request(own, "POST", headers, plain),
        "patch": Request(own, "PATCH", headers, '{"data":{"account":{"trunks":4}}}'),
        "create": Request(collection, "PUT", headers, plain, 201),
        "create, 2 numbers": Request(collection, "PUT", headers, with_numbers, 201),
    }


def _direct(url: str, target: Service) -> Target:
    """The same document fetched from CouchDB, and put into it under new ids, without anything between."""
    account_id, doc_id = target.requests["read"].url.split("/")[5], target.requests["read"].url.split("/")[7]
    address = parse_address(url)
    basic = couchdb_http.basic_auth(address.credentials).decode() if address.credentials else ""
    headers = {"Authorization": basic} if basic else {}
    db = account_db(account_id)
    stored = target.world.store.open_doc(db, doc_id)
    body = json.dumps({name: value for name, value in stored.items() if name not in ("_id", "_rev")})
    headers_of_a_write = {**headers, "Content-Type": "application/json"}
    return Target(
        "direct",
        {
            "read": Request(f"{address.url}/{encoded(db)}/{doc_id}", headers=headers),
            "create": Request(f"{address.url}/{encoded(db)}/{{id}}", "PUT", headers_of_a_write, body, 201),
        },
    )


def size_of(request: Request) -> int:
    """The bytes of the body that a request is answered with."""
    return len(check(request).split(b"\r\n\r\n", 1)[1])
