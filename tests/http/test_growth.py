"""Lists of a large account, and the memory of who serves them."""

import statistics
import time
from pathlib import Path

import pytest

from app.documents import start_key
from app.documents.names import account_db
from tests import support

pytestmark = [pytest.mark.slow, pytest.mark.alone]

DOCUMENTS = 50_000


def resident_kib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def test_fifty_thousand_documents(tmp_path):
    """The first and the last page take the same time, and a worker keeps nothing of the account."""
    world = support.embedded_world(tmp_path).populate()
    person = world.person("Large", "large.example.com", world.master)
    db = account_db(person.account_id)
    body = {"pvt_type": "sys_info", "account": {"auth_realm": person.realm}, "servers": []}
    for first in range(0, DOCUMENTS, 5000):
        world.store.load_docs(db, ({"_id": f"{number:032x}", **body} for number in range(first, first + 5000)))
    server = support.service(world.environment, workers=1).start()
    try:
        api = support.Api(server.url, person)
        last = start_key.encode(f"{DOCUMENTS - 50:032x}")
        paths = {"first": "", "last": f"?start_key={last}", "small": "?page_size=10"}
        for path in paths.values():
            api.call("GET", path)
        worker = server.pids()[1]
        before = resident_kib(worker)
        times = {name: [] for name in paths}
        for _ in range(60):
            for name, path in paths.items():
                started = time.perf_counter()
                answer = api.call("GET", path)
                times[name].append(time.perf_counter() - started)
                assert answer.status_code == 200
        first, last = (statistics.median(times[name]) for name in ("first", "last"))
        assert max(first, last) <= 1.5 * min(first, last), (first, last)
        assert resident_kib(worker) < before + 3000
        assert len(api.call("GET").json()["data"]) == 50
    finally:
        server.stop()
