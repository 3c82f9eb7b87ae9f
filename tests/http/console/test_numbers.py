"""Numbers in the console: as people type them, where calls to them go, and how they come from another trunk."""

import re

import pytest

from tests import support
from tests.http.console import answers_late_or_not_at_all, field, log_in, open_trunk, stored, with_number

pytestmark = pytest.mark.slow


# Of the number in the trunk that has it.
SETTINGS = {"failover": {"e164": "+14155550188"}, "force_outbound": True}


def written(number):
    """A number as people write it."""
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}"


def holder_of(api, number):
    """A trunk that has the number, and the number knows it."""
    server = support.server_with(auth_user="holder", auth_password="a long password")
    doc_id = api.create({"name": "Holder", "servers": [server]})
    with_did = {**server, "DIDs": {number: SETTINGS}}
    assert api.call("POST", f"/{doc_id}", {"name": "Holder", "servers": [with_did]}).ok
    return doc_id


def taker_of(base, person, page, *numbers):
    """Another trunk, which is open; these numbers will move there."""
    server = support.server_with(auth_user="taker", auth_password="a long password")
    doc_id = support.Api(base, person).create({"name": "Taker", "servers": [server]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "Taker")
    page.click("summary", "Numbers of the account")
    for number in numbers:
        page.click(f'[aria-label="Move {number} here"]')
        page.see("#changes", f"{number} moves here from Holder")
    return doc_id


def test_a_number_as_it_is_typed_and_where_it_goes(world, base, person, page):
    number = with_number(world, person, "650558")
    log_in(page, person)
    page.click("a", "New trunk")
    page.type(field("name"), "Office")
    page.click("#add-pbx")
    page.type(field("servers.0.auth.auth_user"), "office")
    page.click("button", "Generate")
    page.type("#new-number", written(number))
    page.click("#add-number")
    page.see("#number-hint", f"is stored as {number}")
    page.see(".numbers li", "in service")
    page.click("#save")
    page.see(".notice", "Saved.")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    (server,) = stored(world, person, doc_id)["servers"]
    assert list(server["DIDs"]) == [number] and re.fullmatch("[a-zA-Z2-9]{16}", server["auth"]["auth_password"])
    page.see("button", "Delete")
    page.click("#tab-tryNumber")
    page.type("#tried", written(number))
    page.click("#panel-tryNumber button", "Try")
    page.see(".trial a", f"PBX 1 › {number}")
    page.see(".trial strong", f"it rings at office@{person.realm}, dialled as {number[2:]}")


def test_the_accounts_numbers_with_their_state_and_use(world, base, person, page):
    number, free = with_number(world, person, "650559"), with_number(world, person, "650560")
    api = support.Api(base, person)
    holder_of(api, number)
    log_in(page, person)
    page.click("a", "New trunk")
    page.click("#add-pbx")
    page.click("summary", "Numbers of the account (2)")
    page.see(f'[data-number="{number}"]', "in service")
    page.see(f'[data-number="{number}"]', "in another trunk")
    page.see(f'[data-number="{free}"]', "free")
    page.type("#new-number", "hello")
    page.click("#add-number")
    page.see("#number-hint", "hello is not a telephone number.")
    # One that the account does not have says so.
    page.type("#new-number", "+16505619999")
    page.click("#add-number")
    page.see(".numbers li", "not a number of this account")
    page.see(".findings li.error", "not in the system")


def test_a_number_moves_from_another_trunk(world, base, person, page):
    number = with_number(world, person, "650562")
    api = support.Api(base, person)
    holder = holder_of(api, number)
    log_in(page, person)
    page.click("a", "New trunk")
    page.type(field("name"), "Taker")
    page.click("#add-pbx")
    page.type(field("servers.0.auth.auth_user"), "taker")
    page.click("button", "Generate")
    page.type("#new-number", written(number))
    page.click("#add-number")
    page.see("#number-hint", "in another trunk")
    page.click("#number-hint button", "Move it here")
    page.see(".numbers li", "moves here from Holder")
    page.see("#changes", f"{number} moves here from Holder when you save.")
    page.click("#save")
    page.see(".notice", f"{number} is now here, and no longer in Holder.")
    (taker,) = set(api.call("GET").json()["data"]) - {holder}
    assert stored(world, person, holder)["servers"][0]["DIDs"] == {}
    assert stored(world, person, taker)["servers"][0]["DIDs"] == {number: SETTINGS}
    # Nothing is wrong with either.
    page.see("main h1", "Taker")
    assert page.find(".findings li") == []
    open_trunk(page, base, holder, "Holder")
    assert page.find(".findings li.error") == []


def test_a_move_that_fails_half_way_is_taken_back(world, base, person, page):
    number = with_number(world, person, "650563")
    api = support.Api(base, person)
    holder = holder_of(api, number)
    taker = taker_of(base, person, page, number)
    answers_late_or_not_at_all(
        page,
        f"if (options.method === 'POST' && url.includes('{taker}'))"
        " return new Response(JSON.stringify({message: 'the store is away', data: {}}), {status: 503});"
        "return send(url, options);",
    )
    page.click("#save")
    page.see(".summary", "the store is away")
    page.see(".notice", "Holder has its numbers back.")
    assert list(stored(world, person, holder)["servers"][0]["DIDs"]) == [number]
    assert stored(world, person, taker)["servers"][0]["DIDs"] == {}
    page.see("#changes", "moves here from Holder")


def test_a_trunk_that_somebody_changes_gives_no_number(world, base, person, page):
    number = with_number(world, person, "650564")
    api = support.Api(base, person)
    holder = holder_of(api, number)
    taker = taker_of(base, person, page, number)
    answers_late_or_not_at_all(
        page,
        f"if (options.method === 'POST' && url.includes('{holder}')) options.headers['If-Match'] = '\"1-0\"';"
        "return send(url, options);",
    )
    page.click("#save")
    page.see(".summary", "Someone else has changed Holder. Nothing was saved")
    assert list(stored(world, person, holder)["servers"][0]["DIDs"]) == [number]
    assert stored(world, person, taker)["servers"][0]["DIDs"] == {}


def test_of_several_trunks_each_that_can_gets_its_numbers_back(world, base, person, page):
    """Three trunks give a number each; the third cannot be written, and the first cannot be written any more then."""
    api = support.Api(base, person)
    numbers = [with_number(world, person, prefix) for prefix in ("650565", "650566", "650567")]
    holders = []
    for place, number in enumerate(numbers):
        server = support.server_with(auth_user=f"holder{place}", auth_password="a long password")
        holders.append(api.create({"name": f"Holder {place}", "servers": [server]}))
        with_did = {**server, "DIDs": {number: {}}}
        assert api.call("POST", f"/{holders[-1]}", {"name": f"Holder {place}", "servers": [with_did]}).ok
    taker = taker_of(base, person, page, *numbers)
    answers_late_or_not_at_all(
        page,
        "const isWrite = options.method === 'POST'; window.writes = window.writes || 0;"
        f"if (isWrite && url.includes('{holders[2]}')) return new Response('{{}}', {{status: 503}});"
        f"if (isWrite && url.includes('{holders[0]}') && ++window.writes > 1) return new Response('{{}}', {{status: 503}});"
        "return send(url, options);",
    )
    page.click("#save")
    page.see(".notice", "Holder 0 could not get its numbers back.")
    held = [list(stored(world, person, holder)["servers"][0]["DIDs"]) for holder in holders]
    assert held == [[], [numbers[1]], [numbers[2]]]
    assert stored(world, person, taker)["servers"][0]["DIDs"] == {}


def test_a_new_trunk_of_which_only_a_part_could_be_saved_is_not_made_twice(world, base, person, page):
    number = with_number(world, person, "650568")
    log_in(page, person)
    page.click("a", "New trunk")
    page.click("#add-pbx")
    page.type(field("servers.0.auth.auth_user"), "office")
    page.click("button", "Generate")
    page.type("#new-number", number)
    page.click("#add-number")
    page.see(".numbers li", number)
    answers_late_or_not_at_all(
        page,
        "if (options.method === 'POST' || options.method === 'DELETE') return new Response('{}', {status: 503});"
        "return send(url, options);",
    )
    page.click("#save")
    page.see(".summary", "HTTP 503")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    page.see("#changes", f"{number} added")
    page.wait(lambda: page.execute("return location.hash").endswith(doc_id), "the address of what was saved")
    page.execute("location.reload()")
    page.see(".notice", "Your unsaved changes are back.")
    page.click("#save")
    page.see(".notice", "Saved.")
    assert support.Api(base, person).call("GET").json()["data"] == [doc_id]
    assert list(stored(world, person, doc_id)["servers"][0]["DIDs"]) == [number]
