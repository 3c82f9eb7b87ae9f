"""Documents over HTTP: what is stored, answered and refused (docs/kazoo/documents.md, sections 2 to 5)."""

import json

import pytest

from app.documents.clock import gregorian_now
from app.documents.names import account_db
from tests.support import RECORDINGS, server_with

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]
HEX32 = 32


def stored(world, person, doc_id):
    return world.store.open_doc(account_db(person.account_id), doc_id)


def test_the_recorded_documents(world, api, person):
    """After each step of the recording the store holds what Kazoo's CouchDB held."""
    recording = json.loads((RECORDINGS / "stored_documents.json").read_text())
    same = {
        recording["account_id"]: person.account_id,
        recording["realm"]: person.realm,
        recording["auth_user_id"]: person.user["_id"],
        "account%2Fca%2F9f%2Fa4dae02b9348309921691a5ff429": person.account["pvt_account_db"],
    }
    doc_id = None
    for step in recording["steps"]:
        path = f"/{doc_id}" if doc_id else ""
        headers = {"X-Request-ID": "req-0001"}
        answer = api.call(step["step"], path, step["request_data"], headers=headers).json()
        if doc_id is None:
            doc_id = answer["data"]["id"]
            same[step["answer"]["data"]["id"]] = doc_id
        wanted = json.loads(json.dumps(step))
        for recorded, ours in same.items():
            wanted = json.loads(json.dumps(wanted).replace(recorded, ours))
        got = stored(world, person, doc_id)
        for document in (wanted["stored"], got):
            assert document.pop("_rev").split("-")[0] == step["stored"]["_rev"].split("-")[0]
            for member in ("pvt_created", "pvt_modified"):
                assert document.pop(member) > 63_900_000_000
        assert got == wanted["stored"]
        assert answer["data"] == wanted["answer"]["data"]
        assert list(answer["data"]) == list(wanted["answer"]["data"])
        assert answer["revision"].split("-")[0] == step["answer"]["revision"].split("-")[0]


def test_times_are_gregorian_seconds(world, api, person):
    before = gregorian_now()
    doc_id = api.create()
    document = stored(world, person, doc_id)
    assert before <= document["pvt_created"] == document["pvt_modified"] <= gregorian_now()
    assert len(doc_id) == HEX32


def test_given_ids(api):
    created = api.call("PUT", data={"id": "my trunk?x", "name": "n"})
    assert created.headers["location"].endswith("/connectivity/my%20trunk%3Fx")
    for path in ("/my%20trunk%3Fx", "/my%2520trunk%253Fx"):
        assert api.call("GET", path).json()["data"] == created.json()["data"]
    assert api.call("PUT", data={"_id": "my trunk?x"}).status_code == 409
    assert api.call("DELETE", "/my%20trunk%3Fx").status_code == 200
    assert api.call("PUT", data={"id": "my trunk?x"}).status_code == 409
    settings = ("token_restrictions", "limits", "configs_crossbar.auth", "configs_\u2028x")
    for bad in ("_design/x", "_x", 5, ["x"], True, "a\nb", "x" * 256, *settings):
        refused = api.call("PUT", data={"id": bad}).json()
        assert refused["message"] == "validation error" and refused["data"]["id"]["invalid"]["value"] == bad
    assert api.call("PUT", data={"id": "x" * 255}).status_code == 201
    for none in ("", "0", "undefined", None, {}):
        assert len(api.call("PUT", data={"id": none}).json()["data"]["id"]) == HEX32


@pytest.mark.parametrize(
    ("doc_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("HQ Berlin", "HQ%20Berlin"),
        ("Zürich-日本", "Z%C3%BCrich-%E6%97%A5%E6%9C%AC"),
        ("50% off", "50%2525%20off"),
        ("a%2Fb", "a%25252Fb"),
        ('x?y#z"<>', "x%3Fy%23z%22%3C%3E"),
        ("+1 (415):@,;=!$&'*~", "+1%20(415):@,;=!$&'*~"),
    ],
)
def test_location_leads_to_a_document_of_any_given_id(base, api, doc_id, segment):
    created = api.call("PUT", data={"id": doc_id, "name": "given"})
    assert created.status_code == 201 and created.json()["data"]["id"] == doc_id
    assert created.headers["location"] == api.url(f"/{segment}").removeprefix(base)
    read = api.call("GET", f"/{segment}").json()["data"]
    assert read == created.json()["data"] and api.call("GET").json()["data"] == [doc_id]
    assert api.call("PATCH", f"/{segment}", {"name": "patched"}).json()["data"]["name"] == "patched"
    assert api.call("DELETE", f"/{segment}").status_code == 200
    assert api.call("GET", f"/{segment}").status_code == 404


def test_hard_delete_frees_the_id(world, api, person):
    doc_id = api.create()
    answer = api.call("DELETE", f"/{doc_id}?should_soft_delete=false")
    assert answer.json()["data"]["_read_only"] == {"deleted": True}
    assert world.store.find_doc(account_db(person.account_id), doc_id) is None
    assert api.call("GET", f"/{doc_id}").status_code == 404
    assert api.call("PUT", data={"id": doc_id, "name": "again"}).status_code == 201
    assert api.call("GET", f"/{doc_id}").json()["data"]["name"] == "again"


@pytest.mark.parametrize("value", ["=1", "=no", "=FALSE"])
def test_anything_but_true_deletes_wholly(world, api, person, value):
    doc_id = api.create()
    api.call("DELETE", f"/{doc_id}?should_soft_delete{value}")
    assert world.store.find_doc(account_db(person.account_id), doc_id) is None


@pytest.mark.parametrize("value", ["", "=true"])
def test_true_deletes_softly(world, api, person, value):
    doc_id = api.create()
    api.call("DELETE", f"/{doc_id}?should_soft_delete{value}")
    assert stored(world, person, doc_id)["pvt_deleted"] is True


def test_private_members_of_the_stored_document_survive_a_replace(world, api, person):
    doc_id = api.create({"name": "x"})
    document = stored(world, person, doc_id)
    world.store.save_doc(
        account_db(person.account_id), {**document, "pvt_node": "n", "old": 1, "pvt_other": {"a": 1}}
    )
    api.call("POST", f"/{doc_id}", {"pvt_node": "mine", "_rev": "9-x", "fresh": None})
    document = stored(world, person, doc_id)
    assert document["pvt_node"] == "n" and document["pvt_other"] == {"a": 1}
    assert "old" not in document and document["fresh"] is None and "name" not in document
    assert document["pvt_alphanum_name"] == "x"


def test_a_document_without_a_type_is_taken_as_one(world, api, person):
    world.store.save_doc(account_db(person.account_id), {"_id": "typeless", "name": "x"})
    assert api.call("GET", "/typeless").json()["data"]["name"] == "x"
    assert api.call("POST", "/typeless", {}).status_code == 200
    assert "pvt_type" not in stored(world, person, "typeless")
    assert "typeless" not in api.call("GET").json()["data"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("doc_id", ["_design%2Ftrunkstore", "_all_docs", "_local%2Fx", "%00"])
def test_ids_that_name_no_document(api, method, doc_id):
    assert api.call(method, f"/{doc_id}", None if method in ("GET", "DELETE") else {}).status_code in (400, 404)


def test_a_bad_body_wins_over_a_missing_document(api):
    for method in ("POST", "PATCH"):
        assert api.call(method, "/nope", {"name": 1}).status_code == 400
        assert api.call(method, "/nope", {"name": "x"}).status_code == 404


def test_a_document_without_account_is_hidden_from_the_list_alone(world, api, person):
    db = account_db(person.account_id)
    world.store.save_doc(db, {"_id": "hidden", "pvt_type": "sys_info", "servers": []})
    assert api.call("GET").json()["data"] == []
    assert api.call("GET", "/hidden").status_code == 200


def test_realm_follows_the_account(world, api, person):
    doc_id = api.create({"account": {"auth_realm": "mine.example", "x": 1}})
    assert api.call("GET", f"/{doc_id}").json()["data"]["account"] == {"auth_realm": person.realm, "x": 1}
    answer = api.call("PATCH", f"/{doc_id}", {"account": {"auth_realm": "mine.example"}})
    assert answer.json()["data"]["account"]["auth_realm"] == person.realm


def test_a_list_of_many_pages(api):
    ids = sorted(api.create() for _ in range(7))
    got, start = [], ""
    for _ in range(10):
        page = api.call("GET", f"?page_size=3{start}").json()
        got += page["data"][::-1]
        if "next_start_key" not in page:
            break
        start = f"&start_key={page['next_start_key']}"
    assert got == ids
    assert api.call("GET", "?paginate=false").json()["data"] == ids[::-1]
    assert api.call("GET", f"?page_size={'9' * 4300}").json()["data"] == ids[::-1]


def test_big_documents(api):
    servers = [server_with(*(f"+1628{server:03}{did:04}" for did in range(10))) for server in range(200)]
    doc_id = api.create({"servers": servers})
    got = api.call("GET", f"/{doc_id}").json()["data"]["servers"]
    assert [list(server["DIDs"]) for server in got] == [list(server["DIDs"]) for server in servers]


def test_numbers_round_trip_exactly(api):
    text = '{"data":{"big":123456789012345678901234567890,"whole":1000.0,"small":1e-7,"huge":1e21,"neg":-0.5}}'
    answer = api.session.put(api.url(), data=text, headers={"X-Auth-Token": api.token})
    assert '"big":123456789012345678901234567890,"whole":1000.0,"small":1e-7,"huge":1e+21,"neg":-0.5' in answer.text


def test_legacy_values_are_refused_by_default(world, api, person):
    doc_id = api.create({"servers": [server_with()]})
    document = stored(world, person, doc_id)
    document["servers"][0]["options"]["inbound_format"] = "e.164"
    world.store.save_doc(account_db(person.account_id), document)
    data = api.call("GET", f"/{doc_id}").json()["data"]
    refused = api.call("POST", f"/{doc_id}", data)
    assert refused.status_code == 400
    assert list(refused.json()["data"]) == ["servers.0.options.inbound_format"]
