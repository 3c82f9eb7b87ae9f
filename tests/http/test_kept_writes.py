"""No write is answered with success and dropped: what is sent is there afterwards, or it was refused.

The operations come from the OpenAPI document, so a new noun that writes must be in one of the tables here.
"""

import pytest
import requests

from app.documents.names import account_db, number_db
from app.numbers.documents import new_number
from app.openapi.table import TABLE
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

MEMBER = "x_unknown"
NUMBER = "+14155557001"
# Writes that store nothing of what is sent: log-ins, look-ups, checks, deletions, and what is always refused.
STORES_NOTHING = {
    ("PUT", "/api_auth"),
    ("PUT", "/user_auth"),
    ("PUT", "/shared_auth"),
    ("DELETE", "/token_auth"),
    ("POST", "/auth/tokeninfo"),
    ("PUT", "/schemas/{schema}/validation"),
    ("POST", "/accounts/{account_id}/phone_numbers/fix/{number}"),
    ("POST", "/accounts/{account_id}/connectivity/{id}/history/{revision}"),
    ("DELETE", "/accounts/{account_id}/connectivity/{id}"),
    ("DELETE", "/accounts/{account_id}/phone_numbers/{number}"),
}
STORING = (
    ("PUT", "/accounts/{account_id}/connectivity"),
    ("POST", "/accounts/{account_id}/connectivity/{id}"),
    ("PATCH", "/accounts/{account_id}/connectivity/{id}"),
    ("POST", "/accounts/{account_id}"),
    ("PATCH", "/accounts/{account_id}"),
    ("POST", "/accounts/{account_id}/users/{user_id}"),
    ("PATCH", "/accounts/{account_id}/users/{user_id}"),
    ("POST", "/accounts/{account_id}/phone_numbers/{number}"),
    ("PATCH", "/accounts/{account_id}/phone_numbers/{number}"),
)


def writes():
    return {
        (verb, path)
        for noun in TABLE.values()
        for path, operations in noun.paths.items()
        for verb, operation in operations.items()
        if verb != "GET" and operation.status is not None
    }


def test_all_that_write_are_known():
    assert writes() == STORES_NOTHING | set(STORING)


@pytest.fixture
def paths(world, base, person):
    """The values in paths, and a session of the account."""
    api = support.Api(base, person)
    number = new_number(NUMBER, person.account_id, "knm_local")
    world.store.create_db(number_db(NUMBER))
    stored = world.store.find_doc(number_db(NUMBER), NUMBER)
    world.store.save_doc(number_db(NUMBER), number | ({"_rev": stored["_rev"]} if stored else {}))
    world.store.save_doc(account_db(person.account_id), number)
    return api, {
        "account_id": person.account_id,
        "id": api.create({"name": "one"}),
        "user_id": person.user["_id"],
        "number": NUMBER,
    }


def required(person, path):
    """What the schemas ask for."""
    if path.endswith("{user_id}"):
        return {name: person.user[name] for name in ("first_name", "last_name")}
    return {"name": person.account["name"]}


@pytest.mark.parametrize(
    "sent", [{MEMBER: {"a": [1, "b"]}}, {"ui_x": {"y": 1}}, {"timezone": "Europe/Paris"}, {"enabled": False}]
)
@pytest.mark.parametrize(("verb", "path"), STORING)
def test_what_is_sent_is_there_or_was_refused(base, person, paths, verb, path, sent):
    api, values = paths
    url = f"{base}/v2{path.format_map(values)}".replace("+", "%2B")
    headers = {"X-Auth-Token": api.token}
    data = {**required(person, path), **sent} if verb != "PATCH" else sent
    answer = requests.request(verb, url, json={"data": data}, headers=headers, timeout=120)
    if answer.status_code >= 400:
        assert answer.status_code in (400, 403) and next(iter(sent)) in answer.text
        return
    location = f"{url}/{answer.json()['data']['id']}" if verb == "PUT" else url
    stored = requests.get(location, headers=headers, timeout=120).json()["data"]
    for name, value in sent.items():
        assert answer.json()["data"][name] == stored[name] == value


def test_verbs_that_are_left_to_kazoo_say_so(base, world):
    """In the form that Monster UI shows to people."""
    person = make_person(world)
    headers = {"X-Auth-Token": support.Api(base, person).token}
    account = f"{base}/v2/accounts/{person.account_id}"
    for verb, path, noun in (
        ("PUT", "/users", "users"),
        ("DELETE", f"/users/{person.user['_id']}", "users"),
        ("PUT", "", "accounts"),
        ("DELETE", "", "accounts"),
        ("PUT", "/api_key", "accounts"),
        ("PUT", "/apps_store/x", "apps_store"),
        ("POST", "/apps_store/x", "apps_store"),
        ("DELETE", "/apps_store/x", "apps_store"),
    ):
        answer = requests.request(verb, account + path, json={"data": {}}, headers=headers, timeout=120)
        assert answer.status_code == 409, (verb, path)
        data = answer.json()["data"]
        assert "Kazoo" in data["message"] and data[noun] == {"message": data["message"]}
    assert requests.get(account, headers=headers, timeout=120).status_code == 200
