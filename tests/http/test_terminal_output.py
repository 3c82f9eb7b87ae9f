"""What others wrote is shown to an operator with its control characters visible, by every command."""

import contextlib
import json
import sqlite3
import unicodedata

import pytest

from app.commands import cli
from app.documents.names import account_db, encoded, number_db
from app.numbers.documents import new_number
from app.store.embedded.store import FILE_NAME
from tests import support
from tests.conftest import make_person
from tests.http.test_compare import in_data, proxy_of

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

# The title of a terminal, a line of its own, a colour in one character, a deletion, a line's end, and right to left.
EVIL = "\x1b]0;owned\x07\r\nforged line\x9b31m\x7f\u2028\u202e"
SHOWN = "]0;owned"
OLD_FORMAT = {"options": {"enabled": True, "inbound_format": "E.164"}}


def harmful(text):
    """The characters of a text that do something to a terminal, but for line feeds."""
    return {one for one in text if one != "\n" and unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")}


def printed(environment, *arguments, **more):
    """What a command told, on both streams."""
    ended = support.command_ended(environment, *arguments, **more)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.stdout + ended.stderr


def check(told):
    assert SHOWN in told, told
    assert harmful(told) == set(), told
    assert not any(line.startswith("forged") for line in told.split("\n")), told


@pytest.fixture
def evil(world, person):
    """An account with a name, a trunk and a user that are all hostile; its id and the trunk's."""
    db = account_db(person.account_id)
    for place in (db, "accounts"):
        world.store.save_doc(place, {**world.store.open_doc(place, person.account_id), "name": f"Evil {EVIL}"})
    server = {
        **support.server_with(f"+1{EVIL}", auth_user=f"pbx{EVIL}"),
        "server_name": f"pbx{EVIL}",
        **OLD_FORMAT,
    }
    trunk = {
        "_id": f"trunk {EVIL}",
        "pvt_type": "sys_info",
        "pvt_account_id": person.account_id,
        "pvt_account_db": encoded(db),
        "account": {"auth_realm": f"realm{EVIL}"},
        "servers": [server, {**server, "auth": {"auth_method": "IP", "ip": EVIL, "auth_user": "x"}}],
        f"member{EVIL}": EVIL,
    }
    world.store.save_doc(db, trunk)
    return person.account_id, trunk["_id"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_audit_prints_no_controls(world, evil, form):
    check(printed(world.environment, "audit", evil[0], *form))


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_audit_that_repairs_prints_no_controls(world, evil, form):
    check(printed(world.environment, "audit", evil[0], "--fix", "inbound-format", "--fix", "realm", *form))


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_history_prints_no_controls(world, evil, person, form):
    environment, (account_id, trunk_id) = {**world.environment, "HISTORY": "true"}, evil
    server = support.service(environment).start()
    try:
        api = support.Api(server.url, person)
        doc_id = api.create({f"member{EVIL}": EVIL, "servers": [support.server_with(f"+1{EVIL}")]})
        members = {f"member{EVIL}": f"other{EVIL}", f"more{EVIL}": 1, "servers": []}
        assert api.call("PATCH", f"/{doc_id}", members).status_code == 200
    finally:
        server.stop()
    db = account_db(account_id)
    world.store.save_doc(db, {**world.store.open_doc(db, doc_id), "pvt_auth_user_id": EVIL, "name": EVIL})
    check(printed(environment, "history", account_id, doc_id, *form))
    assert harmful(printed(environment, "history", account_id, trunk_id, *form)) == set()


def test_history_repeats_no_controls_in_its_errors(world, evil):
    environment, (account_id, _) = {**world.environment, "HISTORY": "true"}, evil
    check(printed(environment, "history", account_id, f"none {EVIL}"))
    db = account_db(account_id)
    old = {"_id": "old", "pvt_type": "sys_info", "servers": EVIL, "account": {}}
    revision = world.store.save_doc(db, old)
    check(printed(environment, "history", account_id, "old", "--restore", revision))


def test_views_check_prints_no_controls(world, evil):
    db = account_db(evil[0])
    design = world.store.open_doc(db, "_design/trunkstore")
    source = design["views"]["crossbar_listing"]["map"]
    design["views"]["crossbar_listing"]["map"] = source.replace(
        "emit(", "if (doc._id.indexOf('trunk ') !== 0) emit(", 1
    )
    world.store.save_doc(db, design)
    check(printed(world.environment, "views", "check", "--account", evil[0]))


def test_reconcile_numbers_prints_no_controls(world, person):
    number = "+16505559001"
    world.store.create_db(number_db(number))
    document = new_number(number, person.account_id, "knm_local") | {"pvt_used_by": f"app{EVIL}"}
    world.store.save_doc(number_db(number), document)
    trunk = {"_id": "t", "pvt_type": "sys_info", "account": {}, "servers": [support.server_with(number)]}
    world.store.save_doc(account_db(person.account_id), trunk)
    check(printed(world.environment, "reconcile-numbers", person.account_id))


@pytest.mark.parametrize("action", ["list", "repair"])
def test_conflicts_prints_no_controls(world, person, action):
    if world.store.is_embedded:
        pytest.skip("the embedded store has no conflicts")
    private = {"_id": f"trunk {EVIL}", "pvt_type": "sys_info", "pvt_account_id": person.account_id}
    leaves = [{**private, "_rev": f"1-{letter * 32}", f"member{EVIL}": letter} for letter in "ab"]
    for leaf in leaves:
        world.store.load_docs(account_db(person.account_id), [leaf])
    check(printed(world.environment, "conflicts", action, person.account_id))


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_compare_prints_no_controls(world, base, person, form):
    api = support.Api(base, person)
    doc_id = api.create({"name": f"one{EVIL}", f"member{EVIL}": 1})
    change = in_data(lambda data: {**data, "name": f"two{EVIL}", f"member{EVIL}": 2, f"more{EVIL}": 3})
    with proxy_of(base) as proxy:
        proxy.changes.append((f"/v2/accounts/{person.account_id}/connectivity/{doc_id}", change))
        login = ("--api-key", person.account["pvt_api_key"])
        check(printed({}, "compare", base, proxy.url, *login, "--account", person.account_id, *form))


@pytest.mark.parametrize(
    "document",
    [
        {"_id": f"_bad{EVIL}"},
        {"_id": "x", f"_bad{EVIL}": 1},
        {"_id": "x", "_attachments": {EVIL: {}}},
        {"_id": "x", "_attachments": {EVIL: {"data": "?"}}},
    ],
)
def test_import_repeats_no_controls_in_its_errors(tmp_path, document):
    lines = json.dumps({"db": "d", "doc": document}) + "\n"
    check(printed({"DATA_DIR": str(tmp_path)}, "import", "-", stdin=lines))


def test_export_repeats_no_controls_in_its_warnings(tmp_path):
    world = support.embedded_world(tmp_path)
    world.store.create_db("d")
    world.store.save_doc("d", {"_id": f"x{EVIL}"})
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as file, file:
        file.execute("UPDATE documents SET body = 'damaged'")
    check(printed(world.environment, "export", "d"))


def test_set_app_url_prints_no_controls(tmp_path):
    world = support.embedded_world(tmp_path).populate()
    url = "https://api.example.com/" + EVIL.replace("\r\n", "")
    check(printed(world.environment, "set-app-url", "pbxs", url))


def test_arguments_that_are_refused_are_repeated_without_controls(world, person):
    number = f"x{EVIL}"
    for arguments in (
        ("add-number", person.account_id, number),
        ("create-account", EVIL, "--realm", "r.example.com", "--parent", EVIL),
        ("create-account", "Other", "--realm", f"r{EVIL}", "--parent", world.master.account_id),
        ("history", EVIL, "x"),
    ):
        told = printed({**world.environment, "HISTORY": "true"}, *arguments)
        assert harmful(told) == set(), told


def test_a_user_name_that_is_refused_is_not_repeated(world):
    person = make_person(world)
    told = printed(world.environment, "create-user", person.account_id, EVIL, "--password-stdin", stdin="secret\n")
    assert "username" in told and harmful(told) == set()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_lists_print_no_controls(world, form):
    person = make_person(world)
    account_id, db = person.account_id, account_db(person.account_id)
    user = {"pvt_type": "user", "username": f"jo{EVIL}", "priv_level": f"admin{EVIL}", "email": EVIL, "enabled": True}
    world.store.save_doc(db, {"_id": f"user{EVIL}", **user})
    trunk = {"pvt_type": "sys_info", "name": f"HQ{EVIL}", "servers": [], "account": {}}
    world.store.save_doc(db, {"_id": f"trunk{EVIL}", **trunk})
    world.store.save_doc(db, {"_id": f"gone{EVIL}", **trunk, "pvt_deleted": True})
    account = world.store.open_doc("accounts", account_id)
    world.store.save_doc("accounts", {**account, "name": f"name{EVIL}"})
    check(printed(world.environment, "accounts", "list", *form))
    check(printed(world.environment, "users", "list", account_id, *form))
    for more in ([], ["--deleted"]):
        check(printed(world.environment, "trunks", "list", account_id, *more, *form))


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_explain_prints_no_controls(world, person, form):
    db, user = account_db(person.account_id), "pbx\u2028\u202e\x1b]0;owned\x07"
    for place in (db, "accounts"):
        world.store.save_doc(place, {**world.store.open_doc(place, person.account_id), "name": f"Acme{EVIL}"})
    server = support.server_with(f"+1{EVIL}", auth_user=user, auth_password=user)
    trunk = {"pvt_type": "sys_info", "account": {"auth_realm": person.realm}, "servers": [server]}
    world.store.save_doc(db, {"_id": f"trunk{EVIL}", **trunk})
    check(printed(world.environment, "explain", "--register", f"{user}@{person.realm}", *form))
    check(printed(world.environment, "explain", "--from", f"{user}@{person.realm}", "--to", "911", *form))
    assert harmful(printed(world.environment, "explain", EVIL, *form)) == set()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_simulate_prints_no_controls(world, person, form, tmp_path):
    user = "pbx\u2028\u202e\x1b]0;owned\x07"
    server = support.server_with(f"+1{EVIL}", auth_user=user, auth_password="secret", options={})
    (tmp_path / "trunk.json").write_text(json.dumps({"servers": [server]}))
    arguments = ["simulate", str(tmp_path / "trunk.json"), "--account", person.account_id, *form]
    check(printed(world.environment, *arguments))
    (tmp_path / "trunk.json").write_text(json.dumps({"servers": EVIL}))
    assert harmful(printed(world.environment, *arguments)) == set()


@pytest.mark.parametrize("arguments", [("set-password", EVIL, EVIL), ("rotate-api-key", EVIL)])
def test_new_secrets_repeat_no_controls_in_their_errors(world, arguments):
    told = printed(world.environment, *arguments, stdin="secret\n")
    assert "there is no account" in told and harmful(told) == set()


def test_every_command_is_among_these():
    """`serve` writes JSON, whose controls are escaped."""
    fed = {
        "explain",
        "simulate",
        "audit",
        "history",
        "views",
        "reconcile-numbers",
        "conflicts",
        "compare",
        "import",
        "export",
        "set-app-url",
        "add-number",
        "create-account",
        "create-user",
        "set-password",
        "rotate-api-key",
        "accounts",
        "users",
        "trunks",
        "numbers",
    }
    assert set(cli.commands) == fed | {"serve"}
    listed = {noun: set(cli.commands[noun].commands) for noun in ("accounts", "users", "trunks", "numbers")}
    assert listed == {
        "accounts": {"list", "create", "rotate-api-key"},
        "users": {"list", "create", "set-password"},
        "trunks": {"list", "history"},
        "numbers": {"add", "reconcile"},
    }
