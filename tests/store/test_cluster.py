"""Which node is asked, what becomes of lost answers, and conflicting leaves (docs/reliability.md)."""

import contextlib
import json
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.store import Conflict, Unavailable
from app.store.couchdb.cluster import Cluster
from app.store.couchdb.conflicts import LOST, settle_acceptance
from app.store.couchdb.leaves import living
from app.store.couchdb.store import CouchDBStore
from tests.store.contract import new_db
from tests.support import free_port, wait_until

pytestmark = pytest.mark.slow

# Where a node hangs, a test waits for `SECONDS_A_NODE`, and not for all of this.
TIMEOUT = 120.0


class Node:
    """A stand-in for a node: it hands each request to a CouchDB, or does worse. One request to a connection."""

    def __init__(self, target: str):
        host, port = target.rpartition("@")[2].removeprefix("http://").split(":")
        self._target = (host, int(port))
        credentials = target.removeprefix("http://").rpartition("@")[0]
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{credentials}{'@' * bool(credentials)}127.0.0.1:{self.port}"
        self.mode = "pass"
        self.asked = 0
        self._hanging = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError):
            request = self._received(client)
            if not request:
                return
            is_probe = request.startswith(b"GET /_up ")
            self.asked += not is_probe
            is_write = request.startswith(b"PUT ")
            if self.mode == "hang" or (self.mode == "hang writes" and is_write):
                self._hanging.wait()
                return
            if self.mode == "refuse":
                return
            if self.mode == "error writes" and is_write:
                client.sendall(b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}")
                return
            answer = self._passed_on(request)
            if is_write and self.mode == "cut":
                client.sendall(answer[:20])
            elif is_write and self.mode == "202":
                client.sendall(answer.replace(b" 201 ", b" 202 ", 1))
            elif is_write and self.mode == "409":
                body = b'{"error":"conflict","reason":"Document update conflict."}'
                client.sendall(b"HTTP/1.1 409 Conflict\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            else:
                client.sendall(answer)

    def _received(self, client) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            part = client.recv(65536)
            if not part:
                return b""
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < length:
            body += client.recv(65536)
        return head + b"\r\nConnection: close\r\n\r\n" + body

    def _passed_on(self, request: bytes) -> bytes:
        with socket.create_connection(self._target) as upstream:
            upstream.sendall(request)
            return b"".join(iter(lambda: upstream.recv(65536), b""))

    def stop(self):
        self._hanging.set()
        self._listener.close()


@pytest.fixture
def nodes(couchdb_url):
    found = [Node(couchdb_url) for _ in range(3)]
    yield found
    for node in found:
        node.stop()


@pytest.fixture
def store(nodes):
    return CouchDBStore([node.url for node in nodes], timeout=TIMEOUT)


@pytest.fixture
def db(couchdb_url):
    name = new_db()
    CouchDBStore([couchdb_url], timeout=120).create_db(name)
    return name


@pytest.fixture
def direct(couchdb_url):
    return CouchDBStore([couchdb_url], timeout=120)


def coordinator(store, nodes, db):
    """The stand-in that requests about a database go to."""
    return next(node for node in nodes if store.coordinator(db).endswith(f":{node.port}"))


class TestWhichNode:
    URLS = ("http://a:1@n1.example.com:5984", "http://b:2@N2.example.com:5984/", "http://n3.example.com:15984")

    def test_instances_agree_whatever_the_order_and_the_passwords(self):
        one = Cluster(list(self.URLS), 5)
        other = Cluster(
            ["http://n3.example.com:15984/", "http://x:y@n1.example.com:5984", "http://n2.example.com:5984"], 5
        )
        databases = [f"account/{number:02x}/00/{number:028}" for number in range(300)]
        chosen = [one.coordinator(db).name for db in databases]
        assert chosen == [other.coordinator(db).name for db in databases]
        shares = Counter(chosen)
        assert len(shares) == 3 and min(shares.values()) > 60

    def test_without_a_node_only_its_databases_move(self):
        whole, smaller = Cluster(list(self.URLS), 5), Cluster(list(self.URLS[:2]), 5)
        for db in (f"db{number}" for number in range(200)):
            before = whole.coordinator(db).name
            assert before.startswith("n3") or smaller.coordinator(db).name == before

    def test_a_node_named_twice_counts_once(self):
        assert len(Cluster(["http://a:5984", "http://u:p@A:5984/"], 5).nodes) == 1


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_another_node_is_asked_and_the_others_do_not_wait(store, nodes, db, mode):
    revision = store.save_doc(db, {"_id": "d", "n": 1})
    first = coordinator(store, nodes, db)
    first.mode = mode
    assert store.open_doc(db, "d")["n"] == 1
    assert list(store.nodes().values()).count(False) == 1 and coordinator(store, nodes, db) is not first
    asked = first.asked
    for number in range(2, 6):
        revision = store.save_doc(db, {"_id": "d", "_rev": revision, "n": number})
        assert store.open_doc(db, "d")["n"] == number
    assert first.asked == asked
    first.mode = "pass"
    wait_until(lambda: all(store.nodes().values()), message="the node to be used again")
    assert coordinator(store, nodes, db) is first


def test_those_who_wait_for_a_node_are_answered_by_another(store, nodes, db):
    revision = store.save_doc(db, {"_id": "d", "n": 1})
    first = coordinator(store, nodes, db)
    first.mode = "hang"
    asked = first.asked
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: store.open_doc(db, "d")["n"], range(4)))
    assert answers == [1] * 4 and first.asked <= asked + 4
    assert store.save_doc(db, {"_id": "d", "_rev": revision, "n": 2})


@pytest.mark.parametrize("mode", ["cut", "hang writes", "error writes", "refuse"])
def test_the_fate_of_a_write_is_read_and_it_happens_once(store, nodes, db, mode):
    first = coordinator(store, nodes, db)
    revision = store.save_doc(db, {"_id": "old", "n": 1})
    first.mode = mode
    changed = store.save_doc(db, {"_id": "old", "_rev": revision, "n": 2})
    created = store.save_doc(db, {"_id": "new", "n": 1})
    gone = store.delete_doc(db, "new", created)
    assert changed.startswith("2-") and created.startswith("1-") and gone.startswith("2-")
    assert store.open_doc(db, "old")["n"] == 2 and store.revisions(db, "old") == [changed, revision]
    assert len(store.leaves(db, "old")) == 1 and store.find_doc(db, "new") is None


@pytest.mark.parametrize("mode", ["cut", "hang writes", "error writes"])
def test_a_lost_write_that_came_too_late_is_a_conflict(store, nodes, db, direct, mode):
    revision = store.save_doc(db, {"_id": "d", "n": 1})
    direct.save_doc(db, {"_id": "d", "_rev": revision, "n": 2})
    coordinator(store, nodes, db).mode = mode
    with pytest.raises(Conflict):
        store.save_doc(db, {"_id": "d", "_rev": revision, "n": 3})
    with pytest.raises(Conflict):
        store.save_doc(db, {"_id": "d", "n": 3})
    assert direct.open_doc(db, "d")["n"] == 2


def test_all_nodes_down_is_unavailable(nodes, db):
    store = CouchDBStore([node.url for node in nodes], timeout=1)
    for node in nodes:
        node.mode = "hang"
    for call in (lambda: store.open_doc(db, "d"), lambda: store.save_doc(db, {"_id": "d"})):
        # They hang for ever.
        with pytest.raises(Unavailable):
            call()
    gone = CouchDBStore([f"http://127.0.0.1:{free_port()}" for _ in range(2)], timeout=1)
    with pytest.raises(Unavailable):
        gone.open_doc(db, "d")


def test_a_write_that_was_refused_but_kept_is_found(store, nodes, db):
    revision = store.save_doc(db, {"_id": "d", "n": 1})
    coordinator(store, nodes, db).mode = "409"
    written = store.save_doc(db, {"_id": "d", "_rev": revision, "n": 2, "pvt_request_id": "mine"})
    assert store.open_doc(db, "d")["_rev"] == written


def test_a_write_that_few_copies_took_stays_unless_a_higher_leaf_is_there(store, nodes, db, direct):
    root = store.save_doc(db, {"_id": "d", **BASE})
    coordinator(store, nodes, db).mode = "202"
    written = store.save_doc(db, {"_id": "d", **BASE, "_rev": root, "name": "alone", "pvt_request_id": "mine"})
    assert store.open_doc(db, "d")["name"] == "alone"
    # As if another node had taken another write upon the same revision before.
    higher = {"start": 3, "ids": ["f" * 32, written.partition("-")[2]]}
    load(direct, db, {"_id": "d", **BASE, "name": "first", "_rev": "3-" + "f" * 32, "_revisions": higher})
    late = {"_id": "d", **BASE, "name": "late", "pvt_request_id": "late"}
    parent = {"start": 3, "ids": ["0" * 32, written.partition("-")[2]]}
    load(direct, db, {**late, "_rev": "3-" + "0" * 32, "_revisions": parent})
    assert settle_acceptance(store, db, {**late, "_rev": written}, "3-" + "0" * 32) is False
    assert [leaf.document["name"] for leaf in live_leaves(direct, db, "d")] == ["first"]


BASE = {"pvt_type": "sys_info", "pvt_modified": 10, "pvt_request_id": "r0", "name": "base"}


def branch(direct, db, doc_id, *changes):
    """A document with a leaf for each of these changes, made as replication makes them; their revisions."""
    root = direct.save_doc(db, {"_id": doc_id, **BASE})
    revisions = []
    for number, change in enumerate(changes):
        digest = f"{number + 1:032x}"
        revisions.append(f"2-{digest}")
        document = {"_id": doc_id, **BASE, **change}
        history = {"start": 2, "ids": [digest, root.partition("-")[2]]}
        load(direct, db, {**document, "_rev": f"2-{digest}", "_revisions": history})
    return revisions


def load(store, db, document):
    store._load(db, [document])


def live_leaves(store, db, doc_id):
    return living(store.leaves(db, doc_id))


class TestConflicts:
    def test_a_read_serves_the_winner_and_has_it_repaired(self, direct, db):
        branch(direct, db, "d", {"a": 1}, {"b": 2})
        seen = direct.open_doc(db, "d")
        assert seen["_rev"].startswith("2-") and "_conflicts" not in seen and seen.get("b") == 2 and "a" not in seen
        wait_until(lambda: len(live_leaves(direct, db, "d")) == 1, message="the repair")
        merged = direct.open_doc(db, "d")
        assert (merged["a"], merged["b"]) == (1, 2)

    def test_a_repair_is_told_like_any_write(self, couchdb_url, db):
        store, told = CouchDBStore([couchdb_url], timeout=120), []
        store.on_repair = lambda db, document: told.append((db, document))
        branch(store, db, "d", {"a": 1}, {"b": 2})
        store.repair(db, "d")
        assert told == [(db, store.open_doc(db, "d"))] and (told[0][1]["a"], told[0][1]["b"]) == (1, 2)
        store.repair(db, "d")
        assert len(told) == 1

    def test_a_write_builds_upon_all_leaves(self, direct, db):
        branch(direct, db, "d", {"a": 1}, {"b": 2}, {"c": 3})
        merged = direct.open_to_write(db, "d")
        assert (merged["a"], merged["b"], merged["c"], merged["name"]) == (1, 2, 3, "base")
        assert len(live_leaves(direct, db, "d")) == 1 and merged["_rev"].startswith("3-")
        direct.repair(db, "d")
        assert direct.open_doc(db, "d")["_rev"] == merged["_rev"]

    @pytest.mark.parametrize("times", [(20, 30), (30, 20)])
    def test_of_two_changes_of_one_member_the_later_counts_and_the_other_is_kept(self, direct, db, times):
        leaves = branch(direct, db, "d", *({"name": f"at {at}", "pvt_modified": at} for at in times))
        merged = direct.open_to_write(db, "d")
        assert (merged["name"], merged["pvt_modified"]) == ("at 30", 30)
        kept = [leaf for leaf in direct.leaves(db, "d") if leaf.is_deleted]
        (loser,) = [leaf for leaf in kept if leaf.document.get(LOST)]
        assert loser.document[LOST] == ["name"]
        # Whichever of them CouchDB showed before, the body of the earlier one is kept.
        assert loser.history[1] in leaves and loser.document["name"] == "at 20"

    def test_two_instances_at_once_write_the_same(self, couchdb_url, direct, db):
        branch(direct, db, "d", {"a": 1}, {"b": 2})
        stores = [CouchDBStore([couchdb_url], timeout=120) for _ in range(4)]
        threads = [threading.Thread(target=store.repair, args=(db, "d")) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        merged = direct.open_doc(db, "d")
        assert (merged["a"], merged["b"]) == (1, 2)
        assert len(live_leaves(direct, db, "d")) == 1

    def test_documents_of_others_are_left_alone(self, direct, db, monkeypatch):
        branch(direct, db, "d", {"a": 1, "pvt_type": "callflow"}, {"b": 2, "pvt_type": "callflow"})
        monkeypatch.setattr(direct, "repairs", True)
        monkeypatch.setattr(direct._repairs, "note", lambda *_: pytest.fail("a repair is planned"))
        assert "a" not in direct.open_to_write(db, "d")
        assert "a" not in direct.open_doc(db, "d")
        assert len(live_leaves(direct, db, "d")) == 2

    def test_a_refused_write_that_a_copy_kept_is_withdrawn(self, direct, db):
        root = direct.save_doc(db, {"_id": "d", **BASE})
        current = direct.save_doc(db, {"_id": "d", "_rev": root, **BASE, "name": "first"})
        refused = {"_id": "d", **BASE, "name": "second", "pvt_request_id": "mine"}
        history = {"start": 2, "ids": ["0" * 32, root.partition("-")[2]]}
        load(direct, db, {**refused, "_rev": "2-" + "0" * 32, "_revisions": history})
        with pytest.raises(Conflict):
            direct.save_doc(db, {**refused, "_rev": root})
        assert [leaf.revision for leaf in live_leaves(direct, db, "d")] == [current]

    @pytest.mark.parametrize("rank", ["0" * 32, "f" * 32])
    def test_of_several_writes_that_were_refused_and_kept_one_stays(self, direct, db, rank):
        """Each of three writers is refused, and a copy has kept each: they must not all be withdrawn."""
        root = direct.save_doc(db, {"_id": "d", **BASE})
        refused = []
        for digest in ("5" * 32, "6" * 32, rank):
            document = {"_id": "d", **BASE, "name": digest, "pvt_request_id": digest}
            history = {"start": 2, "ids": [digest, root.partition("-")[2]]}
            load(direct, db, {**document, "_rev": f"2-{digest}", "_revisions": history})
            refused.append({**document, "_rev": root})
        done = []
        for document in refused:
            try:
                done.append(direct.save_doc(db, document))
            except Conflict:
                continue
        highest = max(f"2-{document['name']}" for document in refused)
        assert done == [highest] and [leaf.revision for leaf in live_leaves(direct, db, "d")] == [highest]

    def test_a_repair_and_a_withdrawal_do_not_delete_all_leaves(self, couchdb_url, direct, db):
        """The repair replaces the leaf that another writer would withdraw, even if both leaves are equal."""
        revisions = branch(direct, db, "d", {"a": 1}, {"a": 1})
        direct.repair(db, "d")
        for revision in revisions:
            direct.save_leaves(db, [{"_id": "d", "_rev": revision, "_deleted": True}])
        assert direct.open_doc(db, "d")["a"] == 1

    def test_an_attachment_of_the_other_leaf_is_kept_with_it(self, direct, db):
        text = {"content_type": "text/plain", "data": "YQ=="}
        branch(direct, db, "d", {"a": 1, "_attachments": {"logo": text}}, {"b": 2})
        merged = direct.open_to_write(db, "d")
        assert (merged["a"], merged["b"]) == (1, 2) and "_attachments" not in merged
        (loser,) = [leaf for leaf in direct.leaves(db, "d") if leaf.document.get(LOST)]
        assert loser.document[LOST] == ["_attachments.logo"]
        # pouchdb-server drops the attachments of deleted leaves.
        if direct.engine().startswith("couchdb"):
            assert "logo" in loser.document["_attachments"]

    def test_without_the_common_revision_the_later_leaf_counts(self, direct, db):
        for number, at in ((1, 20), (2, 30)):
            load(direct, db, {"_id": "d", **BASE, "pvt_modified": at, f"m{number}": at, "_rev": f"1-{number:032x}"})
        merged = direct.open_to_write(db, "d")
        assert merged["m2"] == 30 and "m1" not in merged
        (loser,) = [leaf for leaf in direct.leaves(db, "d") if leaf.document.get(LOST)]
        assert loser.document["m1"] == 20 and "m1" in loser.document[LOST]

    def test_documents_with_leaves_are_found_in_pages(self, direct, db, monkeypatch):
        monkeypatch.setattr("app.store.couchdb.store.CHANGES_BATCH", 3)
        for number in range(8):
            direct.save_doc(db, {"_id": f"plain{number}"})
        branch(direct, db, "x", {"a": 1}, {"b": 2})
        branch(direct, db, "y", {"a": 1}, {"b": 2})
        assert sorted(direct.documents_with_leaves(db)) == ["x", "y"]


def test_a_node_in_maintenance_is_down(couchdb_url):
    body = json.dumps({"status": "maintenance_mode"}).encode()
    answers = {b"GET /_up": b"HTTP/1.1 404 Object Not Found\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)}
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            client, _ = listener.accept()
            with client:
                request = client.recv(65536)
                error = b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}"
                client.sendall(next((text for start, text in answers.items() if request.startswith(start)), error))

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    store = CouchDBStore([f"http://127.0.0.1:{port}", couchdb_url], timeout=TIMEOUT)
    for number in range(20):
        store.has_db(f"db{number}")
    assert store.nodes()[f"127.0.0.1:{port}"] is False
