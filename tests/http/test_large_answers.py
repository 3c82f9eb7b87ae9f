"""What CouchDB sends is no client's body: its answers may have more values, and more levels, than that."""

import json

import pytest
import requests

from app.documents.names import NUMBERS_VIEW, account_db, encoded, number_db
from app.kazoo.json_text import MAX_DEPTH, MOST_VALUES
from app.numbers.documents import new_number
from app.store import Conflict
from app.store.couchdb.session import decoded
from tests import support

pytestmark = pytest.mark.slow

# Two documents with so many values are more than a client may send in one body.
MANY = MOST_VALUES // 2 + 1
DEEP = MAX_DEPTH + 44


def nested(levels):
    value = "bottom"
    for _ in range(levels):
        value = {"x": value}
    return value


def trunk(person, doc_id, **members):
    db = account_db(person.account_id)
    private = {"pvt_type": "sys_info", "pvt_account_id": person.account_id, "pvt_account_db": encoded(db)}
    account = {"auth_realm": person.realm}
    return {"_id": doc_id, **private, "account": account, "servers": [], "name": "large", **members}


@pytest.fixture
def store_doc(world):
    """Stores a document until the end of a test: commands that look at all accounts would meet it."""
    stored = []

    def save(db, document):
        stored.append((db, document["_id"], world.store.save_doc(db, document)))

    yield save
    for db, doc_id, revision in stored:
        try:
            world.store.delete_doc(db, doc_id, revision)
        except Conflict:
            world.store.delete_doc(db, doc_id, world.store.open_doc(db, doc_id)["_rev"])


@pytest.fixture
def large(store_doc, person):
    """An account with two trunks that together have more values than a client may send."""
    for number in range(2):
        store_doc(account_db(person.account_id), trunk(person, f"large{number}", values=[0] * MANY))
    return person


def test_answers_may_have_more_values_than_bodies():
    assert len(decoded(b"[" + b"0," * MOST_VALUES + b"0]")) == MOST_VALUES + 1


def test_answers_may_be_deeper_than_bodies():
    assert decoded(json.dumps(nested(DEEP)).encode()) == nested(DEEP)


@pytest.mark.parametrize("query", ["", "&paginate=false", "&page_size=1"])
def test_a_filtered_list_of_large_trunks(base, large, query):
    api = support.Api(base, large)
    answer = api.call("GET", f"?filter_name=large{query}")
    assert answer.status_code == 200, answer.text[:300]
    assert set(answer.json()["data"]) == {"large0"} | (set() if "page_size" in query else {"large1"})


@pytest.mark.parametrize("query", ["filter_state=in_service&paginate=false", "filter_state=in_service"])
def test_a_filtered_list_of_many_values_of_numbers(world, store_doc, base, person, query):
    """As the PBX Connector asks for the numbers of an account."""
    db = account_db(person.account_id)
    numbers = {"+14155558101", "+14155558102"}
    for number in numbers:
        document = new_number(number, person.account_id, "knm_local") | {"state": "in_service", "values": [0] * MANY}
        store_doc(db, document)
    assert {row.key for row in world.store.query_view(db, NUMBERS_VIEW)} == numbers
    headers = {"X-Auth-Token": support.Api(base, person).token}
    url = f"{base}/v2/accounts/{person.account_id}/phone_numbers?{query}"
    answer = requests.get(url, headers=headers, timeout=120)
    assert answer.status_code == 200, answer.text[:300]
    assert set(answer.json()["data"]["numbers"]) == numbers


def test_a_trunk_with_numbers_whose_documents_have_many_values(world, store_doc, base, person):
    numbers = ["+14155558103", "+14155558104"]
    for number in numbers:
        world.store.create_db(number_db(number))
        document = new_number(number, person.account_id, "knm_local") | {"values": [0] * MANY}
        store_doc(number_db(number), document)
    api = support.Api(base, person)
    doc_id = api.create({"servers": [support.server_with(*numbers)]})
    assert api.call("PATCH", f"/{doc_id}", {"servers": []}).status_code == 200


def test_audit_of_large_trunks(world, large):
    told = support.command_ended(world.environment, "audit", "--json", large.account_id)
    assert told.returncode in (0, 1), told.stderr
    (report,) = support.json_lines(told.stdout)
    assert report["trunks"] == 2


def test_reconcile_numbers_of_large_trunks(world, large):
    told = support.run(world.environment, "reconcile-numbers", large.account_id)
    assert told == "0 numbers differ\n"


def test_a_stored_document_of_many_levels_does_not_keep_audit_from_the_others(world, store_doc, person):
    db = account_db(person.account_id)
    store_doc(db, {"_id": "deep", "x": nested(DEEP)})
    store_doc(db, trunk(person, "good"))
    told = support.command_ended(world.environment, "audit", "--json", person.account_id)
    assert told.returncode in (0, 1), told.stderr
    (report,) = support.json_lines(told.stdout)
    assert report["trunks"] == 1


def test_a_document_that_cannot_be_decoded_hides_no_other(world, store_doc, person):
    if world.store.is_embedded:
        pytest.skip("an embedded store decodes each document by itself")
    db = account_db(person.account_id)
    store_doc(db, trunk(person, "good"))
    url = f"{world.environment['COUCHDB_URL']}/{encoded(db)}/deepest"
    text = '{"x":' * 1500 + "1" + "}" * 1500
    assert requests.put(url, text, headers={"Content-Type": "application/json"}, timeout=120).status_code == 201
    told = support.command_ended(world.environment, "audit", "--json", person.account_id)
    assert told.returncode in (0, 1), told.stderr
    (report,) = support.json_lines(told.stdout)
    assert report["trunks"] == 1 and "deepest" in told.stderr


def test_a_stored_trunk_of_many_levels_is_answered_and_listed(store_doc, base, person):
    store_doc(account_db(person.account_id), trunk(person, "deep", x=nested(DEEP)))
    api = support.Api(base, person)
    answer = api.call("GET", "/deep")
    assert answer.status_code == 200 and answer.json()["data"]["x"] == nested(DEEP)
    assert api.call("GET", "?filter_name=large").json()["data"] == ["deep"]


def test_an_export_has_documents_of_many_levels(world, store_doc, person):
    db = account_db(person.account_id)
    store_doc(db, {"_id": "deep", "x": nested(DEEP)})
    lines = support.json_lines(support.run(world.environment, "export", db))
    assert {"deep", person.account_id} <= {line["doc"]["_id"] for line in lines}


def test_bodies_of_clients_keep_their_limits(api):
    for text in (b'{"data":{"x":[' + b"0," * MOST_VALUES + b"0]}}", json.dumps({"data": nested(DEEP)}).encode()):
        answer = api.session.put(api.url(), text, headers={"X-Auth-Token": api.token}, timeout=120)
        assert answer.status_code == 400, answer.text[:300]
