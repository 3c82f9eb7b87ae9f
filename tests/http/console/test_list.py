"""The list of trunks in the console: pages, order, search, and what each trunk can do."""

import pytest

from app.documents.names import account_db
from tests import support
from tests.http.console import answers_late_or_not_at_all, is_seen, log_in

pytestmark = pytest.mark.slow

TRUNKS = 200


def names(page):
    return page.execute("return [...document.querySelectorAll('.trunks tbody a')].map(link => link.textContent)")


def server(user, *numbers):
    return support.server_with(*numbers, auth_user=user, auth_password="a long password")


def test_many_trunks(world, base, person, page):
    db = account_db(person.account_id)
    private = {"pvt_type": "sys_info", "pvt_account_id": person.account_id, "account": {"auth_realm": person.realm}}
    world.store.load_docs(
        db,
        (
            {
                "_id": f"t{number:04}",
                "name": f"trunk {number}",
                "servers": [support.server_with(f"+1415556{number:04}")],
                **private,
            }
            for number in range(TRUNKS)
        ),
    )
    support.Api(base, person).call("GET")
    log_in(page, person)
    is_seen(page, f"{base}/console#/trunks", "tbody tr:nth-child(20) th a", "trunk")
    page.see("p", f"1 to 20 of {TRUNKS}")
    first = names(page)[0]
    page.click("button", "Next")
    page.see("p", f"21 to 40 of {TRUNKS}")
    page.wait(lambda: names(page) and names(page)[0] != first, "page 2")
    page.type("#search", "(415) 556-0177")
    page.wait(lambda: page.find("p", f"1 found in {TRUNKS} of {TRUNKS}"), "the search")
    page.see("th a", "trunk 177")
    # The order is that of all trunks, not of one page.
    page.type("#search", " ")
    page.click("th button", "Name")
    page.see("p", f"1 to 20 of {TRUNKS}")
    page.wait(lambda: names(page)[:3] == ["trunk 0", "trunk 1", "trunk 2"], "the order")


def test_the_order_of_the_list(world, base, person, page):
    api = support.Api(base, person)
    api.create({"name": "b", "servers": [server("u1", "+14155570001", "+14155570002")]})
    api.create({"name": "a", "servers": [server("u2"), server("u3")]})
    api.create({"name": "C"})
    log_in(page, person)
    for column, expected in (("Name", ["a", "b", "C"]), ("PBXs", ["C", "b", "a"])):
        page.click("th button", column)
        page.wait(lambda expected=expected: names(page) == expected, column)
        page.see('th[aria-sort="ascending"]', column)
    page.click("th button", "PBXs")
    page.wait(lambda: names(page) == ["a", "b", "C"], "the other way round")
    page.see('th[aria-sort="descending"]', "PBXs")
    page.click("th button", "Numbers")
    page.wait(lambda: names(page)[-1] == "b", "by numbers")
    page.see("td", "2")


def test_which_pbxs_can_register(world, base, person, page):
    api = support.Api(base, person)
    mute = support.server_with(auth_user="mute", auth_password=None)
    del mute["auth"]["auth_password"]
    api.create({"name": "two of three", "servers": [server("one"), mute, server("three")]})
    address = {"auth_method": "IP", "ip": "198.51.100.9", "auth_user": "address"}
    api.create({"name": "by address", "servers": [{"auth": address, "options": {}, "DIDs": {}}]})
    api.create({"name": "dead", "servers": [{"auth": server("x")["auth"], "DIDs": {}}]})
    log_in(page, person)
    page.see("tr", "two of three")
    page.see("td.state", "2 of 3 PBXs can register")
    page.see("td.state", "0 of 1 PBX can register")
    page.see("td.state", "1 by address")
    times = "return [...document.querySelectorAll('.time')].filter(time => time.innerText).length"
    page.wait(lambda: page.execute(times) == 3, "the times")
    # Each row takes one request, and one for its last change.
    answers_late_or_not_at_all(page, "(window.asked = window.asked || []).push(url); return send(url, options);")
    page.click("header a", "Account")
    page.see("h2", "below")
    page.click("header a", "Trunks")
    page.wait(lambda: page.execute(times) == 3, "the times")
    page.see("td.state", "1 by address")
    asked = [url for url in page.execute("return window.asked") if "/connectivity/" in url]
    assert len(asked) == 6 and sum("/history" in url for url in asked) == 3


def test_a_search_finds_users_addresses_names_and_numbers(world, base, person, page):
    api = support.Api(base, person)
    found = server("jo-user", "+14155571234") | {"server_name": "Second PBX"}
    address = {"auth_method": "IP", "ip": "198.51.100.44", "auth_user": "a"}
    api.create({"name": "wanted", "servers": [found, {"auth": address, "options": {}, "DIDs": {}}]})
    api.create({"name": "other", "servers": [server("ann", "+14155574321")]})
    log_in(page, person)
    for query in ("jo-user", "198.51.100.44", "second pbx", "(415) 557-1234", "415.557.1234", "+14155571234"):
        page.type("#search", query)
        page.wait(lambda: names(page) == ["wanted"], query)
        page.see("p", "1 found in 2 of 2")
        page.type("#search", "o")
        page.wait(lambda: sorted(names(page)) == ["other", "wanted"], "both")


def test_deleted_trunks_come_back(world, base, person, page):
    api = support.Api(base, person)
    doc_id = api.create({"name": "Gone", "servers": [server("gone")]})
    assert api.call("DELETE", f"/{doc_id}").ok
    log_in(page, person)
    page.click("summary", "Deleted trunks")
    page.see("#deleted li", "Gone")
    page.click("#deleted button", "Bring back")
    page.see(".notice", "Gone is back.")
    page.see("main h1", "Gone")
    assert api.call("GET").json()["data"] == [doc_id]
