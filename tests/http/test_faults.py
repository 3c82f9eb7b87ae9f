"""A store that is down, slow or talks rubbish (docs/kazoo/http.md, section 6)."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from app.store.couchdb.store import CouchDBStore
from app.version import __version__
from tests import support
from tests.store.test_engines import http_answer

pytestmark = pytest.mark.slow


class Relay:
    """Stands between the service and its CouchDB, and can turn into something worse."""

    def __init__(self, target: str):
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.mode = "relay"
        self.delay = 0.0
        self.answers = 0
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def become(self, mode: str) -> None:
        self.mode = mode
        connections, self._connections = self._connections, []
        for connection in connections:
            # A thread may wait for bytes on it; closing alone would not wake it.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self._connections.append(client)
        if self.mode == "reset":
            client.close()
        elif self.mode == "silent":
            threading.Event().wait()
        elif self.mode == "rubbish":
            client.recv(65536)
            client.sendall(http_answer("200 OK", "<html>what?</html>", "text/html"))
            client.close()
        else:
            upstream = socket.create_connection(self._target)
            self._connections.append(upstream)
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._pump, args=(source, sink, source is upstream), daemon=True).start()

    def _pump(self, source, sink, answers):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers:
                    self.answers += 1
                    time.sleep(self.delay)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture(scope="module")
def relayed():
    with support.couchdb_or_skip() as url:
        world = support.couchdb_world(url).populate()
        person = world.person("Relayed", "relayed.example.com", world.master)
        relay = Relay(url)
        server = support.service({**world.environment, "COUCHDB_URL": relay.url}).start()
        yield relay, server, support.Api(server.url, person)
        server.stop()


def assert_unavailable(server, api, doc_id):
    """Every request is a 503 in the envelope; so are a log-in and the service's health."""
    requests_to_try = (
        ("GET", "", None),
        ("GET", f"/{doc_id}", None),
        ("PUT", "", {"name": "x"}),
        ("POST", f"/{doc_id}", {"name": "during"}),
        ("PATCH", f"/{doc_id}", {"name": "during"}),
        ("DELETE", f"/{doc_id}", None),
    )
    with ThreadPoolExecutor(len(requests_to_try)) as pool:
        answers = list(pool.map(lambda request: api.call(*request), requests_to_try))
    for answer in answers:
        assert answer.status_code == 503, answer.text
        body = answer.json()
        assert body["error"] == "503" and body["status"] == "error" and body["request_id"]
    login = api.login()
    assert login.status_code == 503 and login.json()["data"] == {"message": "datastore timeout"}
    assert requests.get(f"{server.url}/health", timeout=120).status_code == 503


def is_healthy(server):
    return requests.get(f"{server.url}/health", timeout=120).status_code == 200


@pytest.mark.parametrize("mode", ["reset", "rubbish"])
def test_503_in_the_envelope_and_service_afterwards(relayed, mode):
    relay, server, api = relayed
    doc_id = api.create({"name": "before"})
    relay.become(mode)
    try:
        assert_unavailable(server, api, doc_id)
    finally:
        relay.become("relay")
    time.sleep(0.1)
    assert api.call("GET", f"/{doc_id}").json()["data"]["name"] == "before"
    assert api.call("PATCH", f"/{doc_id}", {"name": "after"}).status_code == 200
    support.wait_until(lambda: is_healthy(server), message="health")


@pytest.mark.waits
def test_503_after_a_timeout_and_service_afterwards(relayed):
    relay, _, patient = relayed
    doc_id = patient.create({"name": "before"})
    server = support.service({"COUCHDB_URL": relay.url, "COUCHDB_TIMEOUT": "4"}).start()
    api = patient.at(server.url)
    try:
        relay.become("silent")
        assert_unavailable(server, api, doc_id)
        relay.become("relay")
        assert patient.call("GET", f"/{doc_id}").json()["data"]["name"] == "before"
        # On a busy machine, CouchDB may take longer than this service waits for it.
        after = {"name": "after"}
        support.wait_until(lambda: api.call("PATCH", f"/{doc_id}", after).status_code == 200, message="a write")
        support.wait_until(lambda: is_healthy(server), message="health")
    finally:
        relay.become("relay")
        server.stop()


def test_a_fault_is_found_in_both_logs_by_the_id_in_the_answer(relayed, tmp_path):
    relay, _, api = relayed
    log = tmp_path / "log"
    settings = {"COUCHDB_URL": relay.url, "ACCESS_LOG": "true", "TEST_LOG": str(log)}
    server = support.service(settings).start()
    try:
        relay.become("reset")
        headers = {"X-Auth-Token": api.token}
        url = f"{server.url}/v2/accounts/{api.person.account_id}/connectivity"
        answer = requests.get(url, headers=headers, timeout=120)
        assert answer.status_code == 503

        def lines():
            parsed = (json.loads(line) for line in log.read_text().splitlines() if line.endswith("}"))
            return [line for line in parsed if line.get("request_id") == answer.json()["request_id"]]

        support.wait_until(lambda: len(lines()) >= 2, message="both lines")
    finally:
        relay.become("relay")
        server.stop()
    (request,) = (line for line in lines() if line.get("method") == "GET")
    (fault, *_) = (line for line in lines() if "level" in line)
    assert request["status"] == 503 and fault["level"] in ("WARNING", "ERROR") and relay.url in fault["message"]


def test_health_does_not_wait_as_long_as_requests_do(relayed):
    """The service would wait for this CouchDB for an hour."""
    relay, _, _ = relayed
    server = support.service({"COUCHDB_URL": relay.url, "COUCHDB_TIMEOUT": "3600"}).start()

    def state(path):
        answer = requests.get(server.url + path, timeout=120)
        return answer.status_code, answer.json()

    def ready_state():
        status, ready = state("/health/ready")
        return status == 200 and ready

    try:
        # On a busy machine, the store may take longer than that as well.
        ready = support.wait_until(ready_state, message="the store is there")
        assert (ready["status"], ready["store"]["state"]) == ("ok", "ok")
        relay.become("silent")
        for path in ("/health/ready", "/health"):
            status, ready = state(path)
            assert (status, ready["status"]) == (503, "error")
            assert ready["store"] == {"state": "error", "message": "the store does not answer"}
        assert state("/health/live") == (200, {"status": "ok", "version": __version__})
        relay.become("relay")
        support.wait_until(ready_state, message="the store is back")
    finally:
        relay.become("relay")
        server.stop()


DATABASE = "patient"


@pytest.fixture
def slow_relay():
    """In front of a CouchDB of its own; every answer takes longer than a request would wait."""
    with support.couchdb_or_skip() as url:
        relay = Relay(url)
        relay.delay = 0.2
        yield relay, CouchDBStore([url], timeout=120)


def command(relay, *arguments):
    """A command with the time limit of an impatient service."""
    environment = {**os.environ, **support.NO_SERVERS, "COUCHDB_URL": relay.url, "COUCHDB_TIMEOUT": "0.1"}
    return subprocess.Popen(
        [sys.executable, "-m", "app", *arguments],
        env=environment,
        cwd=support.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def documents_file(directory, count):
    path = directory / "documents.jsonl"
    rows = ({"db": DATABASE, "doc": {"_id": f"d{n:05}", "_rev": "1-" + "a" * 32}} for n in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_commands_wait_for_a_slow_couchdb(slow_relay, tmp_path):
    relay, store = slow_relay
    loading = command(relay, "import", str(documents_file(tmp_path, 3)))
    assert loading.communicate(timeout=120)[0].splitlines()[-1].startswith("3 documents imported")
    assert len(list(store.dump_docs(DATABASE))) == 3
    exporting = command(relay, "export", DATABASE)
    assert [json.loads(line)["doc"]["_id"] for line in exporting.communicate(timeout=120)[0].splitlines()] == [
        "d00000",
        "d00001",
        "d00002",
    ]
    checking = command(relay, "views", "check", "--account", "f" * 32)
    assert f"there is no account {'f' * 32}" in checking.communicate(timeout=120)[1]


def test_an_import_that_is_cut_off_says_how_far_it_came_and_can_be_run_again(slow_relay, tmp_path):
    relay, store = slow_relay
    path = documents_file(tmp_path, 1000)
    loading = command(relay, "import", str(path))
    support.wait_until(lambda: relay.answers >= 4, message="some batches")
    relay.become("reset")
    error = loading.communicate(timeout=120)[1]
    assert loading.returncode == 1 and error.startswith("error: ") and error.count("\n") == 1
    told = int(error.partition(" documents imported so far")[0].rpartition(" ")[2])
    assert 0 < told < 1000 and told % 200 == 0
    kept = len(list(store.dump_docs(DATABASE)))
    assert told <= kept <= told + 200
    relay.become("relay")
    relay.delay = 0
    assert "1000 documents imported" in command(relay, "import", str(path)).communicate(timeout=120)[0]
    assert len(list(store.dump_docs(DATABASE))) == 1000


def test_a_server_that_is_not_there_is_a_clear_error_at_start():
    environment = {"COUCHDB_URL": f"http://127.0.0.1:{support.free_port()}"}
    error = support.run(environment, "serve", "--port", str(support.free_port()), code=1)
    assert error.startswith("error: http://127.0.0.1:") and error.endswith(": Connection refused\n")


def test_a_couchdb_without_kazoo_is_told_apart():
    """Uses a server of its own, since the shared one has what Kazoo makes."""
    with support.couchdb_or_skip() as url:
        error = support.run({"COUCHDB_URL": url}, "serve", "--port", str(support.free_port()), code=1)
        assert "system_config/auth has no default.system_key; start Kazoo" in error
        assert "system_config" not in requests.get(f"{url}/_all_dbs", timeout=120).json()
