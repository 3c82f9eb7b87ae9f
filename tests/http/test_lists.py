"""Commands that list accounts, users and trunks, and those that give new secrets."""

import pytest
import requests

from app.auth.credentials import credential_hash
from app.documents.names import account_db
from tests import support

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]


@pytest.fixture(scope="module")
def base(world):
    """A service that keeps versions."""
    server = support.service({**world.environment, "HISTORY": "true"}).start()
    yield server.url
    server.stop()


def listed(world, *arguments):
    return support.json_lines(support.run(world.environment | {"HISTORY": "true"}, *arguments, "--json"))


def test_accounts(world, person):
    (line,) = (line for line in listed(world, "accounts", "list") if line["id"] == person.account_id)
    assert line == {
        "id": person.account_id,
        "name": person.account["name"],
        "realm": person.realm,
        "parent_id": world.master.account_id,
    }
    shown = support.run(world.environment, "accounts", "list")
    assert f"{person.account_id}  {person.account['name']}  {person.realm}  {world.master.account_id}\n" in shown


def test_users(world, person):
    assert listed(world, "users", "list", person.account_id) == [
        {"id": person.user["_id"], "username": person.user["username"], "priv_level": "admin", "email": None}
    ]
    assert "there is no account" in support.run(world.environment, "users", "list", "f" * 32, code=1)


def test_trunks_and_those_that_were_deleted(world, person, api):
    account_id = person.account_id
    kept = api.create(
        {"name": "kept", "servers": [support.server_with("+14155550100", "+14155550101"), support.server_with()]}
    )
    soft, hard = api.create({"name": "soft"}), api.create({"name": "hard"})
    assert api.call("PATCH", f"/{hard}", {"name": "harder"}).ok
    assert api.call("DELETE", f"/{soft}").ok
    assert api.call("DELETE", f"/{hard}?should_soft_delete=false").ok
    trunk = {"account_id": account_id, "servers": 0, "numbers": 0}
    assert listed(world, "trunks", "list", account_id) == [
        {**trunk, "id": kept, "name": "kept", "servers": 2, "numbers": 2}
    ]
    gone = listed(world, "trunks", "list", account_id, "--deleted")
    expected = {soft: "soft", hard: "harder"}
    assert {line["id"]: line for line in gone} == {
        each: {**trunk, "id": each, "name": name} for each, name in expected.items()
    }
    assert [line["id"] for line in gone] == [line["id"] for line in api.call("GET", "?deleted=true").json()["data"]]
    everywhere = listed(world, "trunks", "list")
    assert [line["id"] for line in everywhere if line["account_id"] == account_id] == [kept]
    assert f"{account_id}  {kept}  kept  2 servers  2 numbers\n" in support.run(world.environment, "trunks", "list")
    # What is listed as deleted can be brought back.
    (_, last, *_) = listed(world, "history", account_id, hard)
    support.run(world.environment | {"HISTORY": "true"}, "history", account_id, hard, "--restore", last["revision"])
    assert api.call("GET", f"/{hard}").json()["data"]["name"] == "harder"
    assert [line["id"] for line in listed(world, "trunks", "list", account_id, "--deleted")] == [soft]


def test_a_new_password(world, base, person):
    api = support.Api(base, person)
    arguments = ("set-password", person.account_id, person.user["username"].upper(), "--password-stdin")
    assert support.run(world.environment, *arguments, stdin="another one\n") == ""
    assert api.login().status_code == 401
    support.wait_until(lambda: api.call("GET").status_code == 401, message="the old token to end")
    user = world.store.open_doc(account_db(person.account_id), person.user["_id"])
    assert user["username"] == person.user["username"] and "password" not in user
    by_name = {"credentials": credential_hash(user["username"], "another one"), "account_realm": person.realm}
    assert requests.put(f"{base}/v2/user_auth", json={"data": by_name}, timeout=120).status_code == 201
    for arguments, words in (
        ((person.account_id, "nobody"), "there is no user nobody"),
        (("f" * 32, "nobody"), "there is no account"),
    ):
        error = support.run(world.environment, "users", "set-password", *arguments, "--password-stdin", code=1)
        assert words in error and "Traceback" not in error
    assert "no terminal" in support.run(
        world.environment, "set-password", person.account_id, person.user["username"], code=1
    )


def test_a_new_api_key(world, base, person):
    def log_in(key):
        return requests.put(f"{base}/v2/api_auth", json={"data": {"api_key": key}}, timeout=120).status_code

    old = world.store.open_doc("accounts", person.account_id)["pvt_api_key"]
    assert log_in(old) == 201
    new = support.run(world.environment, "accounts", "rotate-api-key", person.account_id).split()[-1]
    assert len(new) == 64 and log_in(new) == 201 and log_in(old) == 404
    own = world.store.open_doc(account_db(person.account_id), person.account_id)
    assert own["pvt_api_key"] == new and own["name"] == person.account["name"]


@pytest.mark.parametrize(
    ("grouped", "alone"),
    [
        (("accounts", "create"), "create-account"),
        (("accounts", "rotate-api-key"), "rotate-api-key"),
        (("users", "create"), "create-user"),
        (("users", "set-password"), "set-password"),
        (("numbers", "add"), "add-number"),
        (("numbers", "reconcile"), "reconcile-numbers"),
        (("trunks", "history"), "history"),
    ],
)
def test_a_command_has_its_old_name_too(grouped, alone):
    def texts(*arguments):
        return support.run({}, *arguments, "--help").splitlines()[1:]

    assert texts(*grouped) == texts(alone) != []
