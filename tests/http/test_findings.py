"""`?findings=true`: what `audit` knows of a trunk, in the answer to a read, a save, and a check before it."""

import pytest
import requests

from app.documents.names import number_db
from tests import support
from tests.conftest import make_person

pytestmark = pytest.mark.slow


def checked(api, document, account_id=None):
    """The answer about a trunk that is not saved."""
    account = f"{api.base}/v2/accounts/{account_id or api.person.account_id}"
    url = f"{account}/schemas/connectivity/validation?findings=true"
    return requests.put(url, json={"data": document}, headers={"X-Auth-Token": api.token}, timeout=120)


def rules(answer, code=200):
    assert answer.status_code == code, answer.text
    return {(finding["rule"], finding["path"]) for finding in answer.json()["findings"]}


@pytest.fixture
def number(world, person):
    """A number of the account, as no other test has it."""
    made = f"+1650557{int(person.account_id[:8], 16) % 10**4:04}"
    document = {"_id": made, "pvt_type": "number", "pvt_state": "in_service", "pvt_assigned_to": person.account_id}
    world.store.create_db(number_db(made))
    world.store.save_doc(number_db(made), document)
    return made


def server(*numbers, user="pbx", **members):
    made = support.server_with(*numbers, auth_user=user, auth_password="a long password")
    return {**made, "options": {"enabled": True}, **members}


def test_a_dead_trunk_is_told_before_and_after_a_save(base, person, number):
    api = support.Api(base, person)
    dead = {"servers": [{name: value for name, value in server(number).items() if name != "options"}]}
    expected = ("no-options", "servers.0.options")
    assert expected in rules(checked(api, dead), 201)
    assert api.call("GET").json()["data"] == []
    saved = api.call("PUT", "?findings=true", data=dead)
    assert expected in rules(saved, 201)
    trunk_id = saved.json()["data"]["id"]
    assert expected in rules(api.call("GET", f"/{trunk_id}?findings=true"))
    # As in Kazoo, a PUT marks no numbers, and neither does a POST that leaves them as they are.
    mended = rules(api.call("POST", f"/{trunk_id}?findings=true", data={"servers": [server(number)]}))
    assert mended == {("number-mark", f"DIDs.{number}")}
    assert "no-dids" in {
        rule
        for rule, _ in rules(
            api.call("PATCH", f"/{trunk_id}?findings=true", data={"servers": [{"auth": server()["auth"]}]})
        )
    }
    assert "findings" not in api.call("GET", f"/{trunk_id}").json()


def test_numbers_and_users_of_other_trunks_count(base, person, number):
    api = support.Api(base, person)
    first = api.create({"servers": [server(number)]})
    unknown = "+16505570000000"
    document = {"servers": [server(number, unknown, "4155550100")]}
    found = rules(checked(api, document), 201)
    assert {
        ("number-twice", f"DIDs.{number}"),
        ("number-format", "servers.0.DIDs.4155550100"),
        ("credentials-twice", "servers.0.auth.auth_user"),
    } <= found
    assert "number-missing" in {rule for rule, _ in found} and "number-mark" not in {rule for rule, _ in found}
    # The same trunk is not another one.
    assert "number-twice" not in {rule for rule, _ in rules(checked(api, {**document, "id": first}), 201)}


def test_whose_a_number_is_stays_untold(world, base, person, number):
    """A stored trunk may have a number that was given to another account later."""
    other = make_person(world)
    api = support.Api(base, person)
    trunk_id = api.create({"servers": [server(number)]})
    document = world.store.open_doc(number_db(number), number)
    world.store.save_doc(number_db(number), {**document, "pvt_assigned_to": other.account_id})
    answer = api.call("GET", f"/{trunk_id}?findings=true")
    assert ("number-owner", f"DIDs.{number}") in rules(answer) and other.account_id not in answer.text


def test_worst_first_and_no_secrets(base, person):
    api = support.Api(base, person)
    by_address = {"auth": {"auth_method": "IP", "ip": "10.0.0.1"}, "options": {"enabled": False}, "DIDs": {}}
    weak = server(user="pbx")
    weak["auth"]["auth_password"] = "PBX"
    answer = checked(api, {"servers": [by_address, weak]})
    severities = [finding["severity"] for finding in answer.json()["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "note"].index) and len(set(severities)) == 3
    assert ("password", "servers.1.auth.auth_password") in rules(answer, 201)


def test_only_who_may_see_the_account_is_told(world, base, person):
    stranger = support.Api(base, make_person(world))
    assert checked(stranger, {}, person.account_id).status_code == 403
    answer = requests.put(f"{base}/v2/schemas/connectivity/validation?findings=true", json={"data": {}}, timeout=120)
    assert answer.status_code == 201 and "findings" not in answer.json()
