"""Texts that become keys or are looked up have a length limit, which is checked before anything is computed."""

import base64

import pytest
import requests

from app.documents.names import account_db
from tests import support

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

# A character more than any text that is looked up may have, in two bytes each.
TOO_LONG = "é" * 1025
# In bytes: twice what a key may have.
LONG_KEY = "é" * 8192


def rules_of(answer):
    """The rules that a 400 names, by member."""
    assert answer.status_code == 400, (answer.status_code, answer.text[:300])
    return {member: set(rules) for member, rules in answer.json()["data"].items()}


@pytest.mark.parametrize("letter", ["é", "x"])
@pytest.mark.parametrize("member", ["realm", "account_name", "credentials", "phone_number"])
def test_a_log_in_with_a_text_too_long_to_be_looked_up_is_refused_by_name(base, person, member, letter):
    data = {"credentials": person.credentials, member: letter * len(TOO_LONG)}
    answer = requests.put(f"{base}/v2/user_auth", json={"data": data}, timeout=120)
    assert "maxLength" in rules_of(answer)[member]


def test_a_realm_too_long_is_refused_even_beside_a_good_one(base, person):
    data = {"credentials": person.credentials, "account_realm": person.realm, "realm": TOO_LONG}
    answer = requests.put(f"{base}/v2/user_auth", json={"data": data}, timeout=120)
    assert "maxLength" in rules_of(answer)["realm"]


def test_an_api_key_too_long_is_refused_by_name(base):
    answer = requests.put(f"{base}/v2/api_auth", json={"data": {"api_key": TOO_LONG}}, timeout=120)
    assert "maxLength" in rules_of(answer)["api_key"]


@pytest.mark.parametrize("place", ["header", "body", "query"])
def test_basic_credentials_too_long_to_be_looked_up_are_refused_before_the_look_up(base, person, place):
    text = base64.b64encode(f"{person.account_id}:{TOO_LONG}".encode()).decode()
    url, basic = f"{base}/v2/accounts/{person.account_id}/connectivity", f"Basic {text}"
    if place == "header":
        answer = requests.get(url, headers={"Authorization": basic}, timeout=120)
    elif place == "query":
        answer = requests.get(url, params={"authorization": basic}, timeout=120)
    else:
        answer = requests.put(url, json={"data": {}, "authorization": basic}, timeout=120)
    assert answer.status_code == 400, (answer.status_code, answer.text[:300])


def with_long_user(text):
    return {"servers": [support.server_with(auth_user=text)]}


def with_long_number(text):
    return {"servers": [support.server_with(text)]}


MEMBERS = [(with_long_user, "servers.0.auth.auth_user"), (with_long_number, "servers.0.DIDs")]


@pytest.mark.parametrize("letter", ["é", "x"])
@pytest.mark.parametrize(("document", "member"), MEMBERS)
def test_a_trunk_whose_key_in_a_view_would_be_too_long_is_refused_before_the_write(
    world, api, person, document, member, letter
):
    before = ids_in(world, person)
    answer = api.call("PUT", data=document(letter * 16384))
    rules = rules_of(answer)
    assert any(path.startswith(member) and "maxLength" in found for path, found in rules.items()), rules
    assert ids_in(world, person) == before


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(("document", "member"), MEMBERS)
def test_a_change_that_makes_a_key_too_long_is_refused_and_nothing_is_written(api, document, member, method):
    doc_id = api.create({"servers": [support.server_with()]})
    before = api.call("GET", f"/{doc_id}").json()
    rules = rules_of(api.call(method, f"/{doc_id}", data=document(LONG_KEY)))
    assert any(path.startswith(member) and "maxLength" in found for path, found in rules.items()), rules
    after = api.call("GET", f"/{doc_id}").json()
    assert (after["data"], after["revision"]) == (before["data"], before["revision"])


@pytest.mark.parametrize("letter", ["é", "x"])
@pytest.mark.parametrize(("document", "member"), MEMBERS)
def test_a_trunk_whose_key_in_a_view_is_long_but_not_too_long_is_stored(api, document, member, letter):
    assert api.create(document(letter * 1800)) in api.call("GET").json()["data"]


def test_a_text_that_no_view_uses_as_a_key_may_be_long(api):
    doc_id = api.create({"name": "é" * 30_000})
    assert len(api.call("GET", f"/{doc_id}").json()["data"]["name"]) == 30_000


def ids_in(world, person):
    return {document["_id"] for document in world.store.iterate_docs(account_db(person.account_id))}
