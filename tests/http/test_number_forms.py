"""Marks on numbers follow the number, not the way in which a client types it."""

import itertools

import pytest

from app.documents.names import account_db, number_db
from app.numbers.documents import new_number
from tests import support

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

_NUMBERS = itertools.count(4155590000)


@pytest.fixture
def typed(world, person):
    """A number of the account's as it is typed, without and with its country: `4155590001`, `+14155590001`."""
    short = str(next(_NUMBERS))
    number = f"+1{short}"
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), new_number(number, person.account_id, "knm_local"))
    return short, number


def mark_of(world, number):
    return world.store.open_doc(number_db(number), number).get("pvt_used_by")


def trunk(*dids):
    return {"servers": [support.server_with(*dids)]}


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0)])
def test_a_number_that_is_typed_in_another_form_keeps_its_mark(world, api, person, typed, method, before, after):
    doc_id = api.create()
    assert api.call(method, f"/{doc_id}", trunk(typed[before])).status_code == 200
    assert mark_of(world, typed[1]) == "trunkstore"
    assert api.call(method, f"/{doc_id}", trunk(typed[after])).status_code == 200
    assert mark_of(world, typed[1]) == "trunkstore"
    copy = world.store.open_doc(account_db(person.account_id), typed[1])
    assert copy["pvt_used_by"] == "trunkstore"
    assert support.run(world.environment, "reconcile-numbers", person.account_id) == "0 numbers differ\n"


def test_a_number_in_two_forms_keeps_its_mark_until_both_are_gone(world, api, typed):
    doc_id = api.create()
    for dids, mark in ((typed, "trunkstore"), (typed[:1], "trunkstore"), (typed, "trunkstore"), ((), None)):
        assert api.call("POST", f"/{doc_id}", trunk(*dids)).status_code == 200
        assert mark_of(world, typed[1]) == mark, dids


def test_a_number_that_is_put_back_in_another_form_keeps_its_mark(world, person, typed):
    server = support.service({**world.environment, "HISTORY": "true"}).start()
    try:
        api = support.Api(server.url, person)
        doc_id = api.create(trunk(typed[0]))
        revision = api.call("GET", f"/{doc_id}").json()["revision"]
        assert api.call("POST", f"/{doc_id}", trunk(typed[1])).status_code == 200
        assert mark_of(world, typed[1]) == "trunkstore"
        assert api.call("POST", f"/{doc_id}/history/{revision}").status_code == 200
        assert mark_of(world, typed[1]) == "trunkstore"
    finally:
        server.stop()
