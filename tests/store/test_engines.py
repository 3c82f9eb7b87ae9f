"""The contract, on both engines, and what only one of them has to keep."""

import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import pyuca
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store import LARGEST_DOCUMENT, Conflict, NotFound, TooLarge, Unavailable, javascript
from app.store.cache import DocumentCache
from app.store.couchdb.cluster import Call, Cluster
from app.store.couchdb.session import InvalidAnswer, Refusal, Session
from app.store.couchdb.store import CouchDBStore
from app.store.embedded import collation
from app.store.embedded.collation import sort_key
from app.store.embedded.store import EmbeddedStore
from app.store.javascript import MapFunctions
from tests.store.contract import Contract, new_db
from tests.support import ROOT, free_port, often, wait_until


@pytest.fixture(scope="module")
def embedded_store(tmp_path_factory):
    return EmbeddedStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def couchdb_store(couchdb_url):
    return CouchDBStore([couchdb_url], timeout=120)


class TestEmbedded(Contract):
    @pytest.fixture
    def store(self, embedded_store):
        return embedded_store

    def test_texts_collate_as_icu_has_them(self, store, db):
        punctuation = list("_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$")
        ordered = [*punctuation, "0", "9", "a", "A", "á", "aa", "b", "B", "ba", "Ba", "bb", "z", "Z", "日"]
        store.save_doc(db, {"_id": "d", "keys": ordered[::-1], "value": 0})
        assert [row.key for row in store.query_view(db, "test/by_key")] == ordered

    def test_a_document_that_is_too_large_changes_nothing(self, store, db):
        revision = store.save_doc(db, {"_id": "d", "a": 1})
        with pytest.raises(TooLarge):
            store.save_doc(db, {"_id": "d", "_rev": revision, "a": "é" * (LARGEST_DOCUMENT // 2)})
        assert store.open_doc(db, "d") == {"_id": "d", "_rev": revision, "a": 1}

    def test_equal_histories_have_equal_revisions(self, store):
        first, second = new_db(), new_db()
        for name in (first, second):
            store.create_db(name)
            revision = store.save_doc(name, {"_id": "d", "a": 1, "b": 2})
            store.save_doc(name, {"b": 2, "_id": "d", "_rev": revision, "a": 3})
        assert store.revisions(first, "d") == store.revisions(second, "d")

    def test_another_process_sees_what_this_one_wrote(self, store, db):
        store.save_doc(db, {"_id": "d", "n": 1})
        path = str(store._file._path.parent)
        script = (
            f'from app.store.embedded.store import EmbeddedStore as E; print(E({path!r}).open_doc({db!r}, "d")["n"])'
        )
        assert (
            subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True).stdout == "1\n"
        )

    def test_a_process_may_open_it_twice_and_loses_no_write(self, store, db):
        """SQLite's last connection deletes the log of writes, and asks the file's locks whether it is the last."""
        folder = store._file._path.parent
        EmbeddedStore(folder).close()
        script = f"from app.store.embedded.store import EmbeddedStore as E; s = E({str(folder)!r}); "
        alone = partial(subprocess.run, cwd=ROOT, check=True, capture_output=True, text=True)
        alone([sys.executable, "-c", script + f's.save_doc({db!r}, {{"_id": "theirs"}}); s.close()'])
        store.save_doc(db, {"_id": "mine"})
        told = alone([sys.executable, "-c", script + f'print(s.open_doc({db!r}, "mine")["_id"])'])
        assert told.stdout == "mine\n"

    def test_no_map_function_runs_on_a_read(self, store, db, monkeypatch):
        store.save_doc(db, {"_id": "d", "keys": ["a"], "value": 1})
        monkeypatch.setattr(store, "_maps", None)
        assert [row.key for row in store.query_view(db, "test/by_key")] == ["a"]


class TestCouchDB(Contract):
    @pytest.fixture
    def store(self, couchdb_store):
        return couchdb_store


def test_sort_keys_of_ascii_agree_with_the_whole_algorithm():
    texts = ["a", "A", "aB", "Ab", "a-b", "a b", "0", "", "~", "z_9", "áb", "ac", "日本", "b"]
    assert sorted(texts, key=sort_key) == sorted(texts, key=pyuca.Collator().sort_key)


COLLATOR = pyuca.Collator()


def key_by_the_whole_algorithm(text):
    """What `sort_key` has of a text that is not ASCII, without cutting it."""
    weights = COLLATOR.sort_key(text)
    return b"\x05" + b"".join(weight.to_bytes(2, "big") for weight in weights) + b"\0\0"


# Letters with contractions and with marks of many classes, and everything.
TRICKY = st.sampled_from(
    "aeLl·\u0387éẤṩ\u0301\u0323\u0327\u0338\u0345\u0f71\u0f72\u0f74\u0fb2\u0fb3"
    "เแกขํ\u0e4d\u0e32ເແກຂ\u0ecd\u0eb2ොෙ\u0dcf\u09c7\u09be\u0b92\u0bd7가각\u1100\u1161\u11a8日本\u20000\ufdd0\u00ad"
)
UNICODE = st.text(st.one_of(TRICKY, st.characters()), max_size=200).filter(lambda text: not text.isascii())


@pytest.mark.repeated
@given(UNICODE)
@settings(max_examples=often(200, 3000))
def test_sort_keys_agree_with_the_whole_algorithm(text):
    assert sort_key(text) == key_by_the_whole_algorithm(text)


@pytest.mark.parametrize("text", ["é", "日", "\u0301", "เ", "\u0f71\u0f72", "l·"])
def test_a_key_takes_time_in_proportion_to_its_text(text):
    """Counted as characters that the collation of a part has looked at, not in seconds."""
    looked_at = []

    def count(original):
        def counting(part):
            looked_at.append(len(part) ** 2)
            return original(part)

        return counting

    def work(length):
        looked_at.clear()
        collation._weights.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(collation, "_weights", count(collation._weights))
            sort_key(text * (length // len(text)))
        return sum(looked_at)

    assert work(20_000) <= 11 * work(2_000)


def test_a_text_of_marks_without_end_has_a_key_and_an_order():
    marks = ["a" + "\u0301" * count for count in (1, 150, 250, 5_000)]
    keys = [sort_key(text) for text in marks]
    assert sorted(keys) == keys and len(set(keys)) == len(keys)


def test_a_map_function_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr("app.store.javascript._SECONDS_A_DOCUMENT", 0.5)
    maps = MapFunctions()
    assert maps.rows(["function (doc) { while (true) {} }"], {"_id": "d"}) == [[]]
    assert maps.rows(["function (doc) { emit(doc._id); }"], {"_id": "d"}) == [[["d", "null"]]]


def test_what_is_remembered_is_forgotten_after_a_moment(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    store = EmbeddedStore(tmp_path)
    store.create_db("x")
    cache = DocumentCache(store, seconds=2)
    assert cache.find_doc("x", "d") is None
    revision = store.save_doc("x", {"_id": "d", "n": 1})
    assert cache.find_doc("x", "d") is None
    now[0] += 2.1
    assert cache.find_doc("x", "d")["n"] == 1
    store.save_doc("x", {"_id": "d", "_rev": revision, "n": 2})
    cache.forget("x", "d")
    assert cache.find_doc("x", "d")["n"] == 2


def test_what_was_read_before_it_was_forgotten_is_not_remembered(tmp_path):
    """Another thread saves the document, and has it forgotten, while this one reads."""
    store = EmbeddedStore(tmp_path)
    store.create_db("x")
    revision = store.save_doc("x", {"_id": "d", "n": 1})

    class Slow:
        def find_doc(self, db, doc_id):
            document = store.find_doc(db, doc_id)
            if document["n"] == 1:
                store.save_doc("x", {"_id": "d", "_rev": revision, "n": 2})
                cache.forget("x", "d")
            return document

    cache = DocumentCache(Slow())
    assert cache.find_doc("x", "d")["n"] == 1
    assert cache.find_doc("x", "d")["n"] == 2


class Rubbish:
    """A server that answers each connection, or each request, with the same bytes, after a while."""

    def __init__(self, answer: bytes, delay: float = 0, close: bool = True, repeat: bool = False):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._answer, self._delay, self._close, self._repeat = answer, delay, close, repeat
        self.connections = self.requests = self.closed = 0
        self.received = b""
        self._kept = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer_all, args=(connection,), daemon=True).start()

    def _answer_all(self, connection):
        self._answer_one(connection)
        while self._repeat and self._answer_one(connection):
            pass
        if self._close:
            connection.close()
            self.closed += 1
        else:
            self._kept.append(connection)

    def _answer_one(self, connection):
        received = connection.recv(65536)
        if not received and self._repeat:
            return False
        self.received = received
        self.requests += 1
        time.sleep(self._delay)
        connection.sendall(self._answer)
        return True

    def stop(self):
        self._listener.close()


def http_answer(status, body, content_type="application/json"):
    return f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff rubbish\r\n\r\n",
        http_answer("200 OK", "<html>", "text/html"),
        http_answer("200 OK", '{"half":'),
        http_answer("200 OK", ""),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}",
        http_answer("500 Oops", '{"error":"x","reason":"y"}'),
        http_answer("404 Not Found", "nginx", "text/html"),
        http_answer("401 Unauthorized", '{"error":"unauthorized","reason":"n"}'),
        http_answer("502 Bad Gateway", "<html>", "text/html"),
        http_answer("200 OK", '{"_id":"d","rev":"1-a"}') * 2,
        http_answer("301 Moved Permanently", "{}"),
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_every_kind_of_rubbish_is_unavailable(answer):
    server = Rubbish(answer)
    store = CouchDBStore([server.url], timeout=60)
    expected = (Unavailable, NotFound) if b"404" in answer else Unavailable
    with pytest.raises(expected):
        store.open_doc("db", "d")
    with pytest.raises(expected):
        store.save_doc("db", {"_id": "d"})
    server.stop()


def chunked(status, *parts):
    body = "".join(f"{len(part):x}\r\n{part}\r\n" for part in (*parts, ""))
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "answer",
    [
        http_answer("200 OK", '{"_id":"d","n":1}'),
        chunked("200 OK", '{"_id":"d",', '"n":1}'),
        b"HTTP/1.1 100 Continue\r\n\r\n" + http_answer("200 OK", '{"_id":"d","n":1}'),
        b'HTTP/1.1 200 OK\r\n\r\n{"_id":"d","n":1}',
        b'HTTP/1.0 200 OK\r\nServer: a proxy\r\n\r\n{"_id":"d","n":1}',
    ],
)
def test_an_answer_may_come_in_every_form_of_http(answer):
    server = Rubbish(answer)
    assert CouchDBStore([server.url], timeout=60).open_doc("db", "d") == {"_id": "d", "n": 1}
    server.stop()


def test_an_answer_larger_than_one_read():
    value = "x" * 1_000_000
    server = Rubbish(http_answer("200 OK", json.dumps({"_id": "d", "value": value})))
    assert CouchDBStore([server.url], timeout=60).open_doc("db", "d")["value"] == value
    server.stop()


@pytest.mark.parametrize("answer", [http_answer, chunked])
def test_an_error_is_known_however_it_comes(answer):
    server = Rubbish(answer("404 Object Not Found", '{"error":"not_found","reason":"missing"}'))
    with pytest.raises(NotFound):
        CouchDBStore([server.url], timeout=60).open_doc("db", "d")
    server.stop()
    server = Rubbish(answer("409 Conflict", '{"error":"conflict","reason":"Document update conflict."}'))
    with pytest.raises(Conflict):
        CouchDBStore([server.url], timeout=60).save_doc("db", {"_id": "d"})
    server.stop()


def test_a_document_that_couchdb_finds_too_large():
    server = Rubbish(http_answer("413 Request Entity Too Large", '{"error":"document_too_large","reason":"d"}'))
    with pytest.raises(TooLarge):
        CouchDBStore([server.url], timeout=60).save_doc("db", {"_id": "d"})
    server.stop()


def test_what_a_read_and_a_write_send():
    server = Rubbish(http_answer("201 Created", '{"_id":"d","rev":"1-a"}'), close=False, repeat=True)
    host = server.url.removeprefix("http://")
    store = CouchDBStore([f"http://jo%40x:p%3Aw@{host}/couch/"], timeout=60)
    store.open_doc("account/aa/bb/c", "a b/ü")
    head, _, body = server.received.decode().partition("\r\n\r\n")
    line, *headers = head.split("\r\n")
    assert line == "GET /couch/account%2Faa%2Fbb%2Fc/a%20b%2F%C3%BC?conflicts=true HTTP/1.1" and body == ""
    assert {f"Host: {host}", "Authorization: Basic am9AeDpwOnc=", "Accept: application/json"} <= set(headers)
    store.save_doc("db", {"_id": "d", "text": "ü"})
    head, _, body = server.received.decode().partition("\r\n\r\n")
    assert head.startswith("PUT /couch/db/d HTTP/1.1\r\n") and body == '{"text":"ü"}'
    assert {"Content-Type: application/json", "Content-Length: 13"} <= set(head.split("\r\n"))
    server.stop()


def test_a_connection_is_used_again_unless_the_server_says_otherwise():
    for more, connections in (("", 1), ("connection: close\r\n", 3)):
        answer = http_answer("200 OK", '{"_id":"d"}').replace(b"\r\n\r\n", b"\r\n" + more.encode() + b"\r\n")
        server = Rubbish(answer, close=False, repeat=True)
        store = CouchDBStore([server.url], timeout=60)
        for _ in range(3):
            store.open_doc("db", "d")
        assert (server.requests, server.connections) == (3, connections)
        server.stop()


def test_a_slow_server_is_unavailable_within_the_timeout():
    # It would answer after an hour.
    server = Rubbish(http_answer("200 OK", "{}"), delay=3600)
    with pytest.raises(Unavailable):
        CouchDBStore([server.url], timeout=0.5).open_doc("db", "d")
    server.stop()


def test_a_write_is_never_sent_twice():
    server = Rubbish(b"")
    with pytest.raises(Unavailable):
        CouchDBStore([server.url], timeout=60).save_doc("db", {"_id": "d"})
    assert server.requests == 1
    server.stop()


def test_a_connection_that_the_server_closed_is_not_written_to():
    server = Rubbish(http_answer("201 Created", json.dumps({"ok": True, "rev": "1-" + "0" * 32})))
    store = CouchDBStore([server.url], timeout=60)
    for number in range(5):
        assert store.save_doc("db", {"_id": f"d{number}"}).startswith("1-")
        wait_until(lambda number=number: server.closed == number + 1, message="a closed connection")
    assert server.requests == 5
    server.stop()


def test_the_next_server_is_asked_where_one_refuses(couchdb_url):
    store = CouchDBStore([f"http://127.0.0.1:{free_port()}", couchdb_url], timeout=120)
    db = new_db()
    store.create_db(db)
    store.save_doc(db, {"_id": "d"})
    with pytest.raises(Conflict):
        store.save_doc(db, {"_id": "d"})
    with pytest.raises(Unavailable):
        CouchDBStore([f"http://127.0.0.1:{free_port()}"], timeout=1).has_db("x")


@pytest.mark.parametrize("fault", [TypeError, AttributeError, KeyError, ValueError])
def test_a_fault_of_our_own_code_is_not_one_of_the_node(couchdb_url, fault):
    def decode(data):
        raise fault("ours")

    cluster = Cluster([couchdb_url, f"http://127.0.0.1:{free_port()}"], 5)
    with pytest.raises(fault, match="ours"):
        cluster.request(Call("GET", [], decode=decode))
    assert not next(node for node in cluster.nodes if node.name in couchdb_url).is_down


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        ('{"error":"forbidden","reason":"Why"}', "forbidden", "Why"),
        ('{"error":null}', "", ""),
        ("[1]", "", ""),
        ("<html>", "", ""),
        ("", "", ""),
    ],
)
def test_a_refusal_has_a_status_and_couchdbs_words(body, error, reason):
    server = Rubbish(http_answer("403 Forbidden", body))
    with pytest.raises(Refusal) as refused:
        Session(5).request("GET", f"{server.url}/db")
    server.stop()
    assert (refused.value.status, refused.value.error, refused.value.reason) == (403, error, reason)


@pytest.mark.parametrize("answer", [b"\x00 rubbish", http_answer("200 OK", "{}") * 2, b"HTTP/1.1 999999 x\r\n\r\n"])
def test_an_answer_that_makes_no_sense(answer):
    server = Rubbish(answer)
    with pytest.raises(InvalidAnswer, match="not HTTP"):
        Session(5).request("GET", f"{server.url}/db")
    server.stop()


def test_every_thread_finds_the_server_that_is_there():
    server = Rubbish(http_answer("200 OK", '{"_id":"d","_rev":"1-a"}'), repeat=True)
    gone = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    store = CouchDBStore([gone[0], server.url, gone[1]], timeout=120)

    def read(_):
        # As if all of them had just met the dead ones.
        for node in store.cluster.nodes:
            node.is_down = False
        return store.open_doc("db", "d")["_id"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(read, range(400))) == ["d"] * 400
    server.stop()


class TestWhatIsIndexed:
    """A view that fails takes no other with it, and no document grows the store without end."""

    HUNGRY = "function (doc) { var all = []; while (true) { all.push(new Array(1000000).fill(1.5)); } }"
    PLAIN = "function (doc) { emit(doc._id, 1); }"
    BROKEN = "function (doc) { emit(doc._id, 1); doc.a.b.c; }"

    def test_views_fail_alone(self, embedded_store):
        views = {"hungry": self.HUNGRY, "broken": self.BROKEN, "plain": self.PLAIN}
        design = {"_id": "_design/test", "views": {name: {"map": text} for name, text in views.items()}}
        db = new_db()
        embedded_store.create_db(db, [design])
        embedded_store.save_doc(db, {"_id": "d"})
        rows = {name: [row.key for row in embedded_store.query_view(db, f"test/{name}")] for name in views}
        assert rows == {"hungry": [], "broken": [], "plain": ["d"]}

    def test_what_would_emit_too_much_is_not_stored(self, embedded_store):
        amplifier = "function (doc) { for (var i in doc.keys) { emit(doc.keys[i], doc.value); } }"
        design = {"_id": "_design/test", "views": {"by_key": {"map": amplifier}}}
        db = new_db()
        embedded_store.create_db(db, [design])
        small = {"_id": "small", "keys": list(range(100)), "value": "x" * 20_000}
        large = {"_id": "large", "keys": list(range(1000)), "value": "x" * 20_000}
        embedded_store.save_doc(db, small)
        with pytest.raises(TooLarge):
            embedded_store.save_doc(db, large)
        assert embedded_store.find_doc(db, "large") is None
        assert len(list(embedded_store.query_view(db, "test/by_key"))) == 100

    def test_a_new_view_leaves_out_what_emits_too_much(self, embedded_store):
        amplifier = "function (doc) { for (var i in doc.keys) { emit(doc.keys[i], doc.value); } }"
        db = new_db()
        embedded_store.create_db(db, [])
        embedded_store.save_doc(db, {"_id": "large", "keys": list(range(1000)), "value": "x" * 20_000})
        embedded_store.save_doc(db, {"_id": "small", "keys": [1], "value": "x"})
        embedded_store.save_doc(db, {"_id": "_design/test", "views": {"by_key": {"map": amplifier}}})
        assert [row.id for row in embedded_store.query_view(db, "test/by_key")] == ["small"]


def test_a_document_that_a_view_refuses_is_not_half_written(tmp_path, monkeypatch):
    store = EmbeddedStore(tmp_path)
    store.create_db(
        "d", [{"_id": "_design/v", "views": {"n": {"map": "function (doc) { emit(doc.key, doc.key); }"}}}]
    )
    revision = store.save_doc("d", {"_id": "x", "key": "small"})
    monkeypatch.setattr(javascript, "MOST_EMITTED", 100)
    too_large = {"_id": "x", "_rev": revision, "key": "k" * 200}
    assert store.save_docs("d", [too_large, {"_id": "y", "key": "other"}]).keys() == {"y"}
    with pytest.raises(TooLarge):
        store.save_doc("d", too_large)
    _, error = store.save_with("d", {"_id": "z", "key": "more"}, "d", {**too_large, "_id": "x"})
    assert isinstance(error, TooLarge)
    assert store.open_doc("d", "x") == {"_id": "x", "_rev": revision, "key": "small"}
    assert [row.key for row in store.query_view("d", "v/n")] == ["more", "other", "small"]


@pytest.mark.parametrize(
    ("fault", "is_left_out"),
    [(Unavailable("a fault"), False), (Conflict("a fault"), False), (NotFound("gone"), True)],
)
def test_only_what_cannot_be_decoded_is_left_out(monkeypatch, fault, is_left_out):
    """A server that fails must not look like an empty database."""
    store = CouchDBStore(["http://127.0.0.1:1"])

    def read(path, params=None, decode=None):
        if path == ["d", "_all_docs"] and params["include_docs"] == "true":
            raise Unavailable("not JSON") from InvalidAnswer("not JSON")
        if path == ["d", "_all_docs"]:
            return [{"id": "x"}]
        raise fault

    monkeypatch.setattr(store, "_read", read)
    if is_left_out:
        assert list(store.iterate_docs("d")) == []
    else:
        with pytest.raises(type(fault)):
            list(store.iterate_docs("d"))
