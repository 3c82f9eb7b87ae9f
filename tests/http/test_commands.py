"""The command line, as an operator uses it."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tracemalloc
from functools import partial

import pytest
import requests

from app.accounts import save_aggregate
from app.accounts.system import prepare_store
from app.auth.credentials import users_with
from app.commands.documents import import_documents
from app.documents.names import account_db
from app.settings import Settings
from app.store.embedded.store import EmbeddedStore
from tests import support
from tests.conftest import make_person
from tests.support import run

pytestmark = pytest.mark.slow


def test_from_nothing_to_a_log_in(tmp_path):
    environment = {"DATA_DIR": str(tmp_path)}
    created = run(environment, "create-account", "First", "--realm", "first.example.com")
    first = created.split()[1]
    below = run(environment, "create-account", "Below", "--realm", "below.example.com", "--parent", first).split()[1]
    user = run(environment, "create-user", below, "Jo@Example.com", "--password-stdin", stdin="s3cret\n").split()[1]
    run(environment, "create-account", "Deep", "--realm", "deep.example.com", "--parent", below)
    store = EmbeddedStore(tmp_path)
    for db in ("accounts", account_db(first)):
        assert store.open_doc(db, first)["descendants_count"] == 2
    for db in ("accounts", account_db(below)):
        assert store.open_doc(db, below)["descendants_count"] == 1
    server = support.service(environment).start()
    try:
        credentials = support.credential_hash("jo@example.com", "s3cret")
        login = {"data": {"credentials": credentials, "account_name": "below"}}
        data = requests.put(f"{server.url}/v2/user_auth", json=login, timeout=120).json()["data"]
        assert (data["account_id"], data["owner_id"], data["reseller_id"]) == (below, user, first)
        assert data["is_master_account"] is False
    finally:
        server.stop()


def test_mistakes_are_one_line(tmp_path):
    environment = {"DATA_DIR": str(tmp_path)}
    first = run(environment, "create-account", "A", "--realm", "a.example.com").split()[1]
    for arguments, words in (
        (("create-account", "B", "--realm", "b.example.com"), "--parent"),
        (("create-account", "B", "--realm", "A.example.com", "--parent", first), "realm a.example.com is taken"),
        (("create-account", "a", "--realm", "b.example.com", "--parent", first), "name a is taken"),
        (("create-account", "B", "--realm", "b.example.com", "--parent", "f" * 32), "there is no account"),
        (("create-account", "", "--realm", "b.example.com", "--parent", first), "empty"),
        (("create-account", "B", "--realm", " ", "--parent", first), "no host name"),
        (("create-account", "B", "--realm", "not a host", "--parent", first), "no host name"),
        (("create-user", first, "x", "--password-stdin"), "the password is empty"),
        (("views", "check", "--account", "nope"), "there is no account nope"),
        (("views", "install", "--account", "f" * 32), "there is no account"),
        (("reconcile-numbers", "nope"), "there is no account nope"),
        (("import", "/nonexistent"), "No such file"),
    ):
        error = run(environment, *arguments, code=2 if "import" in arguments else 1)
        assert words.lower() in error.lower() and "Traceback" not in error, error
    for name in ("jörg", "user name@x.de", "x" * 257):
        error = run(environment, "create-user", first, name, "--password-stdin", stdin="s3cret\n", code=1)
        assert "username: " in error and ("Failed to match pattern" in error or "not be more than 256" in error)
    for url in ("javascript:alert(1)", "https://", "api.example.com"):
        arguments = ("create-user", first, "x", "--password-stdin", "--app", "pbxs", "--app-url", url)
        assert "http(s)://" in run(environment, *arguments, stdin="s3cret\n", code=1)
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"db": "x", "doc": {"_id": "a"}}\n{"db": "x"}\n')
    assert "broken.jsonl, line 2: expected" in run(environment, "import", str(broken), code=1)
    broken.write_bytes(b'\n{"db": "x", "doc": {"_id": "\xff"}}\n')
    assert "broken.jsonl, line 2: invalid_string" in run(environment, "import", str(broken), code=1)
    latin = run(environment, "create-user", first, "x", "--password-stdin", stdin="caf\udce9\n", code=1)
    assert "not UTF-8" in latin and "Traceback" not in latin


def test_a_start_that_cannot_be_is_one_line_that_names_the_reason(tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    port = str(taken.getsockname()[1])
    file = tmp_path / "file"
    file.touch()
    for setting, words in (
        ({"PORT": "x"}, "PORT"),
        ({"STRICT_TOKENS": "perhaps"}, "STRICT_TOKENS"),
        ({"WORKERS": "0"}, "WORKERS"),
        ({"DATA_DIR": str(file)}, str(file)),
        ({"COUCHDB_URL": "http://u:s3cret@127.0.0.1:1"}, "http://127.0.0.1:1: Connection refused"),
        ({"METRICS_PORT": port, "LOG_LEVEL": "ERROR", "PORT": str(support.free_port())}, f"METRICS_PORT {port}"),
    ):
        error = run({"DATA_DIR": str(tmp_path / "data"), **setting}, "serve", code=1)
        assert error.startswith("error: ") and words in error and error.count("\n") == 1, error
        assert "s3cret" not in error
    taken.close()


@pytest.mark.parametrize("missing", ["schemas", "couchdb_views"])
def test_it_does_not_start_without_its_files(tmp_path, missing):
    """A copy of the code and its data, but for one folder."""
    for folder in {"app", "schemas", "couchdb_views"} - {missing}:
        shutil.copytree(support.ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "app", "serve", "--port", "1"],
        env={**os.environ, **support.NO_SERVERS, "PYTHONPATH": str(tmp_path), "DATA_DIR": str(tmp_path / "data")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1 and f"no JSON files in {tmp_path / missing}" in ended.stderr, ended.stderr
    assert not (tmp_path / "data").exists()


def test_every_line_of_the_log_is_json(tmp_path):
    log = tmp_path / "log"
    server = support.service({"DATA_DIR": str(tmp_path), "LOG_LEVEL": "INFO", "TEST_LOG": str(log)}).start()
    server.stop()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("Listening at" in line["message"] for line in lines)
    # gunicorn warns of workers that it has to stop while they start.
    assert all(line["level"] in ("INFO", "WARNING", "ERROR") and line["time"] for line in lines)


def test_it_listens_on_ipv6(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    server = support.service({"DATA_DIR": str(tmp_path), "HOST": "::1"})
    server.url = server.url.replace("127.0.0.1", "[::1]")
    server.start()
    try:
        assert requests.get(f"{server.url}/health", timeout=120).status_code == 200
    finally:
        server.stop()


def test_export_and_import_keep_everything(tmp_path):
    fixtures = support.RECORDINGS / "fixtures.jsonl"
    first, second = {"DATA_DIR": str(tmp_path / "a")}, {"DATA_DIR": str(tmp_path / "b")}
    assert run(first, "import", str(fixtures)).splitlines()[-1].startswith("197 documents imported")
    exported = run(first, "export")
    run(second, "import", "-", stdin=exported)
    assert run(second, "export") == exported

    def without_stubs(lines):
        rows = {}
        for line in lines:
            row = json.loads(line)
            for attachment in row["doc"].get("_attachments", {}).values():
                for member in ("digest", "revpos", "length", "stub"):
                    attachment.pop(member, None)
            if not row["doc"]["_id"].startswith("_design/"):
                rows[row["db"], row["doc"]["_id"]] = row["doc"]
        return rows

    assert without_stubs(exported.splitlines()) == without_stubs(fixtures.read_text().splitlines())
    one = run(first, "export", "system_auth").splitlines()
    assert {json.loads(line)["db"] for line in one} == {"system_auth"}


def test_an_import_does_not_hold_its_file_in_memory(tmp_path, monkeypatch):
    file = tmp_path / "large.jsonl"
    text = "x" * 10_000
    file.write_text(
        "".join(json.dumps({"db": "d", "doc": {"_id": str(n), "text": text}}) + "\n" for n in range(2000))
    )
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    tracemalloc.start()
    try:
        import_documents.main([str(file)], standalone_mode=False)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < file.stat().st_size / 2
    assert len(run({"DATA_DIR": str(tmp_path / "data")}, "export", "d").splitlines()) == 2000


def test_a_first_start_makes_a_demonstration_and_a_second_keeps_it(tmp_path):
    environment = {"DATA_DIR": str(tmp_path), "TEST_LOG": str(tmp_path / "log")}
    server = support.service(environment, forked=False, demo=True).start()
    variables = dict(line.split("=", 1) for line in (tmp_path / "demo.env").read_text().splitlines())
    assert (tmp_path / "demo.env").stat().st_mode & 0o077 == 0
    try:
        pair = f"{variables['USER_NAME']}:{variables['PASSWORD']}"
        assert variables["CREDENTIALS"] == hashlib.md5(pair.encode()).hexdigest()
        login = {"data": {"credentials": variables["CREDENTIALS"], "account_name": "Demo"}}
        token = requests.put(f"{variables['URL']}/user_auth", json=login, timeout=120).json()["auth_token"]
        root = f"{variables['URL']}/accounts/{variables['ACCOUNT_ID']}/connectivity"
        created = requests.put(root, json={"data": {"name": "kept"}}, headers={"X-Auth-Token": token}, timeout=120)
        assert created.status_code == 201
        server.stop()
        server.start()
        assert requests.get(root, headers={"X-Auth-Token": token}, timeout=120).json()["data"] == [
            created.json()["data"]["id"]
        ]
    finally:
        server.stop()


@pytest.mark.parametrize("saves", range(8))
def test_a_first_start_that_was_cut_off_is_made_up_for(tmp_path, monkeypatch, saves):
    store, settings = EmbeddedStore(tmp_path), Settings(data_dir=tmp_path)
    save, left = store.save_doc, iter(range(saves))

    def save_some(db, document):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return save(db, document)

    with monkeypatch.context() as patch:
        patch.setattr(store, "save_doc", save_some)
        with pytest.raises(KeyboardInterrupt):
            prepare_store(store, settings, demo=True)
    prepare_store(store, settings, demo=True)
    demo = dict(line.split("=", 1) for line in (tmp_path / "demo.env").read_text().splitlines())
    (row,) = store.query_view("accounts", "accounts/listing_by_realm")
    assert row.id == demo["ACCOUNT_ID"]
    assert store.open_doc("system_config", "accounts")["default"]["master_account_id"] == row.id
    assert users_with(store, row.id, demo["CREDENTIALS"], "md5")


def test_an_account_is_saved_in_both_places_whoever_else_writes(tmp_path, monkeypatch):
    world = support.embedded_world(tmp_path).populate()
    account_id = world.master.account_id
    own = account_db(account_id)
    stored = world.store.open_doc(own, account_id) | {"ui_metadata": {"version": "1"}}
    stored["_rev"] = world.store.save_doc(own, stored)
    newer = {**stored, "ui_metadata": {"version": "2"}}
    save, others = world.store.save_doc, [{"billing": 1}, {"billing": 2}]

    def save_after_another(db, document):
        if others:
            save(db, {**world.store.open_doc(db, account_id), **others.pop()})
            if not others:
                save(own, newer)
        return save(db, document)

    monkeypatch.setattr(world.store, "save_doc", save_after_another)
    aggregate, is_new = save_aggregate(world.store, own, stored)
    assert not is_new and others == []
    assert world.store.open_doc("accounts", account_id) == aggregate
    assert aggregate["ui_metadata"] == {"version": "2"}


def check_views(world, *arguments, code):
    """The lines of `views check`, whose exit status tells whether anything was found."""
    ended = support.command_ended(world.environment, "views", "check", *arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout.splitlines()


OLD_MAP = "function(doc) { if (doc.pvt_type != 'x') return; var all = Iterator(doc.servers); for (var one in all) emit(1); }"
OWN_MAP = "function (doc) { emit(doc._id, 'strange'); }"


def test_views_are_checked_and_installed_on_request(world):
    person = make_person(world, "views")
    db = account_db(person.account_id)
    stock = world.store.open_doc(db, "_design/trunkstore")
    stock["views"]["lookup_did"] = {"map": OLD_MAP}
    del stock["views"]["lookup_user_flags"]
    world.store.save_doc(db, stock)
    users = world.store.open_doc(db, "_design/users")
    world.store.delete_doc(db, "_design/users", users["_rev"])
    found = check_views(world, "--account", person.account_id, code=1)
    assert set(found[:-1]) <= set(check_views(world, "--all", code=1))
    assert found[:-1] == [
        f"{db} trunkstore: view lookup_did uses Iterator(), which this CouchDB lacks: it is empty",
        f"{db} trunkstore: view lookup_user_flags is missing",
        f"{db} users: missing",
    ]
    assert found[-1].startswith("3 findings")
    assert world.store.open_doc(db, "_design/trunkstore")["views"]["lookup_did"]["map"] == OLD_MAP
    assert (
        run(world.environment, "views", "install", "--account", person.account_id).splitlines()[-1]
        == "2 design documents written"
    )
    assert check_views(world, "--account", person.account_id, code=0)[0].startswith("0 findings")
    assert "choose either" in run(world.environment, "views", "check", code=2)


# Names of a stock 4.3, which this service does not read.
FOREIGN = {
    "users": ("list_by_email", "list_by_hotdesk_id", "list_by_id"),
    "accounts": (
        "listing_by_id",
        "listing_by_ip",
        "listing_by_parent",
        "listing_by_simple_id",
        "list_by_whitelabel_domain",
    ),
}


@pytest.mark.parametrize("design", ["users", "accounts"])
def test_views_of_others_survive_an_installation(world, design):
    person = make_person(world, "foreign views")
    db = "accounts" if design == "accounts" else account_db(person.account_id)
    before = world.store.open_doc(db, f"_design/{design}")
    name = next(iter(before["views"]))
    strange = {
        **before,
        "views": {**before["views"], **{view: {"map": OWN_MAP, "reduce": "_count"} for view in FOREIGN[design]}},
        "filters": {"mine": "function (doc) { return true; }"},
        "validate_doc_update": "function () {}",
        "pvt_unknown": {"a": [1]},
    }
    strange["views"][name] = {"map": "function (doc) { emit(doc._id, 'wrong'); }"}
    strange["_rev"] = world.store.save_doc(db, strange)
    try:
        where = ("--all",) if design == "accounts" else ("--account", person.account_id)
        assert f"{db} {design}: written" in run(world.environment, "views", "install", *where)
        after = world.store.open_doc(db, f"_design/{design}")
        expected = {**strange, "_rev": after["_rev"], "views": {**strange["views"], name: before["views"][name]}}
        assert after == expected
        assert run(world.environment, "views", "install", *where) == "0 design documents written\n"
        assert world.store.open_doc(db, f"_design/{design}") == after
    finally:
        current = world.store.open_doc(db, f"_design/{design}")
        world.store.save_doc(db, {**before, "_rev": current["_rev"]})


def test_the_definition_that_kazoo_has_registered(world):
    ours = world.store.open_doc(account_db(world.master.account_id), "_design/trunkstore")["views"]
    views = {name: {"map": OLD_MAP} for name in ours} | {"strange": {"map": OWN_MAP}}
    del views["crossbar_listing"]
    definition = {"_id": "_design/trunkstore", "language": "javascript", "views": views}
    stock = {"_id": "account-kazoo_apps-trunkstore", "view_definition": definition, "pvt_type": "view_definition"}
    install = partial(run, world.environment, "views", "install", "--system")
    assert "start Kazoo" in install(code=1)
    world.store.create_db("system_data")
    revision = world.store.save_doc("system_data", stock)
    try:
        found = [line for line in check_views(world, "--all", code=1) if line.startswith("system_data")]
        assert len(found) == len(ours) and all("trunkstore: view " in line for line in found)
        assert "Aborted" in install(stdin="n\n", code=1)
        assert world.store.open_doc("system_data", stock["_id"])["_rev"] == revision
        shown = install(stdin="y\n")
        assert OLD_MAP in shown and ours["lookup_did"]["map"] in shown
        stored = world.store.open_doc("system_data", stock["_id"])["view_definition"]
        assert {name: view["map"] for name, view in stored["views"].items()} == {
            **{name: view["map"] for name, view in ours.items()},
            "strange": OWN_MAP,
        }
        assert stored["language"] == "javascript" and "nothing to write" in install()
        assert "as before" in install("--undo")
        restored = world.store.open_doc("system_data", stock["_id"])
        assert {**restored, "_rev": revision} == {**stock, "_rev": revision}
        assert "nothing to take back" in install("--undo", code=1)
        assert "written" in install("--yes")
    finally:
        world.store.delete_db("system_data")


def test_views_are_compared_by_their_rows(world):
    """Texts that differ mean nothing: only what they emit for the account's documents, and for made ones."""
    person = make_person(world, "rows")
    db = account_db(person.account_id)
    design = world.store.open_doc(db, "_design/trunkstore")
    listing = "function (doc) {\n  if (doc.pvt_deleted || doc.pvt_type != 'sys_info') return;\n"
    same = {"map": listing + "  emit(doc._id, {realm: doc.account.auth_realm});\n}", "reduce": "_count"}
    design["views"]["crossbar_listing"] = same
    design["_rev"] = world.store.save_doc(db, design)
    check = partial(check_views, world, "--account", person.account_id)
    assert check(code=0)[0].startswith("0 findings")
    design["views"]["crossbar_listing"] = {**same, "reduce": "_sum"}
    design["_rev"] = world.store.save_doc(db, design)
    assert check(code=1)[0] == f"{db} trunkstore: view crossbar_listing counts otherwise"
    own = listing + "  if (doc.name !== 'mine') emit(doc._id, {realm: doc.account.auth_realm});\n}"
    design["views"]["crossbar_listing"] = {**same, "map": own}
    design["_rev"] = world.store.save_doc(db, design)
    assert check(code=0)[0].startswith("0 findings")
    trunk = {"_id": "t", "pvt_type": "sys_info", "name": "mine", "account": {"auth_realm": "r"}}
    world.store.save_doc(db, trunk)
    assert check(code=1)[0] == f"{db} trunkstore: view crossbar_listing has other rows for t"
    design["views"]["crossbar_listing"] = {**same, "map": "function (doc) { emit(doc._id, 1); }"}
    world.store.save_doc(db, design)
    assert "has other rows for made-" in check(code=1)[0]


def test_a_missing_view_is_a_503_that_says_so(world, base):
    person = make_person(world, "viewless")
    api = support.Api(base, person)
    db = account_db(person.account_id)
    design = world.store.open_doc(db, "_design/trunkstore")
    world.store.delete_doc(db, "_design/trunkstore", design["_rev"])
    answer = api.call("GET")
    assert (
        answer.status_code == 503
        and answer.json()["message"] == "datastore missing view"
        and answer.json()["data"] == {}
    )
    assert world.store.find_doc(db, "_design/trunkstore") is None


@pytest.mark.either_engine
def test_metrics_are_summed_over_the_workers(world):
    port = support.free_port()
    server = support.service({**world.environment, "METRICS_PORT": str(port)}, workers=3, forked=False).start()
    try:
        for _ in range(60):
            requests.get(f"{server.url}/v2/schemas", timeout=120)
        wanted = 'connectivity_requests_total{noun="schemas",status="200",verb="GET"} 60.0'
        support.wait_until(
            lambda: wanted in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=120).text, message=wanted
        )
        assert requests.get(f"{server.url}/metrics", timeout=120).headers["content-type"].startswith("text/plain")
        healthy = requests.get(f"{server.url}/health", timeout=120)
        assert healthy.status_code == 200 and healthy.json()["broker"] == "none"
    finally:
        server.stop()


def test_a_worker_that_ends_is_replaced_and_what_it_counted_is_kept(tmp_path):
    world = support.embedded_world(tmp_path).populate()
    port = support.free_port()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**world.environment, "METRICS_PORT": str(port), "TMPDIR": str(scratch)}
    server = support.service(environment, workers=2).start()

    def is_replaced(gone):
        return len({*server.pids()[1:], gone}) == 3

    try:
        for sign in (signal.SIGTERM, signal.SIGABRT):
            for _ in range(30):
                requests.get(f"{server.url}/v2/schemas", timeout=120)
            gone = server.pids()[1]
            # What it says about the present, in a file that it has not written to yet.
            present = next(scratch.glob("*/counter_*.db")).with_name(f"gauge_livemax_{gone}.db")
            present.touch()
            assert requests.get(f"http://127.0.0.1:{port}/metrics", timeout=120).status_code == 200
            os.kill(gone, sign)
            support.wait_until(partial(is_replaced, gone), message="a new worker in the place of the old one")
            assert not present.exists()
        wanted = 'connectivity_requests_total{noun="schemas",status="200",verb="GET"} 60.0'
        support.wait_until(
            lambda: wanted in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=120).text, message=wanted
        )
    finally:
        server.stop()
    assert not list(scratch.iterdir())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no processor affinity on this system")
@pytest.mark.parametrize("pinned", [True, False])
def test_workers_keep_to_one_processor_each_unless_told_otherwise(tmp_path, pinned):
    run({"DATA_DIR": str(tmp_path)}, "create-account", "First", "--realm", "first.example.com")
    available = len(os.sched_getaffinity(0))
    of_each, of_both = (1, min(2, available)) if pinned else (available, available)
    server = support.service({"DATA_DIR": str(tmp_path), "PIN_WORKERS": str(pinned)}, workers=2).start()

    def are_placed(gone=None):
        workers = server.pids()[1:]
        if len({*workers, gone}) != 3:
            return False
        processors = [os.sched_getaffinity(worker) for worker in workers]
        return [len(one) for one in processors] == [of_each] * 2 and len(set.union(*processors)) == of_both

    try:
        support.wait_until(are_placed, message="two workers, each in its place")
        for _ in range(2):
            gone = server.pids()[1]
            os.kill(gone, signal.SIGKILL)
            support.wait_until(partial(are_placed, gone), message="a new worker in the place of the old one")
    finally:
        server.stop()


class TestWhatUisNeed:
    """`add-number`, `set-app-url` and `create-user --app` instead of documents written by hand."""

    @pytest.fixture
    def environment(self, tmp_path):
        return {"DATA_DIR": str(tmp_path)}

    @pytest.fixture
    def account_id(self, environment):
        return run(environment, "create-account", "First", "--realm", "first.example.com").split()[1]

    def log_in(self, server, name, password):
        login = {"data": {"credentials": support.credential_hash(name, password), "account_name": "first"}}
        return requests.put(f"{server.url}/v2/user_auth", json=login, timeout=120).json()

    def test_numbers(self, environment, account_id):
        added = run(environment, "add-number", account_id, "4155550100", "+14155550101", "14155550100")
        assert added.split() == ["+14155550100", "+14155550101"]
        other = ("--carrier", "other", "--cnam", "ACME")
        assert run(environment, "add-number", account_id, "+14155550102", *other).split() == ["+14155550102"]
        store = EmbeddedStore(environment["DATA_DIR"])
        document = store.open_doc("numbers/+1415", "+14155550102")
        assert document["cnam"] == {"display_name": "ACME"}
        assert document["pvt_features"] == {"outbound_cnam": {"display_name": "ACME"}}
        assert document["pvt_db_name"] == "numbers%2F%2B1415"
        copy = store.open_doc(account_db(account_id), "+14155550102")
        assert {**copy, "_rev": ""} == {**document, "_rev": ""}
        local = store.open_doc("numbers/+1415", "+14155550100")
        assert (local["pvt_state"], local["pvt_module_name"]) == ("in_service", "knm_local")
        assert local["pvt_features"] == {"local": {}}
        for arguments, words in (
            (("+14155550109", "+14155550100"), "+14155550100 is already in the system"),
            (("+14155550109", "office"), "office is not a telephone number"),
            (("+14155550109", "--cnam", "ACME"), "local number"),
            (("+14155550109", "--carrier", "other", "--cnam", "a name of over fifteen"), "1 to 15 characters"),
        ):
            assert words in run(environment, "add-number", account_id, *arguments, code=1)
        assert "there is no account" in run(environment, "add-number", "f" * 32, "+14155550109", code=1)
        assert store.find_doc("numbers/+1415", "+14155550109") is None

    def test_a_user_sees_the_connector_in_either_ui(self, environment, account_id):
        made = run(
            environment,
            *("create-user", account_id, "Jo", "--password-stdin", "--app", "pbxs"),
            *("--app-url", "https://api.example.com/v2/"),
            stdin="s3cret\n",
        )
        assert "https://api.example.com/v2/" in made and "https://api.example.com/v1" in made
        server = support.service(environment).start()
        try:
            login = self.log_in(server, "jo", "s3cret")
            (app,) = login["data"]["apps"]
            assert (app["name"], app["api_url"]) == ("pbxs", "https://api.example.com/v2/")
            account = f"{server.url}/v1/accounts/{account_id}"
            token = {"X-Auth-Token": login["auth_token"]}
            user = requests.get(f"{account}/users/{login['data']['owner_id']}", headers=token, timeout=120).json()
            app_of_user = {"label": "PBX Connector", "icon": "device", "default": True}
            assert user["data"]["apps"]["pbxs"] == app_of_user | {"api_url": "https://api.example.com/v1"}
            listed = requests.get(f"{account}/apps_store", headers=token, timeout=120).json()
            assert [one["id"] for one in listed["data"]] == [app["id"]]
            run(environment, "set-app-url", "pbxs", "http://new.example.com", "--user", f"{account_id}/JO")
            (moved,) = self.log_in(server, "jo", "s3cret")["data"]["apps"]
            assert moved == app | {"api_url": "http://new.example.com/v2/"}
            user = requests.get(f"{account}/users/{login['data']['owner_id']}", headers=token, timeout=120).json()
            assert user["data"]["apps"]["pbxs"] == app_of_user | {"api_url": "http://new.example.com/v1"}
        finally:
            server.stop()

    def test_an_address_that_is_there_stays(self, environment, account_id):
        run(environment, "set-app-url", "pbxs", "https://api.example.com")
        made = run(
            environment | {"PBXS_API_URL": "https://other.example.com/v2"},
            *("create-user", account_id, "Jo", "--password-stdin", "--app", "pbxs"),
            stdin="s3cret\n",
        )
        assert made.splitlines()[1:] == ["pbxs for jo: https://other.example.com/v1"]

    def test_mistakes_are_one_line(self, environment, account_id):
        for arguments, words in (
            (("pbxs", "api.example.com"), "http(s)://"),
            (("pbxs", "http://[x"), "http(s)://"),
            (("pbxs", "https://api.example.com:99999"), "http(s)://"),
            (("pbxs", "https://api.example.com", "--user", f"{account_id}/nobody"), "there is no user nobody"),
            (
                ("pbxs", "https://api.example.com", "--user", "nobody"),
                "name the account too, as in ACCOUNT_ID/nobody",
            ),
        ):
            error = run(environment, "set-app-url", *arguments, code=1)
            assert words in error and error.count("\n") == 1
        run(environment, "set-app-url", "voip", "https://api.example.com", code=2)
