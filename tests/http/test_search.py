"""Searches for accounts and users: `/search` and `/search/multi` (docs/kazoo/clients.md, section 1d)."""

from urllib.parse import urlencode

import pytest
import requests

from app.documents.names import account_db
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

CORS = {"Origin": "https://ui.example.com", "Access-Control-Request-Method": "GET"}


class Search:
    """A client that searches. `path` comes before the noun."""

    def __init__(self, base, caller, path=""):
        self.url = f"{base}/v2{path}/search"
        self.headers = {"X-Auth-Token": support.Api(base, caller).token}

    def __call__(self, path="", **query):
        return requests.get(f"{self.url}{path}?{urlencode(query)}", headers=self.headers, timeout=120)

    def found(self, path="", **query):
        answer = self(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@pytest.fixture
def family(world):
    """A reseller, three customers of theirs, one of those below another, and a stranger."""
    reseller = make_person(world, "Reseller")
    names = ("Kunde Eins", "kunde-zwei", "Other GmbH & Co.")
    customers = [make_person(world, name, reseller) for name in names]
    return reseller, customers, make_person(world, "Kunde of others"), make_person(world, "Kunde drei", customers[0])


def names_in(rows):
    return [row["name"] for row in rows]


def test_accounts_below_the_callers_are_found(base, family):
    reseller, customers, _, grandchild = family
    search = Search(base, reseller)
    found = search.found(t="account", q="name", v="KUN-de ")
    expected = sorted([customers[0], customers[1], grandchild], key=lambda person: person.account["name"].lower())
    assert sorted(row["id"] for row in found) == sorted(person.account_id for person in expected)
    first = next(row for row in found if row["id"] == customers[0].account_id)
    assert first == {
        "id": customers[0].account_id,
        "name": customers[0].account["name"],
        "realm": customers[0].account["realm"],
        "descendants_count": 0,
    }
    realm = customers[2].account["realm"]
    assert names_in(search.found(t="account", q="realm", v=realm)) == [customers[2].account["name"]]
    assert names_in(search.found(t="account", q="id", v=grandchild.account_id[:9])) == [grandchild.account["name"]]
    assert search.found(t="account", q="name", v="nobody") == []
    assert len(search.found(t="account", q="name", v="")) == 4
    # The account of the path does not count.
    assert (
        len(Search(base, reseller, f"/accounts/{customers[0].account_id}").found(t="account", q="name", v="k")) == 3
    )
    assert Search(base, customers[1]).found(t="account", q="name", v="k") == []


def test_several_at_once_as_the_account_switcher_asks(base, family):
    reseller, customers, _, grandchild = family
    search = Search(base, reseller)
    found = search.found("/multi", t="account", by_name="kunde", by_realm="kunde", by_id="kunde", _="1")
    assert {query: len(rows) for query, rows in found.items()} == {"name": 3, "realm": 0, "id": 0}
    realm = customers[1].account["realm"]
    found = search.found("/multi", t="account", by_name=realm, by_realm=realm, by_id=realm)
    assert [row["id"] for row in found["realm"]] == [customers[1].account_id] and found["name"] == []
    envelope = search("/multi", t="account", by_name="").json()
    assert "page_size" not in envelope and grandchild.account_id in {row["id"] for row in envelope["data"]["name"]}


def test_users_of_an_account(world, base, family):
    reseller, customers, stranger, _ = family
    support.add_user(world.store, customers[0].account_id, "jo", support.PASSWORD)
    mine = f"/accounts/{customers[0].account_id}"
    (found,) = [
        row for row in Search(base, reseller, mine).found(t="user", q="name", v="JoJ") if row["name"] == "jo jo"
    ]
    assert found["name"] == "jo jo" and found["first_name"] == "jo"
    user = world.store.open_doc(account_db(customers[0].account_id), found["id"])
    assert user["username"] == "jo"
    (own,) = Search(base, customers[0]).found(t="user", q="name", v="jo")
    assert own == found
    for query in ("number", "name_and_number"):
        assert Search(base, reseller, mine)(t="user", q=query, v="5").status_code == 200
    assert Search(base, stranger, mine)(t="user", q="name", v="jo").status_code == 403
    assert Search(base, stranger, mine)("/multi", t="account", by_name="k").status_code == 403


def test_pages(base, world):
    reseller = make_person(world, "Pager")
    for number in range(5):
        make_person(world, f"page {number}", reseller)
    search = Search(base, reseller)
    whole = search.found(t="account", q="name", v="page", paginate="false")
    assert len(whole) == 5
    key, pages = {}, []
    while True:
        envelope = search(t="account", q="name", v="page", page_size=2, **key).json()
        pages.append(envelope["data"])
        assert envelope["page_size"] == len(envelope["data"]) and envelope["start_key"]
        if "next_start_key" not in envelope:
            break
        key = {"start_key": envelope["next_start_key"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row for page in pages for row in page] == whole


def test_a_start_key_does_not_lead_to_accounts_of_others(base, family):
    reseller, _, stranger, _ = family
    first = Search(base, reseller)(t="account", q="name", v="kunde", page_size=1).json()
    theirs = Search(base, stranger)(t="account", q="name", v="", start_key=first["next_start_key"], paginate="false")
    assert theirs.status_code == 200 and theirs.json()["data"] == []


def test_a_start_key_beyond_what_is_found_does_not_count(base, world):
    reseller = make_person(world, "Keyed")
    make_person(world, "keyed below", reseller)
    search = Search(base, reseller)
    whole = search.found(t="account", q="name", v="keyed")
    for key in ("zzz", "aaa", "\ufff0"):
        assert search.found(t="account", q="name", v="keyed", start_key=key) == whole and len(whole) == 1


def test_many_numbers_and_many_queries_cost_little(world, base, person):
    api = support.Api(base, person)
    search = Search(base, person, f"/accounts/{person.account_id}")
    few = api.create({"name": "few", "numbers": [f"+1212555{number:04}" for number in range(100)]})
    api.create({"name": "many", "numbers": [f"+1212555{number:04}" for number in range(2000)]})
    api.create({"name": "long", "numbers": ["+1212555" + "0" * 5000]})
    assert [row["id"] for row in search.found(t="sys_info", q="number", v="1212555", paginate="false")] == [few] * 100
    # The accounts' own database shows how each parameter is read: once.
    path = "/multi?t=account&" + "&".join(["by_name=x"] * 1000)
    answer = requests.get(search.url + path, headers=search.headers, timeout=120)
    assert answer.status_code == 200 and answer.json()["data"] == {"name": []}


def test_what_is_missing_is_told_in_kazoos_words(base, person):
    search = Search(base, person, f"/accounts/{person.account_id}")

    def error(*arguments, **query):
        answer = search(*arguments, **query)
        assert (answer.status_code, answer.json()["message"]) == (400, "validation error")
        return answer.json()["data"]

    types = ["account", "user", "callflow", "device"]
    of_accounts = ["id", "name", "realm"]
    assert error() == {"t": {"required": {"message": "search needs a document type to search on", "target": types}}}
    assert error("/multi") == {
        "t": {"required": {"message": "Search needs a document type to search on", "target": types}}
    }
    required = error(t="account")["q"]["required"]
    assert required["message"] == "search needs a view to search in" and sorted(required["target"]) == of_accounts
    of_users = error(t="user")["q"]["required"]["target"]
    assert sorted(of_users) == ["name", "name_and_number", "number"]
    assert error(t="account", q="name") == {"v": {"required": {"message": "search needs a value to search for"}}}
    unknown = {"q": {"enum": {"message": "value not found in enumerated list of values", "cause": "color"}}}
    assert error(t="account", q="color", v="x") == unknown
    assert error("/multi", t="account", by_name="x", by_color="red") == unknown
    several = error("/multi", t="account")["multi"]["enum"]
    assert several["message"] == "multi search needs some values to search for"
    assert sorted(several["target"]) == of_accounts


def test_who_is_nobody_finds_nothing(base, person):
    search = Search(base, person)
    search.headers = {}
    assert search(t="account", q="name", v="x").status_code == 401
    assert search("/multi", t="account", by_name="x").status_code == 401
    assert Search(base, person)("/other", t="account").status_code == 404


@pytest.mark.parametrize("path", ["/search", "/search/multi", "/devices", "/webhooks/x", "/search/other"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_browser_may_ask_whatever_kazoo_has(base, person, path, version):
    """A refused preflight would hide the answer, even that of a 404."""
    for url in (f"{base}/{version}{path}", f"{base}/{version}/accounts/{person.account_id}{path}"):
        answer = requests.options(url, headers=CORS, timeout=120)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
