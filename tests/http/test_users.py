"""What UIs keep in a user: POST and PATCH of `/accounts/{ACCOUNT_ID}/users/{USER_ID}`."""

import pytest
import requests

from app.documents.names import account_db
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]


def users_of(base: str, caller: support.Person, account_id: str | None = None) -> support.Users:
    """A client of an account's users, by default those of the caller's account."""
    return support.Users(base, account_id or caller.account_id, support.Api(base, caller).token)


@pytest.fixture(scope="module")
def base(engine, service_on, world_on):
    """A service beside a Kazoo: it does not manage users."""
    server = support.service({**world_on(engine).environment, "MANAGE_USERS": "false"}).start()
    yield server.url
    server.stop()


@pytest.fixture
def users(base, person):
    return users_of(base, person)


@pytest.fixture
def user_id(person):
    return person.user["_id"]


def stored(world, person, user_id=None):
    return world.store.open_doc(account_db(person.account_id), user_id or person.user["_id"])


def test_a_post_sets_what_uis_keep_and_leaves_the_rest(world, users, person, user_id):
    sent = users("GET", user_id).json()["data"] | {"ui_help": {"myaccount": {"seen": True}}, "language": "fr-FR"}
    answer = users("POST", user_id, sent)
    assert answer.status_code == 200
    assert answer.json()["data"]["ui_help"] == {"myaccount": {"seen": True}}
    assert answer.json()["data"]["vm_to_email_enabled"] is True
    document = stored(world, person)
    assert (document["ui_help"], document["language"]) == ({"myaccount": {"seen": True}}, "fr-FR")
    assert document["pvt_md5_auth"] == person.user["pvt_md5_auth"]
    assert document["pvt_created"] == person.user["pvt_created"]
    assert document["pvt_auth_user_id"] == user_id
    assert document["_rev"].startswith("2-")
    assert users("GET", user_id).json()["revision"] == document["_rev"]


def test_a_post_that_leaves_members_out_removes_only_those_of_uis(world, users, person, user_id):
    users("PATCH", user_id, {"ui_flags": {"twelve_hours_mode": True}, "timezone": "Europe/Paris"})
    names = {"first_name": person.user["first_name"], "last_name": person.user["last_name"]}
    assert users("POST", user_id, names).status_code == 200
    document = stored(world, person)
    assert "ui_flags" not in document
    assert "timezone" not in document
    assert document["username"] == person.user["username"]
    assert document["priv_level"] == "admin"


def test_a_patch_merges_and_null_removes(users, user_id):
    users("PATCH", user_id, {"ui_flags": {"a": 1, "b": {"c": 2}}})
    assert users("PATCH", user_id, {"ui_flags": {"b": {"d": 3}}}).json()["data"]["ui_flags"] == {
        "a": 1,
        "b": {"c": 2, "d": 3},
    }
    assert "ui_flags" not in users("PATCH", user_id, {"ui_flags": None}).json()["data"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"priv_level": "user"}, "priv_level"),
        ({"password": "a new one"}, "password"),
        ({"username": "somebody", "ui_flags": {}, "enabled": False}, "enabled, username"),
        ({"username": None}, "username"),
        ({"hotdesk": {"pin": "1234"}}, "hotdesk"),
        ({"credentials": "0" * 32}, "credentials"),
    ],
)
def test_what_is_kazoos_to_change_is_refused_by_name(world, users, person, user_id, changes, named):
    answer = users("PATCH", user_id, changes)
    assert answer.status_code == 403
    assert answer.json()["message"] == "forbidden"
    assert answer.json()["data"]["message"].endswith(f"not {named}")
    assert "a new one" not in answer.text
    assert stored(world, person) == person.user | {"_rev": stored(world, person)["_rev"]}


def test_members_that_are_the_same_pass_and_so_do_their_defaults(users, person, user_id):
    same = {"username": person.user["username"], "enabled": True, "verified": False, "hotdesk": {"enabled": False}}
    assert users("PATCH", user_id, same | {"ui_metadata": {"ui": "monster-ui"}}).status_code == 200


def test_what_monster_ui_adds_for_itself_is_stored_as_kazoo_does(world, users, person, user_id):
    added = {"account_name": "Acme", "apps": {}, "appList": ["a", "b"], "strange": [1]}
    sent = users("GET", user_id).json()["data"] | added
    answer = users("POST", user_id, sent)
    assert answer.status_code == 200
    document = stored(world, person)
    assert {name: document[name] for name in added} == added and "id" not in document
    assert "strange" not in users("PATCH", user_id, {"strange": None}).json()["data"]
    assert users("PATCH", user_id, {"strange": "x" * 262_144}).status_code == 400


def test_the_primary_app_of_kazoo_ui(world, users, person, user_id):
    apps = {"pbxs": {"api_url": "https://api.example.com/v1"}}
    world.store.save_doc(account_db(person.account_id), stored(world, person) | {"apps": apps})
    sent = users("GET", user_id).json()["data"]
    sent["apps"]["pbxs"]["default"] = True
    assert users("POST", user_id, sent).json()["data"]["apps"] == {"pbxs": {**apps["pbxs"], "default": True}}
    assert stored(world, person)["apps"]["pbxs"]["default"] is True


def test_bad_data_is_told_as_kazoo_tells_it(users, user_id):
    answer = users("PATCH", user_id, {"language": 7})
    assert answer.status_code == 400
    assert answer.json()["data"] == {
        "language": {"type": {"message": "Value did not match type(s): string", "target": "string", "value": 7}}
    }
    assert list(users("POST", user_id, {"first_name": "x"}).json()["data"]) == ["last_name"]
    assert users("POST", user_id, [1]).status_code == 400
    assert users("PATCH", "0" * 32, {"ui_flags": {}}).status_code == 404


def test_if_match_names_the_revision_that_is_replaced(users, user_id):
    first = users("GET", user_id).headers["etag"]
    assert users("PATCH", user_id, {"ui_flags": {"a": 1}}, If_Match=first).status_code == 200
    assert users("PATCH", user_id, {"ui_flags": {"a": 2}}, If_Match=first).status_code == 412
    assert users("GET", user_id).json()["data"]["ui_flags"] == {"a": 1}


def test_who_is_no_admin_changes_himself_alone(base, world, person):
    plain = support.add_user(world.store, person.account_id, "plain", support.PASSWORD, "user")
    as_plain = users_of(base, support.Person(person.account, plain))
    assert as_plain("PATCH", plain["_id"], {"ui_flags": {"a": 1}}).status_code == 200
    assert as_plain("PATCH", person.user["_id"], {"ui_flags": {"a": 1}}).status_code == 403
    assert as_plain("POST", person.user["_id"], {}).status_code == 403
    assert "ui_flags" not in stored(world, person)
    child = make_person(world, parent=person)
    below = users_of(base, support.Person(person.account, plain), child.account_id)
    assert below("PATCH", child.user["_id"], {"ui_flags": {"a": 1}}).status_code == 403
    admin = users_of(base, person, child.account_id)
    assert admin("PATCH", child.user["_id"], {"ui_flags": {"a": 1}}).status_code == 200


def test_who_is_no_admin_does_not_see_the_api_key(base, world, person):
    def api_key_as(caller, account=person.account):
        token = support.Api(base, caller).token
        url = f"{base}/v2/accounts/{account['_id']}/api_key"
        return requests.get(url, headers={"X-Auth-Token": token}, timeout=120)

    answer = api_key_as(person)
    assert (answer.status_code, answer.json()["data"]) == (200, {"api_key": person.account["pvt_api_key"]})
    assert answer.json()["revision"] == stored(world, person, person.account_id)["_rev"]
    child = make_person(world, parent=person)
    assert api_key_as(person, child.account).json()["data"] == {"api_key": child.account["pvt_api_key"]}
    for caller in (child, make_person(world, "stranger")):
        assert api_key_as(caller).status_code == 403
    plain = support.add_user(world.store, person.account_id, "modest", support.PASSWORD, "user")
    refused = api_key_as(support.Person(person.account, plain))
    assert refused.status_code == 403 and person.account["pvt_api_key"] not in refused.text


def test_other_documents_are_no_users(base, users, person):
    trunk = support.Api(base, person).create({"name": "x"})
    assert users("PATCH", trunk, {"ui_flags": {}}).status_code == 404
    assert users("PATCH", person.account_id, {"ui_flags": {}}).status_code == 404


def test_an_answer_never_has_a_secret(world, users, person, user_id):
    world.store.save_doc(account_db(person.account_id), stored(world, person) | {"password": "in the clear"})
    for answer in (users("GET", user_id), users("PATCH", user_id, {"ui_flags": {}}), users("GET", "")):
        assert answer.status_code == 200
        assert "in the clear" not in answer.text
        assert "pvt_" not in answer.text
    assert stored(world, person)["password"] == "in the clear"
