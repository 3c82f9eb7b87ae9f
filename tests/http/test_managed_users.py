"""Names, e-mail addresses and passwords of users, where this service manages users (MANAGE_USERS).

What is refused elsewhere is in `test_users.py`.
"""

import hashlib

import pytest
import requests

from app.documents.names import account_db
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

NEW = "a new one"


@pytest.fixture(scope="module")
def base(engine, service_on, world_on):
    """A service that manages users. On the embedded store that is the default."""
    if engine == "embedded":
        yield service_on(engine)
        return
    server = support.service({**world_on(engine).environment, "MANAGE_USERS": "true"}).start()
    yield server.url
    server.stop()


def put(url, data):
    return requests.put(url, json={"data": data}, timeout=120)


def log_in(base, person, name, password):
    credentials = hashlib.md5(f"{name}:{password}".encode()).hexdigest()
    return put(f"{base}/v2/user_auth", {"credentials": credentials, "account_realm": person.account["realm"]})


def logged_in(base, person, name=None, password=support.PASSWORD):
    """A user of an account, logged in: a client of the account's users."""
    answer = log_in(base, person, name or person.user["username"], password)
    assert answer.status_code == 201, answer.text
    return support.Users(base, person.account_id, answer.json()["auth_token"])


@pytest.fixture
def session(base, person):
    return logged_in(base, person)


@pytest.fixture
def user_id(person):
    return person.user["_id"]


def stored(world, person, user_id=None):
    return world.store.open_doc(account_db(person.account_id), user_id or person.user["_id"])


def test_a_new_password_ends_old_tokens_and_is_stored_as_hashes(base, world, person, session, user_id):
    name = person.user["username"]
    before = stored(world, person)
    shown = session("GET", user_id).json()["data"]
    # So Monster UI sends it.
    answer = session("POST", user_id, shown | {"password": NEW, "confirm_password": NEW})
    assert answer.status_code == 200 and NEW not in answer.text and "pvt_" not in answer.text
    document = stored(world, person)
    assert document["pvt_md5_auth"] == hashlib.md5(f"{name}:{NEW}".encode()).hexdigest()
    assert document["pvt_sha1_auth"] == hashlib.sha1(f"{name}:{NEW}".encode()).hexdigest()
    assert document["pvt_signature_secret"] != before["pvt_signature_secret"]
    assert not {"password", "confirm_password"} & document.keys()
    support.wait_until(lambda: session("GET", user_id).status_code == 401, message="the old token to end")
    assert log_in(base, person, name, support.PASSWORD).status_code == 401
    again = logged_in(base, person, password=NEW)
    same = stored(world, person)
    assert again("PATCH", user_id, {"password": NEW}).status_code == 200
    # The same password ends nothing.
    assert stored(world, person)["pvt_signature_secret"] == same["pvt_signature_secret"]
    assert again("GET", user_id).status_code == 200


def test_an_operator_may_let_tokens_live(tmp_path):
    world = support.embedded_world(tmp_path).populate()
    person = world.person("Person", "person.example.com", world.master)
    setting = {"_id": "crossbar.users", "pvt_type": "config", "default": {"reset_identity_secret_on_rehash": False}}
    world.store.save_doc("system_config", setting)
    server = support.service(world.environment).start()
    try:
        session = logged_in(server.url, person)
        assert session("PATCH", person.user["_id"], {"password": NEW}).status_code == 200
        document = stored(world, person)
        assert document["pvt_signature_secret"] == person.user["pvt_signature_secret"]
        assert log_in(server.url, person, person.user["username"], NEW).status_code == 201
        assert session("GET", person.user["_id"]).status_code == 200
    finally:
        server.stop()


def test_names_and_addresses(base, world, person, session, user_id):
    changes = {
        "first_name": "Jörg",
        "last_name": "O'Neil",
        "email": "jo@example.com",
        "require_password_update": False,
    }
    answer = session("PATCH", user_id, changes)
    assert answer.status_code == 200
    assert {name: answer.json()["data"][name] for name in changes} == changes
    # A POST without them changes nothing of that.
    assert session("POST", user_id, {"first_name": "Jörg", "last_name": "Neil"}).status_code == 200
    document = stored(world, person)
    assert (document["email"], document["last_name"]) == ("jo@example.com", "Neil")
    assert document["pvt_md5_auth"] == person.user["pvt_md5_auth"]
    assert "email" not in session("PATCH", user_id, {"email": None}).json()["data"]


def test_a_new_log_in_name_needs_the_password_and_must_be_free(base, world, person, session, user_id):
    support.add_user(world.store, person.account_id, "taken", support.PASSWORD)
    for data, path, keyword in (
        ({"username": "Other"}, "password", "required"),
        ({"username": "TAKEN", "password": NEW}, "username", "unique"),
        ({"username": None}, "username", "required"),
        ({"username": "two words", "password": NEW}, "username", "pattern"),
        ({"email": "x"}, "email", "minLength"),
    ):
        refused = session("PATCH", user_id, data)
        assert refused.status_code == 400, data
        assert list(refused.json()["data"]) == [path] and list(refused.json()["data"][path]) == [keyword]
        assert NEW not in refused.text
    assert stored(world, person)["pvt_md5_auth"] == person.user["pvt_md5_auth"]
    assert session("PATCH", user_id, {"username": "Other", "password": NEW}).json()["data"]["username"] == "other"
    assert log_in(base, person, "other", NEW).status_code == 201
    assert log_in(base, person, person.user["username"], support.PASSWORD).status_code == 401


def test_documents_that_were_written_by_hand(base, world, person):
    """A password in clear is none that counts, capitals in a name are no new name, and a password needs a name."""
    admin = logged_in(base, person)
    db = account_db(person.account_id)
    dora = support.add_user(world.store, person.account_id, "dora", support.PASSWORD)
    world.store.save_doc(db, dora | {"username": "Dora", "password": "in clear"})
    assert admin("PATCH", dora["_id"], {"ui_x": 1}).json()["data"]["username"] == "Dora"
    document = stored(world, person, dora["_id"])
    assert document["pvt_md5_auth"] == dora["pvt_md5_auth"]
    assert document["pvt_signature_secret"] == dora["pvt_signature_secret"]
    assert admin("PATCH", dora["_id"], {"password": NEW}).status_code == 200
    assert log_in(base, person, "dora", NEW).status_code == 201
    nameless = {name: value for name, value in dora.items() if name not in ("username", "_rev")} | {"_id": "nameless"}
    world.store.save_doc(db, nameless)
    assert admin("PATCH", "nameless", {"ui_x": 1}).status_code == 200
    refused = admin("PATCH", "nameless", {"password": NEW})
    assert refused.status_code == 400 and list(refused.json()["data"]) == ["username"]


def test_what_a_post_leaves_out_stays(world, person, session, user_id):
    shown = session("GET", user_id).json()["data"]
    assert session("PATCH", user_id, {"require_password_update": True, "email": "jo@example.com"}).status_code == 200
    assert session("POST", user_id, {name: shown[name] for name in ("first_name", "last_name")}).status_code == 200
    document = stored(world, person)
    assert (document["require_password_update"], document["email"]) == (True, "jo@example.com")


def test_what_stays_kazoos(session, user_id):
    for data, named in (
        ({"priv_level": "user"}, "priv_level"),
        ({"enabled": False, "password": NEW}, "enabled"),
        ({"credentials": "0" * 32}, "credentials"),
    ):
        refused = session("PATCH", user_id, data)
        assert refused.status_code == 403 and refused.json()["data"]["message"].endswith(f"not {named}")


def test_an_admin_sets_passwords_and_others_only_their_own(base, world, person, session, user_id):
    plain = support.add_user(world.store, person.account_id, "plain", support.PASSWORD, "user")
    as_plain = logged_in(base, person, "plain")
    assert as_plain("PATCH", user_id, {"password": NEW}).status_code == 403
    assert session("PATCH", plain["_id"], {"password": NEW}).status_code == 200
    assert log_in(base, person, "plain", NEW).status_code == 201
    stranger = support.Users(base, person.account_id, support.Api(base, make_person(world, "stranger")).token)
    assert stranger("PATCH", plain["_id"], {"password": "theirs"}).status_code == 403
    assert logged_in(base, person, "plain", NEW)("PATCH", plain["_id"], {"password": "own"}).status_code == 200
    assert log_in(base, person, "plain", "own").status_code == 201
