"""What changes for numbers and PBXs when a trunk changes."""

import copy

import pytest

from app.routing import Number, System
from app.routing.changes import changes
from tests import support

NUMBER, OTHER, REALM = "+14155550100", "+14155550101", "acme.example.com"


def trunk(*servers, trunk_id="t"):
    return {"_id": trunk_id, "pvt_type": "sys_info", "account": {"auth_realm": REALM}, "servers": list(servers)}


def server(*numbers, user="pbx", **options):
    made = support.server_with(*numbers, auth_user=user, auth_password="secret")
    return {**made, "options": options}


def system(*documents):
    account_id = "a" * 32
    return System(account_id, {"realm": REALM}, documents, lambda number: Number(account_id, "in_service"))


def told(before, after, *others):
    return [str(change) for change in changes(system(*([before] if before else []), *others), "t", after)]


def test_nothing_changes():
    assert told(trunk(server(NUMBER)), {**trunk(server(NUMBER)), "name": "HQ"}) == []


def test_a_trunk_that_goes():
    assert told(trunk(server(NUMBER)), None) == [
        f"number {NUMBER} stops ringing at pbx@{REALM} (trunk t): the number is in no live document of the account",
        "user pbx can register no more: no server of a live trunk lets this user in",
    ]


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("inbound_format", "e164", [f"number {NUMBER} rings with another invite_format, to_did"]),
        ("failover", {"e164": OTHER}, [f"number {NUMBER} rings with another failover, then"]),
        (
            "caller_id",
            {"cid_name": "Acme"},
            ["user pbx can call out with another caller_id"],
        ),
    ],
)
def test_a_setting_that_differs(member, value, text):
    assert told(trunk(server(NUMBER)), trunk(server(NUMBER, **{member: value}))) == text


def test_another_password_and_none():
    before, after = trunk(server()), trunk(server())
    after["servers"][0]["auth"]["auth_password"] = "another"
    assert told(before, after) == ["user pbx registers with another password"]
    del after["servers"][0]["auth"]["auth_password"]
    assert told(before, after) == ["user pbx can register no more: it has no password"]


def test_a_server_that_spoils_its_document():
    before = trunk(server(NUMBER), server(user="two"))
    after = copy.deepcopy(before)
    del after["servers"][1]["options"]
    why = "no server of a live trunk lets this user in"
    assert told(before, after) == [
        f"user pbx can register no more: {why}",
        f"user two can register no more: {why}",
    ]


def test_numbers_of_another_trunk_that_shares_a_user():
    """Options are those of the first trunk that has the user."""
    other = trunk(server(OTHER), trunk_id="z")
    assert told(trunk(server()), trunk(server(enabled=False)), other) == [
        f"number {OTHER} stops ringing at pbx@{REALM} (trunk z): options.enabled"
    ]


def test_two_large_trunks_are_compared_by_looking_at_each_number_once():
    looked_up = []
    large = trunk(*(server(*(f"+1415{n:03}{d:04}" for d in range(10)), user=f"u{n}") for n in range(20)))
    account_id = "a" * 32

    def find_number(number):
        looked_up.append(number)
        return Number(account_id, "in_service")

    changes(System(account_id, {"realm": REALM}, (large,), find_number), "t", {**large, "name": "x"})
    assert len(looked_up) == 2 * 200
