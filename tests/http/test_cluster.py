"""A service on several nodes, and the commands for conflicts."""

import pytest
import requests

from app.documents.names import account_db
from app.store.couchdb.conflicts import LOST, losses
from tests import support
from tests.conftest import make_person
from tests.store.test_cluster import BASE, Node, branch, live_leaves
from tests.support import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine():
    """The embedded store has no nodes."""
    return "couchdb"


@pytest.fixture
def cluster(couchdb_url, world):
    """A service on three stand-ins for nodes: (nodes, server, client, log)."""
    nodes = [Node(couchdb_url) for _ in range(3)]
    environment = {**world.environment, "COUCHDB_URL": ",".join(node.url for node in nodes)}
    server = support.service(environment, workers=1).start()
    yield nodes, server, support.Api(server.url, make_person(world))
    server.stop()
    for node in nodes:
        node.stop()


def health(server, account_id=""):
    return requests.get(f"{server.url}/health", params={"account_id": account_id}, timeout=120).json()["store"]


def test_health_tells_which_nodes_are_up_and_which_coordinates(cluster):
    nodes, server, api = cluster
    account_id = api.person.account_id
    state = health(server, account_id)
    assert state["nodes"] == {f"127.0.0.1:{node.port}": "up" for node in nodes}
    assert set(state["coordinator"]) == {"accounts", account_db(account_id)}
    first = next(node for node in nodes if state["coordinator"][account_db(account_id)].endswith(f":{node.port}"))
    first.mode = "hang"
    doc_id = api.create({"name": "without it"})
    assert api.call("PATCH", f"/{doc_id}", {"a": 1}).status_code == 200
    state = health(server, account_id)
    assert state["state"] == "ok" and state["nodes"][f"127.0.0.1:{first.port}"] == "down"
    assert state["coordinator"][account_db(account_id)] != f"127.0.0.1:{first.port}"
    first.mode = "pass"
    support.wait_until(lambda: "down" not in health(server)["nodes"].values(), message="the node to be up again")


@pytest.mark.parametrize("mode", ["cut", "hang writes", "error writes", "409"])
def test_every_write_is_acknowledged_and_happens_once(cluster, world, mode):
    nodes, _, api = cluster
    db = account_db(api.person.account_id)
    doc_id = api.create({"name": "start"})
    coordinator = world.store.__class__([node.url for node in nodes]).coordinator(db)
    next(node for node in nodes if coordinator.endswith(f":{node.port}")).mode = mode
    tag = api.call("GET", f"/{doc_id}").headers["etag"]
    assert api.call("PATCH", f"/{doc_id}", {"a": 1}, headers={"If-Match": tag}).status_code == 200
    assert api.call("POST", f"/{doc_id}", {"b": 1}).status_code == 200
    assert api.create({"name": "created"})
    data = api.call("GET", f"/{doc_id}").json()["data"]
    assert data["b"] == 1 and "a" not in data
    assert len(world.store.revisions(db, doc_id)) == 3
    assert api.call("DELETE", f"/{doc_id}").status_code == 200
    assert api.call("GET", f"/{doc_id}").status_code == 404
    assert len(api.call("GET").json()["data"]) == 1


def test_a_patch_keeps_what_all_leaves_have(base, world):
    person = make_person(world)
    db = account_db(person.account_id)
    branch(world.store, db, "trunk", {"a": 1}, {"b": 2})
    answer = support.Api(base, person).call("PATCH", "/trunk", {"c": 3})
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["a"], data["b"], data["c"]) == (1, 2, 3)
    assert len(live_leaves(world.store, db, "trunk")) == 1


def test_conflicts_are_listed_and_repaired(world):
    person = make_person(world)
    account_id, db = person.account_id, account_db(person.account_id)
    first, shown = branch(world.store, db, "trunk", {"secret": "s3cret"}, {"b": {"c": 2}})
    both = ({"name": "old", "pvt_modified": 20}, {"name": "new", "pvt_modified": 30})
    branch(world.store, db, "torn", *both)
    branch(world.store, db, "foreign", *({"pvt_type": "callflow", "n": n} for n in (1, 2)))
    world.store.save_doc(db, {"_id": "whole", **BASE})

    listed = run(world.environment, "conflicts", "list", account_id)
    assert f"{account_id} trunk {first}: in conflict: secret\n" in listed
    assert "torn" in listed and "foreign" in listed and "whole" not in listed
    assert "s3cret" not in listed and listed.endswith("3 leaves in conflict, 0 deleted leaves with lost members\n")

    told = run(world.environment, "conflicts", "repair", account_id)
    assert f"{account_id} trunk: merged\n" in told and f"{account_id} foreign: left alone" in told
    assert told.endswith("2 documents repaired\n")
    trunk = world.store.open_doc(db, "trunk")
    assert trunk["secret"] == "s3cret" and trunk["b"] == {"c": 2}
    assert world.store.open_doc(db, "torn")["name"] == "new"
    assert len(live_leaves(world.store, db, "foreign")) == 2

    assert [leaf.document[LOST] for leaf in losses(world.store.leaves(db, "torn"))] == [["name"]]
    listed = run(world.environment, "conflicts", "list", "--all")
    assert f"{account_id} trunk" not in listed
    # The `_changes` of pouchdb-server leave out deleted leaves.
    if "torn" in world.store.documents_with_leaves(db):
        assert f"{account_id} torn" in listed and "deleted, lost: name\n" in listed
    assert run(world.environment, "conflicts", "list", account_id, "--all", code=2)
    assert "foreign" not in run(world.environment, "conflicts", "list", "--all", "--from", "numbers/")


def test_the_embedded_store_has_no_conflicts(tmp_path):
    environment = {"DATA_DIR": str(tmp_path)}
    account_id = run(environment, "create-account", "A", "--realm", "a.example.com").split()[1]
    assert run(environment, "conflicts", "list", account_id).startswith("0 leaves in conflict")
    assert run(environment, "conflicts", "repair", "--all") == "0 documents repaired\n"


def test_commands_that_write_warn_where_kazoo_is_not_told(world):
    account_id = make_person(world).account_id
    for arguments, warns in (
        (("reconcile-numbers", account_id), False),
        (("reconcile-numbers", account_id, "--apply"), True),
        (("conflicts", "list", account_id), False),
        (("conflicts", "repair", account_id), True),
        (("views", "check", "--account", account_id), False),
        (("views", "install", "--account", account_id), True),
        (("audit", account_id), False),
        (("audit", account_id, "--fix", "realm"), False),
        (("audit", account_id, "--fix", "realm", "--apply"), True),
        (("add-number", account_id, "+14155550177"), True),
    ):
        told = support.command_ended(world.environment, *arguments).stderr
        assert told.count("warning: without AMQP_URL") == warns, (arguments, told)
        told = support.command_ended({**world.environment, "AMQP_URL": "amqp://127.0.0.1:1"}, *arguments).stderr
        assert "without AMQP_URL" not in told
