"""Two instances behind HAProxy (docs/haproxy.cfg): one is stopped and started while the other one serves."""

import csv
import os
import re
import shutil
import signal
import socket
import threading

import pytest
import requests

from tests import support

pytestmark = [pytest.mark.slow, pytest.mark.long_only]

ROUNDS = support.often(1, 3)
CLIENTS = 6


@pytest.fixture
def instances(world_on):
    """On one store, as two machines would be on one CouchDB."""
    environment = {**world_on("couchdb").environment, "DRAIN_SECONDS": "5"}
    made = [support.service(environment).start() for _ in range(2)]
    yield made
    for server in made:
        server.stop()


@pytest.fixture
def proxy(instances, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.environ["PATH"] + os.pathsep + "/usr/sbin")
    if not shutil.which("haproxy"):
        pytest.skip("haproxy is not installed (`make tools`)")
    text = (support.ROOT / "docs/haproxy.cfg").read_text()
    # The second instance is in a comment, and there is no crossbar to fall back to.
    text = re.sub(r"# (server second )", r"\1", text)
    text = re.sub(r".* backup\n", "", text)
    port = support.free_port()
    for documented, used in zip(("127.0.0.1:8001", "127.0.0.1:8002"), instances, strict=True):
        assert documented in text
        text = text.replace(documented, used.url.removeprefix("http://"))
    text = text.replace("127.0.0.1:8000", instances[0].url.removeprefix("http://"))
    text = text.replace("global\n", f"global\n    stats socket {tmp_path}/haproxy.sock\n")
    (tmp_path / "haproxy.cfg").write_text(text.replace("bind 127.0.0.1:80\n", f"bind 127.0.0.1:{port}\n"))
    server = support.Server(["haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg")], f"http://127.0.0.1:{port}")
    yield server.start().url
    server.stop()


def are_both_up(folder):
    """Whether HAProxy sends requests to both instances. It looks once a second."""
    with socket.socket(socket.AF_UNIX) as stats:
        stats.connect(f"{folder}/haproxy.sock")
        stats.sendall(b"show stat\n")
        told = stats.makefile().read()
    names, *rows = csv.reader(told.removeprefix("# ").split("\n"))
    found = [dict(zip(names, row, strict=False)) for row in rows if row]
    return {row["svname"]: row["status"] for row in found if row["pxname"] == "connectivity"}.items() >= {
        ("new", "UP"),
        ("second", "UP"),
    }


def test_no_request_is_lost(world_on, instances, proxy, tmp_path):
    world = world_on("couchdb")
    person = world.person("Rolling", f"rolling{os.getpid()}.example.com", world.master)
    token = support.Api(instances[0].url, person).token
    trunks = f"{proxy}/v2/accounts/{person.account_id}/connectivity"
    is_over, failures, created = threading.Event(), [], []

    def load(number):
        """Creates trunks and reads each one. A connection is used again, as long as it is there."""
        with requests.Session() as session:
            session.headers["X-Auth-Token"] = token
            while not is_over.is_set():
                try:
                    answer = session.put(trunks, json={"data": {"name": f"of {number}"}}, timeout=120)
                    assert answer.status_code == 201, answer.text
                    created.append(answer.json()["data"]["id"])
                    answer = session.get(f"{trunks}/{created[-1]}", timeout=120)
                    assert answer.status_code == 200, answer.text
                except (requests.RequestException, AssertionError) as error:
                    failures.append(repr(error)[:300])

    clients = [threading.Thread(target=load, args=(number,)) for number in range(CLIENTS)]
    try:
        for client in clients:
            client.start()
        for _ in range(ROUNDS):
            for instance in instances:
                support.wait_until(lambda: are_both_up(tmp_path), message="both instances in HAProxy")
                served = len(created)
                support.wait_until(lambda least=served + 20: len(created) > least, message="some requests")
                # As systemd does with KillMode=mixed.
                instance.process_signal(signal.SIGTERM)
                instance.process.wait(120)
                served = len(created)
                support.wait_until(lambda least=served + 20: len(created) > least, message="the other one serves")
                instance.start()
    finally:
        is_over.set()
        for client in clients:
            client.join()
    assert failures == []
    listed = requests.get(
        f"{instances[0].url}/v2/accounts/{person.account_id}/connectivity?paginate=false",
        headers={"X-Auth-Token": token},
        timeout=120,
    )
    assert sorted(listed.json()["data"]) == sorted(created) and len(created) >= 80 * ROUNDS
