"""The schemas of Kazoo's other nouns, in `system_schemas` (docs/kazoo/http.md, section 10)."""

import pytest
import requests

from tests import support

pytestmark = pytest.mark.slow

OWN = ["accounts", "api_auth", "connectivity", "phone_numbers", "user_auth", "users"]
DEVICES = {
    "_id": "devices",
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "properties": {"caller_id": {"$ref": "caller_id"}},
    "required": ["name"],
    "pvt_type": "schema",
}


@pytest.fixture
def kazoos(world):
    """The database as a Kazoo has it, with a schema of trunks that an operator changed."""
    changed = {"_id": "connectivity", "type": "object", "required": ["name"]}
    world.store.create_db("system_schemas", [{"_id": "_design/x", "views": {}}])
    documents = [DEVICES, changed, {"_id": "kapi.route", "type": "object"}]
    revisions = {document["_id"]: world.store.save_doc("system_schemas", document) for document in documents}
    yield
    # Workers keep the number of a database, so it stays.
    for doc_id, revision in revisions.items():
        world.store.delete_doc("system_schemas", doc_id, revision)


def ask(base, path="", method="GET", **more):
    answer = requests.request(method, f"{base}/v2/schemas{path}", timeout=120, **more)
    return answer.status_code, answer.json()


def test_without_kazoo_there_are_only_the_files(base):
    assert ask(base)[1]["data"] == OWN
    assert ask(base, "/devices")[0] == 404


def test_all_schemas_are_listed_and_shown(world, kazoos, base):
    assert ask(base)[1]["data"] == sorted([*OWN, "devices"])
    assert ask(base, "?internals=true")[1]["data"] == sorted([*OWN, "devices", "kapi.route"])
    status, envelope = ask(base, "/devices")
    shown = {name: value for name, value in DEVICES.items() if name not in ("_id", "pvt_type")}
    assert (status, envelope["data"]) == (200, {**shown, "id": "devices"})
    assert envelope["revision"] == world.store.open_doc("system_schemas", "devices")["_rev"]
    for name in ("nothing", "_design%2Fx", "_all_docs"):
        assert ask(base, f"/{name}")[0] == 404


def test_the_file_counts_for_trunks(kazoos, base):
    assert "servers" in ask(base, "/connectivity")[1]["data"]["properties"]
    assert ask(base, "/connectivity/validation", "PUT", json={"data": {}})[0] == 201


def test_a_schema_of_kazoos_validates_nothing_here(kazoos, base):
    status, envelope = ask(base, "/devices/validation", "PUT", json={"data": {"name": "x"}})
    assert (status, envelope["message"]) == (501, "validation by the schema devices is left to Kazoo")
    assert ask(base, "/nothing/validation", "PUT", json={"data": {}})[0] == 404


def test_a_start_says_which_schema_counts(world, kazoos, tmp_path):
    log = tmp_path / "log"
    server = support.service({**world.environment, "TEST_LOG": str(log)}).start()
    server.stop()
    assert "system_schemas/connectivity differs from the file in schemas/" in log.read_text("utf-8")


def test_a_start_without_kazoo_says_nothing_of_schemas(world, tmp_path):
    log = tmp_path / "log"
    server = support.service({**world.environment, "TEST_LOG": str(log)}).start()
    server.stop()
    assert "system_schemas" not in log.read_text("utf-8")
