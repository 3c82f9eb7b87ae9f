"""`explain` on both engines: the recordings, and what a person reads."""

import itertools
import json
from urllib.parse import urlencode

import pytest

from app.documents.names import account_db, encoded, number_db
from app.routing import Outcome, Views
from app.store.cache import DocumentCache
from app.trunks import knowledge
from tests import support
from tests.conftest import make_person
from tests.recordings import calls

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

# Of the recorded cases: `make test-long` loads all of them.
EVERY = support.often(12, 1)


def explained(world, *arguments, code):
    """What `explain` told, and the same as JSON."""
    environment = world.environment
    ended = support.command_ended(environment, "explain", *arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    as_json = support.command_ended(environment, "explain", *arguments, "--json")
    assert as_json.returncode == code
    return ended.stdout, json.loads(as_json.stdout) if code < 2 else None


def assigned(world, person, number, state="in_service"):
    world.store.create_db(number_db(number))
    document = {"_id": number, "pvt_type": "number", "pvt_state": state, "pvt_assigned_to": person.account_id}
    world.store.save_doc(number_db(number), document)


@pytest.fixture
def number(world, person):
    """A number of the account."""
    made = f"+1650555{int(person.account_id[:8], 16) % 10**4:04}"
    assigned(world, person, made)
    return made


def trunk(person, **server):
    return {
        "_id": "t",
        "pvt_type": "sys_info",
        "pvt_account_id": person.account_id,
        "pvt_account_db": encoded(account_db(person.account_id)),
        "account": {"auth_realm": person.realm},
        "servers": [server],
    }


def test_a_number_that_rings_and_one_that_does_not(world, person, number):
    db = account_db(person.account_id)
    server = support.server_with(number, auth_user="pbx", auth_password="a long password")
    stored = trunk(person, **server)
    stored["_rev"] = world.store.save_doc(db, stored)
    told, told_json = explained(world, number.removeprefix("+1"), code=0)
    assert f"it rings at pbx@{person.realm}, dialled as {number[2:]} (npan)" in told and "hang up" in told
    assert told_json["account_id"] == person.account_id and told_json["document_id"] == "t"
    assert told_json["target"]["to_user"] == "pbx" and told_json["then"]["route"] == "hangup"

    second = world.store.save_doc(db, {**trunk(person, **server), "_id": "u"})
    assert f"but number-twice: DIDs.{number}: {number} is also in" in explained(world, number, code=0)[0]
    world.store.delete_doc(db, "u", second)

    stored["servers"][0]["options"] = {"enabled": False}
    world.store.save_doc(db, stored)
    told, told_json = explained(world, number, code=1)
    assert "the server is off (7): t servers.0.options.enabled" in told and "it does not go through" in told
    assert told_json["steps"][-1]["path"] == "servers.0.options.enabled"
    assert "not in the system" in explained(world, "+16509999999", code=1)[0]


def test_who_may_register_and_call_out(world, person, number):
    db, asked = account_db(person.account_id), f"PBX@{person.realm.upper()}"
    server = support.server_with(number, auth_user="pbx", auth_password="pbx")
    stored = trunk(person, **server)
    stored["_rev"] = world.store.save_doc(db, stored)
    told, told_json = explained(world, "--register", asked, code=0)
    assert (
        "it may register" in told
        and "but password: servers.0.auth.auth_password: the password is the user name" in told
    )
    assert told_json["route"] == "ok" and '"pbx"' not in json.dumps(told_json["target"])
    told, _ = explained(world, "--from", f"pbx@{person.realm}", "--to", "14155551212", code=0)
    assert "it goes to the carriers as +14155551212" in told and "the caller gets 686" in told
    assert "does not go out" in explained(world, "--from", f"pbx@{person.realm}", "--to", "411", code=1)[0]
    del stored["servers"][0]["options"]
    world.store.save_doc(db, stored)
    assert "it may not register" in explained(world, "--register", asked, code=1)[0]
    assert "no account has this realm" in explained(world, "--register", "pbx@nowhere.example.org", code=1)[0]
    assert "not in trunks" in explained(world, "--ip", "192.0.2.1", code=1)[0]


@pytest.fixture(scope="module")
def explaining(world):
    server = support.service({**world.environment, "EXPLAIN": "true"}).start()
    yield server.url
    server.stop()


def asked(api, trunk_id, code=200, **query):
    answer = api.call("GET", f"/{trunk_id}/calls?{urlencode(query)}")
    assert answer.status_code == code, answer.text
    return answer.json()["data"]


def test_the_api_explains_the_calls_of_an_account(world, explaining, person, number):
    api = support.Api(explaining, person)
    server = support.server_with(number, auth_user="pbx", auth_password="a long password", options={})
    trunk_id = api.create({"servers": [server]})
    told = asked(api, trunk_id, to=number[2:])
    assert told["text"] == f"it rings at pbx@{person.realm}, dialled as {number[2:]} (npan)"
    assert (told["route"], told["document_id"], told["then"]["route"]) == ("bridge", trunk_id, "hangup")
    told = asked(api, trunk_id, register="PBX")
    assert told["route"] == "ok" and told["steps"][-1]["path"] == "servers.0.auth.auth_password"
    assert "a long password" not in json.dumps(told)
    told = asked(api, trunk_id, **{"from": "pbx", "to": "+14155551212"})
    assert (told["route"], told["target"]["caller_id"]["name"]) == ("offnet", "pbx")
    for query in ({}, {"from": "pbx"}, {"register": "pbx", "to": number}, {"to": "1" * 256}):
        assert asked(api, trunk_id, code=400, **query)["to"]
    asked(api, "nowhere", code=404, to=number)
    assert (
        support.Api(explaining, make_person(world))
        .call("GET", f"/{trunk_id}/calls?to=1", account_id=person.account_id)
        .status_code
        == 403
    )


def test_nothing_of_another_account_is_told(world, explaining, person):
    other = make_person(world)
    api = support.Api(explaining, person)
    trunk_id = api.create({"servers": []})
    for position, state in enumerate(("in_service", "aging")):
        theirs = f"+1650556{int(other.account_id[:8], 16) % 1000:03}{position}"
        assigned(world, other, theirs, state)
        told = asked(api, trunk_id, to=theirs)
        assert told["why"] == "the number is not of this account" and other.account_id not in json.dumps(told)


def test_without_the_setting_there_are_no_calls(base, person):
    api = support.Api(base, person)
    answer = api.call("GET", f"/{api.create()}/calls?to=1")
    assert answer.status_code == 404 and answer.json()["message"] == "not_found"


@pytest.mark.repeated
def test_recorded_calls_through_the_api(world, explaining):
    """Documents and numbers are stored; what comes back is compared with what a real Kazoo did."""
    cases = calls.cases(support.ROOT / "tests/recordings/calls.jsonl")
    count = 0
    for case in itertools.islice(cases, 0, None, EVERY):
        api = support.Api(explaining, world.master)
        owner = stored_case(world, case)
        passwords = {document["_id"]: document for document in case["documents"]}
        for each in case["calls"]:
            call = each["call"]
            if call["kind"] == "from ip" or "account" in call:
                continue
            answer = api.call("GET", f"/zz/calls?{urlencode(query_of(call))}", account_id=owner)
            assert answer.status_code == 200, answer.text
            # Of the account's id, which a dynamic flag may name, the recording has a placeholder.
            told = json.loads(answer.text.replace(owner, calls.THIS))["data"]
            found = calls.computed(call["kind"], outcome_of(told, passwords))
            assert found == calls.recorded(call["kind"], each["outcome"]), (case["case"], call)
            count += 1
        for known in case["numbers"]:
            if stored := world.store.find_doc(number_db(known), known):
                world.store.delete_doc(number_db(known), known, stored["_rev"])
    assert count > 100


def stored_case(world, case):
    """A new account with the documents and numbers of a case, and with an empty trunk; its id."""
    owner, other = make_person(world).account_id, make_person(world).account_id
    db, recorded = account_db(owner), calls.system_of(case)
    restriction = {"call_restriction": recorded.account.get("call_restriction", {})}
    world.store.save_doc(db, {**world.store.open_doc(db, owner), **case["account"], **restriction})
    empty = {"_id": "zz", "pvt_type": "sys_info", "servers": []}
    world.store.load_docs(db, [{**one, "_rev": f"1-{'a' * 32}"} for one in (*recorded.documents, empty)])
    owners = {"this": owner, "other": other}
    for known, members in case["numbers"].items():
        world.store.create_db(number_db(known))
        if old := world.store.find_doc(number_db(known), known):
            world.store.delete_doc(number_db(known), known, old["_rev"])
        if members["state"] is not None:
            document = {"_id": known, "pvt_type": "number", "pvt_state": members["state"], **members}
            assigned_to = owners.get(members["assigned_to"])
            world.store.save_doc(
                number_db(known), document | ({"pvt_assigned_to": assigned_to} if assigned_to else {})
            )
    return owner


def query_of(call):
    """A recorded call as a question to the API."""
    if call["kind"] == "register":
        return {"register": call["user"], "realm": call["realm"]}
    names = {"user": "from"} if call["kind"] != "inbound" else {}
    kept = ("to", "user", "realm", "cid_name", "cid_number", "from_account")
    return {names.get(name, name): call[name] for name in kept if call.get(name) is not None}


def outcome_of(told, documents):
    """What the API told. It names the member that has the password, which whoever may read the trunk can read."""
    target = dict(told["target"])
    if told["route"] == "ok":
        *_, step = told["steps"]
        found = documents[step["document_id"]]
        for name in step["path"].split("."):
            # Servers may be in an object.
            found = found[int(name)] if isinstance(found, list) else found.get(name)
        target["password"] = found
    then = outcome_of(told["then"], documents) if told["then"] else None
    return Outcome(told["route"], told["why"], told["document_id"], target, then)


def test_what_a_save_would_change(world, person, number, tmp_path):
    db, file = account_db(person.account_id), tmp_path / "trunk.json"
    server = support.server_with(number, auth_user="pbx", auth_password="a long password", options={})

    def simulated(document, *more, code=1):
        file.write_text(json.dumps(document))
        ended = support.command_ended(world.environment, "simulate", str(file), *more)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return (ended.stdout or ended.stderr).splitlines()

    place = f"pbx@{person.realm}"
    new = {"account": {"auth_realm": person.realm}, "servers": [server]}
    rings, registers, *_ = simulated(new)
    assert rings.startswith(f"number {number} rings at {place} (trunk ") and registers == "user pbx can register"
    before = world.store.dump_docs(db)
    assert not [document for document in before if document.get("pvt_type") == "sys_info"]

    stored = trunk(person, **server)
    stored["_rev"] = world.store.save_doc(db, stored)
    assert simulated({"data": {**new, "id": "t"}}, code=0) == ["nothing changes for any number or PBX"]
    moved = {**server, "auth": {**server["auth"], "auth_user": "other"}}
    assert simulated({**new, "servers": [moved]}, "--id", "t") == [
        f"number {number} stops ringing at {place} (trunk t), rings at other@{person.realm} (trunk t)",
        "user other can register",
        "user pbx can register no more: no server of a live trunk lets this user in",
    ]
    off = {**stored, "servers": [{**server, "options": {"enabled": False}}]}
    told = [json.loads(line) for line in simulated(off, "--json")]
    assert told == [
        {"kind": "number", "subject": number, "text": f"stops ringing at {place} (trunk t): options.enabled"}
    ]
    assert "the schema refuses this trunk" in simulated({**new, "servers": "x"}, code=2)[0]
    assert "there is no trunk nowhere" in simulated(new, "--id", "nowhere", code=2)[0]
    assert "no account has the trunk's realm" in simulated({"servers": []}, code=2)[0]
    assert "no JSON object" in simulated([], code=2)[0]


def test_a_repair_and_a_restore_tell_what_changes(world, person, number):
    db = account_db(person.account_id)
    server = support.server_with(number, auth_user="pbx", auth_password="a long password", options={})
    wrong = trunk(person, **server) | {"account": {"auth_realm": "wrong.example.com"}}
    wrong["_rev"] = world.store.save_doc(db, wrong)
    change = f"stops ringing at pbx@wrong.example.com (trunk t), rings at pbx@{person.realm} (trunk t)"
    for mode, code in (("--dry-run", 1), ("--apply", 0)):
        ended = support.command_ended(world.environment, "audit", person.account_id, "--fix", "realm", mode)
        assert ended.returncode == code and f"    number {number} {change}" in ended.stdout, ended.stdout
    environment = {**world.environment, "HISTORY": "true"}
    right = world.store.open_doc(db, "t")
    versions = support.service(environment).start()
    try:
        api = support.Api(versions.url, person)
        assert api.call("PATCH", "/t", data={"servers": []}).status_code == 200
    finally:
        versions.stop()
    told = support.run(environment, "history", person.account_id, "t", "--restore", right["_rev"])
    assert told.startswith(f"number {number} rings at pbx@{person.realm} (trunk t)\nuser pbx can register\n")


def test_questions_that_are_none(world):
    for arguments in (
        (),
        ("+14155550100", "--ip", "192.0.2.1"),
        ("--from", "a@b"),
        ("--to", "911"),
        ("--register", "a"),
    ):
        assert "Error: " in support.run(world.environment, "explain", *arguments, code=2)
    nothing = {"COUCHDB_URL": f"http://127.0.0.1:{support.free_port()}"}
    assert support.run(nothing, "explain", "+14155550100", code=2).startswith("error: http://127.0.0.1:")


@pytest.mark.repeated
def test_recorded_calls_from_stored_documents(world):
    """The documents are loaded and read again. What stays in memory is who has the numbers."""
    cases = calls.cases(support.ROOT / "tests/recordings/calls.jsonl")
    for case in itertools.islice(cases, 0, None, EVERY):
        person = make_person(world)
        db = account_db(person.account_id)
        account = world.store.open_doc(db, person.account_id)
        recorded = calls.system_of(case)
        world.store.save_doc(
            db, {**account, **case["account"]} | {"call_restriction": recorded.account.get("call_restriction", {})}
        )
        world.store.load_docs(db, [{**document, "_rev": f"1-{'a' * 32}"} for document in recorded.documents])
        cache = DocumentCache(world.store, ("a@b", "local", "default"))
        read = knowledge.system_of(world.store, cache, person.account_id)
        assert read.views is Views.OURS
        for call, expected, found in calls.replayed(case, read):
            assert expected == found, (case["case"], call)
