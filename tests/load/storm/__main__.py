"""`make storm COUCHDB_URLS=a,b,c`: several instances of this service write to the same documents of a cluster.

Afterwards every write that was acknowledged must be there, and no document may have conflicts. `--kill` and `--stop`
do something to a node meanwhile: give the process ids of nodes of your own. The cluster must be empty.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import click
import requests

from app.documents.names import account_db, encoded
from app.store.couchdb.store import CouchDBStore
from tests import support
from tests.load.storm import check
from tests.load.storm.clients import Clients

SECONDS_TO_REPAIR = 30.0
SECONDS_UNTIL_UP = 60.0


@click.command()
@click.option("--urls", required=True, help="The nodes of the cluster, separated by commas.")
@click.option("--instances", default=2, show_default=True, help="Instances of this service.")
@click.option("--clients", default=8, show_default=True, help="Clients, spread over the instances.")
@click.option("--writes", default=5000, show_default=True)
@click.option("--documents", default=20, show_default=True)
@click.option("--apart", is_flag=True, help="Each instance knows one node only, so they cannot agree on one.")
@click.option("--kill", type=int, multiple=True, help="The process id of a node to be killed.")
@click.option("--stop", type=int, multiple=True, help="The process id of a node to be stopped for a while.")
@click.option("--after", default=5.0, show_default=True, help="When that is done, in seconds.")
@click.option("--for", "duration", default=8.0, show_default=True, help="How long nodes are stopped, in seconds.")
def main(
    urls: str,
    instances: int,
    clients: int,
    writes: int,
    documents: int,
    apart: bool,
    kill: tuple[int, ...],
    stop: tuple[int, ...],
    after: float,
    duration: float,
) -> None:
    """Let clients of several instances write to a cluster, and check what is there afterwards."""
    nodes = [url.strip().rstrip("/") for url in urls.split(",")]
    with _emptied(nodes), _running(nodes, instances, apart) as (apis, store):
        patched = [apis[0].create({"name": "patched"}) for _ in range(max(1, documents * 3 // 4))]
        mixed = [apis[0].create({"name": "mixed"}) for _ in range(max(1, documents // 4))]
        storm = Clients([apis[number % instances] for number in range(clients)], patched, mixed, writes)
        fault = threading.Thread(target=_harm, args=(kill, stop, after, duration), daemon=True)
        fault.start()
        begun = time.monotonic()
        storm.run()
        seconds = time.monotonic() - begun
        fault.join()
        ids = sorted({write.doc_id for write in storm.writes} | set(patched) | set(mixed))
        db = account_db(apis[0].person.account_id)
        is_clean = check.wait_for(lambda: not _conflicting(nodes, apis, db, ids), SECONDS_TO_REPAIR)

        def read(doc_id: str) -> dict | None:
            answer = apis[0].call("GET", f"/{doc_id}")
            return answer.json()["data"] if answer.status_code == 200 else None

        lost = check.missing(storm.writes, read)
        gaps = [doc_id for doc_id in patched + mixed if not check.is_whole(store.revisions(db, doc_id))]
        rows = check.summary(storm.writes, seconds) | {
            "acknowledged writes that are missing": len(lost),
            "documents with conflicts after 30 s": 0 if is_clean else len(_conflicting(nodes, apis, db, ids)),
            "histories with gaps": len(gaps),
            "conditional writes refused but kept": len(check.refused_but_kept(storm.writes, read)),
        }
        print(check.table(rows))
        for write in lost[:20]:
            print(f"missing: {write}", file=sys.stderr)
    raise SystemExit(bool(lost or gaps or not is_clean))


@contextlib.contextmanager
def _emptied(nodes: list[str]) -> Iterator[None]:
    """Refuse a cluster that has databases, and leave none. One of the nodes may be gone by then."""
    if support.databases(nodes[0]):
        raise SystemExit("the cluster has databases, which may be somebody's: name an empty one")
    try:
        yield
    finally:
        for node in nodes:
            with contextlib.suppress(requests.RequestException):
                for name in support.databases(node):
                    requests.delete(f"{node}/{encoded(name)}", timeout=60).raise_for_status()
                break


@contextlib.contextmanager
def _running(nodes: list[str], instances: int, apart: bool) -> Iterator[tuple[list[support.Api], CouchDBStore]]:
    """Running instances, each with another node first, as clients see them."""
    store = CouchDBStore(nodes, timeout=30)
    world = support.World(store, {"COUCHDB_URL": ",".join(nodes)}).populate()
    person = world.person("Storm", "storm.example.com", world.master)
    servers = []
    try:
        for number in range(instances):
            turned = nodes[number % len(nodes) :] + nodes[: number % len(nodes)]
            turned = turned[:1] if apart else turned
            servers.append(support.service({"COUCHDB_URL": ",".join(turned)}, workers=1, forked=False).start())
        yield [support.Api(server.url, person) for server in servers], store
    finally:
        for server in servers:
            server.stop()


def _harm(kill: tuple[int, ...], stop: tuple[int, ...], after: float, duration: float) -> None:
    """Do to the nodes what was asked for."""
    if not kill and not stop:
        return
    time.sleep(after)
    for pid in kill:
        os.kill(pid, signal.SIGKILL)
    for pid in stop:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(duration if stop else 0)
    for pid in stop:
        os.kill(pid, signal.SIGCONT)


def _conflicting(nodes: list[str], apis: list[support.Api], db: str, ids: list[str]) -> set[str]:
    """The documents that still have conflicts on a node. Reading them through the service has them repaired."""
    found = set()
    for node in nodes:
        with contextlib.suppress(requests.RequestException):
            answer = requests.post(
                f"{node}/{encoded(db)}/_all_docs",
                json={"keys": ids},
                params={"include_docs": "true", "conflicts": "true"},
                timeout=10,
            )
            rows = answer.json().get("rows", [])
            found |= {row["id"] for row in rows if (row.get("doc") or {}).get("_conflicts")}
    for doc_id in found:
        apis[0].call("GET", f"/{doc_id}")
    return found


if __name__ == "__main__":
    main()
