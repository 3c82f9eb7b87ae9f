"""Stores that are locked, damaged, removed, full, slow or gone: nothing that was acknowledged may be lost."""

import contextlib
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from app.commands.documents import import_documents
from app.documents.names import account_db
from app.store import Unavailable
from app.store.embedded.store import FILE_NAME, EmbeddedStore
from tests import support
from tests.support import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine():
    """The engine of the tests that use the common service."""
    return "couchdb"


def test_a_file_that_is_no_store_is_a_fault_of_the_store(tmp_path):
    """Also for the first question of a thread, whatever that asks."""
    store = EmbeddedStore(tmp_path)
    store.close()
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        path.write_bytes(b"no store" * 1000)
    for ask in (store.engine, store.database_names, lambda: store.has_db("d")):
        with pytest.raises(Unavailable):
            ask()
        store.close()


class TestEmbedded:
    """The file of the embedded store."""

    @pytest.fixture
    def running(self, tmp_path):
        """A service on a store of its own: (server, client, path of the file, path of the log)."""
        world = support.embedded_world(tmp_path / "data").populate()
        person = world.person("p", "p.example.com", world.master)
        log = tmp_path / "log"
        server = support.service({**world.environment, "TEST_LOG": str(log)}, workers=2).start()
        yield server, support.Api(server.url, person), tmp_path / "data" / FILE_NAME, log
        server.stop()

    @pytest.mark.waits
    def test_another_process_that_holds_the_lock(self, running):
        server, api, path, _ = running
        doc_id = api.create({"name": "a"})
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(48) as pool:
            writes = [pool.submit(api.call, "PUT", json={"data": {"name": "b"}}) for _ in range(48)]
            time.sleep(2.5)
            for _ in range(10):
                assert api.call("GET", f"/{doc_id}").status_code == 200
                assert requests.get(f"{server.url}/health", timeout=120).status_code == 200
            answers = [write.result() for write in writes]
        assert {answer.status_code for answer in answers} == {503}
        other.execute("ROLLBACK")
        other.close()
        assert api.call("PUT", json={"data": {"name": "c"}}).status_code == 201
        assert len(api.call("GET").json()["data"]) == 2

    @pytest.mark.parametrize("removed", ["folder", "file"])
    def test_a_store_that_is_removed(self, running, removed):
        server, api, path, _ = running
        api.create({"name": "a"})
        kept = path.parent.with_name("kept")
        shutil.move(path.parent, kept)
        if removed == "file":
            path.parent.mkdir()
        for _ in range(30):
            assert api.call("PUT", json={"data": {"name": "b"}}).status_code == 503
        assert requests.get(f"{server.url}/health", timeout=120).status_code == 503
        assert not path.exists()
        if removed == "file":
            path.parent.rmdir()
        shutil.move(kept, path.parent)
        support.wait_until(lambda: api.call("PUT", json={"data": {"name": "c"}}).status_code == 201)
        assert len(api.call("GET").json()["data"]) == 2

    def test_another_store_in_the_same_place(self, running, tmp_path):
        server, api, path, _ = running
        copy = tmp_path / "copy"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        lost = api.create({"name": "lost"})
        for name in (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        shutil.move(copy, path)
        statuses = [api.call("PUT", json={"data": {"name": "kept"}}).status_code for _ in range(100)]
        assert set(statuses) == {201, 503} and statuses[-1] == 201
        with contextlib.closing(sqlite3.connect(path)) as connection:
            kept = {row[0] for row in connection.execute("SELECT id FROM documents WHERE body LIKE '%\"kept\"%'")}
        assert len(kept) == statuses.count(201) and lost not in kept

    def test_a_damaged_file_tells_nothing(self, running):
        server, api, path, log = running
        api.create({"name": "s3cret-name"})
        server.stop()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damaged = bytearray(path.read_bytes())
        for match in re.finditer(rb"s3cret-name|pvt_signature_secret", damaged):
            damaged[match.start()] = 0xFF
        path.write_bytes(damaged)
        server.start()
        answers = [api.call("GET"), api.call("GET", "/nope"), requests.get(f"{server.url}/health", timeout=120)]
        assert not [answer for answer in answers if answer.status_code not in (200, 401, 404, 503)]
        exported = subprocess.run(
            [sys.executable, "-m", "app", "export"],
            env={**os.environ, "DATA_DIR": str(path.parent)},
            capture_output=True,
            cwd=support.ROOT,
        )
        assert exported.returncode == 1 and b"not everything could be read" in exported.stderr
        told = log.read_text() + exported.stderr.decode()
        assert "3cret-name" not in told and "vt_signature_secret" not in told and "Traceback" not in told

    def test_only_its_owner_can_read_it(self, tmp_path):
        folder = tmp_path / "open"
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
        support.embedded_world(folder).populate()
        assert {path.name: path.stat().st_mode & 0o077 for path in folder.iterdir()} == dict.fromkeys(
            (path.name for path in folder.iterdir()), 0
        )


class TestImportAndExport:
    """What operators load and save."""

    @pytest.fixture
    def environment(self, tmp_path):
        return {"DATA_DIR": str(tmp_path / "data")}

    def load(self, environment, *documents, code=0, db="some"):
        """Import these documents from a file."""
        path = Path(environment["DATA_DIR"]).with_name("in.jsonl")
        path.write_text("".join(json.dumps({"db": db, "doc": document}) + "\n" for document in documents))
        return run(environment, "import", str(path), code=code)

    def exported(self, environment):
        return [line["doc"] for line in support.json_lines(run(environment, "export", "some"))]

    def test_an_older_revision_does_not_replace_a_newer_one(self, environment):
        new, old, deleted = f"2-{'b' * 32}", f"1-{'a' * 32}", f"3-{'c' * 32}"
        self.load(environment, {"_id": "d", "_rev": new, "n": 2})
        self.load(environment, {"_id": "d", "_rev": old, "n": 1})
        assert self.exported(environment) == [{"_id": "d", "_rev": new, "n": 2}]
        self.load(environment, {"_id": "d", "_rev": deleted, "_deleted": True})
        assert self.exported(environment) == [{"_id": "d", "_rev": new, "n": 2}]
        self.load(environment, {"_id": "d", "_rev": f"2-{'c' * 32}", "n": 3})
        assert self.exported(environment) == [{"_id": "d", "_rev": f"2-{'c' * 32}", "n": 3}]

    @pytest.mark.parametrize(
        ("members", "told"),
        [
            ({"_rev": 5}, "_rev"),
            ({"_rev": ""}, "_rev"),
            ({"_rev": "x"}, "_rev"),
            ({"_rev": "0-abc"}, "_rev"),
            ({"_rev": "1-"}, "_rev"),
            ({"_rev": "99999999999999999999-abc"}, "_rev"),
            ({"_id": "_x"}, "_id"),
            ({"_id": "_local/x"}, "_id"),
            ({"_deleted": 1}, "_deleted"),
            ({"_what": 1}, "_what"),
            ({"_attachments": []}, "_attachments"),
            ({"_attachments": {"a": 5}}, "attachment 'a'"),
            ({"_attachments": {"a": {"stub": True}}}, "attachment 'a' has no data"),
            ({"_attachments": {"a": {"data": 5}}}, "attachment 'a'"),
            ({"_attachments": {"a": {"data": "*"}}}, "base64"),
            ({"_attachments": {"a": {"data": "aGk=", "content_type": 5}}}, "content_type"),
        ],
    )
    def test_what_is_refused_with_its_line(self, environment, tmp_path, members, told):
        # In this process: a command takes half a second to start.
        path = tmp_path / "in.jsonl"
        lines = [{"db": "some", "doc": {"_id": "good"}}, {"db": "some", "doc": {"_id": "d", **members}}]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        ended = CliRunner().invoke(import_documents, [str(path)], env=environment)
        assert ended.exit_code == 1 and "line 2: " in ended.output and told in ended.output
        assert EmbeddedStore(environment["DATA_DIR"]).database_names() == []

    def test_a_database_name_that_couchdb_refuses(self, environment):
        assert "line 1: " in self.load(environment, {"_id": "d"}, code=1, db="No Such Name")

    def test_export_is_utf8_in_any_locale(self, environment, tmp_path):
        self.load(environment, {"_id": "d", "name": "Zoë 日本"})
        output = tmp_path / "out.jsonl"
        for locale in ("C", "POSIX", "en_US.ISO-8859-1"):
            run({**environment, "LC_ALL": locale, "PYTHONUTF8": "0"}, "export", "--output", str(output))
            assert "Zoë 日本" in output.read_text("utf-8")
            assert output.stat().st_mode & 0o077 == 0

    def test_a_file_appears_whole_or_not_at_all(self, environment, tmp_path):
        self.load(environment, {"_id": "d"})
        output = tmp_path / "there" / "out.jsonl"
        output.parent.mkdir()
        output.write_text("as before")
        error = run(environment, "export", "some", "missing", "--output", str(output), code=1)
        assert "missing" in error
        assert json.loads(output.read_text()) == {"db": "some", "doc": self.exported(environment)[0]}
        assert os.listdir(output.parent) == ["out.jsonl"]
        assert "No such file" in run(environment, "export", "--output", str(tmp_path / "no" / "x"), code=1)

    def test_an_export_creates_no_store(self, environment):
        run(environment, "export", code=1)
        assert not os.path.exists(environment["DATA_DIR"])


class Between:
    """A proxy between the service and its CouchDB that does what broken machines do."""

    def __init__(self, port):
        self.mode = "well"
        self.writes = 0
        self.held = 0
        self.let_go = threading.Event()
        self._counting = threading.Lock()
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)) as server:
            while request := self._receive(client):
                is_write = request.startswith((b"PUT", b"POST"))
                if self.mode == "down":
                    return
                if self.mode == "full" and is_write:
                    client.sendall(self._refusal(b"507 Insufficient Storage", b"insufficient_storage"))
                    continue
                if self.mode == "read-only" and is_write:
                    client.sendall(self._refusal(b"403 Forbidden", b"forbidden"))
                    continue
                is_held = self.mode == "holding" and is_write
                if is_held:
                    self._count(held=1)
                    self.let_go.wait()
                self._count(writes=request.startswith(b"PUT"))
                server.sendall(request)
                answer = self._receive(server)
                self._count(held=-is_held)
                if self.mode == "half" and is_write:
                    client.sendall(answer[: len(answer) // 2])
                    return
                client.sendall(answer)

    def _count(self, writes=0, held=0):
        with self._counting:
            self.writes += writes
            self.held += held

    def _refusal(self, status, word):
        body = b'{"error":"%s","reason":"x"}' % word
        return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)

    def _receive(self, connection):
        """A whole message with a length, or in chunks."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return b""
            data += part
        head, _, _ = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(data) < len(head) + 4 + int(length[1]):
            data += connection.recv(65536)
        while b"chunked" in head.lower() and not data.endswith(b"0\r\n\r\n"):
            data += connection.recv(65536)
        return data


class TestCouchDB:
    """A CouchDB that is full, read-only, slow, gone, or cuts its answers."""

    @pytest.fixture
    def between(self, world):
        return Between(int(world.environment["COUCHDB_URL"].rstrip("/").rpartition(":")[2]))

    @pytest.fixture
    def server(self, world, between):
        address = f"http://127.0.0.1:{between.port}"
        environment = {**world.environment, "COUCHDB_URL": address, "THREADS": "4"}
        server = support.service(environment, workers=1).start()
        yield server
        server.stop()

    def assert_writes_are_refused(self, api, doc_id):
        """Each of eight writes at once is a 503."""
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: api.call("PATCH", f"/{doc_id}", {"name": f"{n}"}), range(8)))
        assert {answer.status_code for answer in answers} == {503}
        assert all(answer.json()["status"] == "error" for answer in answers)

    @pytest.mark.parametrize("mode", ["full", "read-only", "half", "down"])
    def test_it_is_a_503_and_passes(self, server, between, world, person, mode):
        api = support.Api(server.url, person)
        doc_id = api.create({"name": "a"})
        before = generation(world, person, doc_id)
        between.mode = mode
        between.writes = 0
        self.assert_writes_are_refused(api, doc_id)
        between.mode = "well"
        # What CouchDB got was written at most once each, although nobody saw the answer.
        written = generation(world, person, doc_id) - before
        assert written <= between.writes and (mode == "half" or written == 0)
        assert len(server.pids()) == 2
        for number in range(8):
            assert api.call("PATCH", f"/{doc_id}", {"name": f"again {number}"}).status_code == 200

    @pytest.mark.waits
    def test_a_write_that_takes_too_long_is_a_503_and_done_at_most_once(self, server, between, world, person):
        patient = support.Api(server.url, person)
        doc_id = patient.create({"name": "a"})
        before = generation(world, person, doc_id)
        impatient = support.service({**server.environment, "COUCHDB_TIMEOUT": "2"}, workers=1).start()
        try:
            api = patient.at(impatient.url)
            between.mode = "holding"
            between.writes = 0
            support.wait_until(
                lambda: self.assert_writes_are_refused(api, doc_id) or between.held, message="a write that is held"
            )
            between.mode = "well"
            assert generation(world, person, doc_id) == before
            between.let_go.set()
            support.wait_until(lambda: between.held == 0, message="what was held")
            assert generation(world, person, doc_id) - before <= between.writes
            assert len(impatient.pids()) == 2
            # On a busy machine, CouchDB may take longer than this service waits for it.
            again = {"name": "again"}
            support.wait_until(lambda: api.call("PATCH", f"/{doc_id}", again).status_code == 200, message="a write")
        finally:
            impatient.stop()


def generation(world, person, doc_id):
    """How often a document was written, as its revision says."""
    return int(world.store.open_doc(account_db(person.account_id), doc_id)["_rev"].partition("-")[0])
