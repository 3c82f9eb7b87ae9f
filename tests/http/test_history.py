"""HISTORY=true: every version that a write replaces is kept, is shown with who wrote it, and can be put back."""

import calendar
import threading
import time

import jsonpatch
import pytest
import requests

from app.documents.names import account_db, number_db
from app.history.versions import History, Write
from app.numbers.documents import new_number
from tests import support
from tests.conftest import make_person

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(world):
    server = support.service({**world.environment, "HISTORY": "true", "METRICS_PORT": str(support.free_port())})
    yield server.start().url
    server.stop()


def changed(api, doc_id, *names):
    for name in names:
        assert api.call("PATCH", f"/{doc_id}", {"name": name}).status_code == 200


def who(person, ip="127.0.0.1"):
    """What entries say of a person's writes."""
    name = person.user["username"]
    return {"account_id": person.account_id, "user_id": person.user["_id"], "ip": ip, "name": name}


def test_the_life_of_a_trunk(world, api, person):
    doc_id = api.create({"name": "one", "servers": [support.server_with("+14155550100")]})
    first, before = api.call("GET", f"/{doc_id}").json(), int(time.time())
    changed(api, doc_id, "two")
    assert api.call("POST", f"/{doc_id}", {"name": "three"}).status_code == 200
    answer = api.call("GET", f"/{doc_id}/history").json()
    newest, second, oldest = answer["data"]
    assert [entry["verb"] for entry in (newest, second, oldest)] == ["POST", "PATCH", "PUT"]
    assert [entry["revision"][0] for entry in (newest, second, oldest)] == ["3", "2", "1"]
    assert second["patch"] == [{"op": "replace", "path": "/name", "value": "two"}] and oldest["patch"] is None
    for entry in (newest, second):
        assert entry["who"] == who(person)
        assert before <= entry["when"] - 62167219200 <= time.time() and not entry["deleted"]
        assert len(entry["request_id"]) == 32
    assert oldest["who"]["user_id"] == person.user["_id"]
    # The patches lead from the first version to the current one.
    document = first["data"]
    for entry in (second, newest):
        document = jsonpatch.apply_patch(document, entry["patch"])
    assert document == api.call("GET", f"/{doc_id}").json()["data"]
    old = api.call("GET", f"/{doc_id}/history/{first['revision']}")
    assert old.json()["data"] == first["data"] and old.headers["etag"] == f'"{first["revision"]}"'
    assert api.call("GET", f"/{doc_id}/history/{newest['revision']}").json()["data"]["name"] == "three"


def test_a_version_is_put_back(world, api, person):
    number = "+14155557001"
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), new_number(number, person.account_id, "knm_local"))
    doc_id = api.create({"name": "one", "servers": [support.server_with()]})
    assert api.call("POST", f"/{doc_id}", {"name": "two", "servers": [support.server_with(number)]}).ok
    two = api.call("GET", f"/{doc_id}").json()
    assert api.call("POST", f"/{doc_id}", {"name": "wiped"}).ok
    assert "pvt_used_by" not in world.store.open_doc(number_db(number), number)
    answer = api.call("POST", f"/{doc_id}/history/{two['revision']}")
    assert answer.status_code == 200 and answer.json()["revision"].startswith("4-")
    assert answer.json()["data"] == two["data"] == api.call("GET", f"/{doc_id}").json()["data"]
    assert world.store.open_doc(number_db(number), number)["pvt_used_by"] == "trunkstore"
    newest = api.call("GET", f"/{doc_id}/history").json()["data"][0]
    assert newest["restored"] == two["revision"] and newest["verb"] == "POST"
    refused = api.call("POST", f"/{doc_id}/history/{two['revision']}", headers={"if-match": f'"{two["revision"]}"'})
    assert refused.status_code == 412
    good = api.call("POST", f"/{doc_id}/history/{two['revision']}", headers={"if-match": f'"{newest["revision"]}"'})
    assert good.status_code == 200


@pytest.mark.parametrize("soft", [True, False])
def test_a_deleted_trunk_comes_back(world, api, person, soft):
    doc_id = api.create({"name": "one"})
    changed(api, doc_id, "two")
    two = api.call("GET", f"/{doc_id}").json()
    assert api.call("DELETE", f"/{doc_id}?should_soft_delete={str(soft).lower()}").status_code == 200
    assert api.call("GET", f"/{doc_id}").status_code == 404
    deletion, second, first = api.call("GET", f"/{doc_id}/history").json()["data"]
    assert deletion["deleted"] and deletion["verb"] == "DELETE" and not second["deleted"]
    assert (second["revision"], first["verb"]) == (two["revision"], "PUT")
    assert api.call("POST", f"/{doc_id}/history/{two['revision']}", headers={"if-match": '"3-0"'}).status_code == 412
    answer = api.call("POST", f"/{doc_id}/history/{two['revision']}")
    assert answer.status_code == 200 and answer.json()["data"] == two["data"]
    assert api.call("GET", f"/{doc_id}").json()["data"] == two["data"]
    assert doc_id in api.call("GET").json()["data"]
    stored = world.store.open_doc(account_db(person.account_id), doc_id)
    assert "pvt_deleted" not in stored and stored["pvt_type"] == "sys_info"
    verbs = [entry["verb"] for entry in api.call("GET", f"/{doc_id}/history").json()["data"]]
    assert verbs == (["POST", "DELETE", "PATCH", "PUT"] if soft else [None, "DELETE", "PATCH", "PUT"])


def deleted(api, query="", **more):
    answer = api.call("GET", f"?deleted=true{query}", **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.mark.parametrize("soft", [True, False])
def test_a_deleted_trunk_is_listed_until_it_is_put_back(world, base, api, person, soft):
    other = support.Api(base, make_person(world))
    other.call("DELETE", f"/{other.create({'name': 'of another'})}")
    kept, doc_id = api.create({"name": "kept"}), api.create({"name": "one"})
    changed(api, kept, "still kept")
    changed(api, doc_id, "two")
    assert deleted(api) == []
    two = api.call("GET", f"/{doc_id}").json()
    assert api.call("DELETE", f"/{doc_id}?should_soft_delete={str(soft).lower()}").status_code == 200
    (entry,) = deleted(api)
    deletion = api.call("GET", f"/{doc_id}/history").json()["data"][0]
    assert entry == {
        "id": doc_id,
        "name": "two",
        "revision": two["revision"],
        "when": deletion["when"],
        "who": who(person),
    }
    assert deletion["who"] == who(person) and api.call("GET").json()["data"] == [kept]
    assert api.call("POST", f"/{doc_id}/history/{entry['revision']}").json()["data"] == two["data"]
    assert deleted(api) == [] and set(api.call("GET").json()["data"]) == {kept, doc_id}
    assert [entry["name"] for entry in deleted(other)] == ["of another"]


def test_trunks_that_others_deleted_are_listed_too(world, api, person):
    db, soft, hard = account_db(person.account_id), api.create({"name": "soft"}), api.create({"name": "hard"})
    changed(api, hard, "harder")
    here = api.create({"name": "here"})
    assert api.call("DELETE", f"/{here}").status_code == 200
    stored = world.store.open_doc(db, soft)
    marks = {"pvt_deleted": True, "pvt_modified": stored["pvt_modified"] - 100, "pvt_auth_user_id": "gone"}
    marked = world.store.save_doc(db, {**stored, **marks})
    revision = api.call("GET", f"/{hard}/history").json()["data"][1]["revision"]
    world.store.delete_doc(db, hard, world.store.open_doc(db, hard)["_rev"])
    world.store.save_doc(db, {"_id": "a user", "pvt_type": "user", "pvt_deleted": True, "name": "no trunk"})
    nobody = {"account_id": None, "user_id": None, "ip": None, "name": None}
    by_crossbar = {**who(person, ip=None), "user_id": "gone", "name": None}
    newest, second, last = deleted(api)
    assert newest["id"] == here
    assert second == {
        "id": soft,
        "name": "soft",
        "revision": marked,
        "when": marks["pvt_modified"],
        "who": by_crossbar,
    }
    assert last == {"id": hard, "name": "hard", "revision": revision, "when": None, "who": nobody}
    for entry in (second, last):
        assert api.call("POST", f"/{entry['id']}/history/{entry['revision']}").json()["data"]["name"] == entry["name"]
    assert [entry["id"] for entry in deleted(api)] == [here]


@pytest.mark.either_engine
def test_pages_of_deleted_trunks(world, api, person):
    db = account_db(person.account_id)
    for number in range(5):
        marked = {"pvt_type": "sys_info", "pvt_deleted": True, "pvt_modified": 63_800_000_000 + number // 2}
        world.store.save_doc(db, {"_id": f"trunk {number}", "name": "x" * 300, **marked})
    whole = deleted(api, "&paginate=false")
    assert [entry["id"] for entry in whole] == [f"trunk {number}" for number in (4, 3, 2, 1, 0)]
    assert {entry["name"] for entry in whole} == {"x" * 255}
    pages, query = [], "?deleted=true&page_size=2"
    while query:
        answer = api.call("GET", query).json()
        pages.append(answer["data"])
        assert answer["page_size"] == len(answer["data"])
        following = answer.get("next_start_key")
        query = following and f"?deleted=true&page_size=2&start_key={following}"
    assert [len(page) for page in pages] == [2, 2, 1] and sum(pages, []) == whole
    assert deleted(api, "&start_key=nonsense") == whole
    assert deleted(support.Api(api.base, person, version="v1")) == whole


def test_deleted_trunks_without_the_setting_and_for_those_who_may_not(world, base, api, person, service_on, engine):
    kept, doc_id = api.create({"name": "kept"}), api.create({"name": "one"})
    assert api.call("DELETE", f"/{doc_id}").status_code == 200
    without = support.Api(service_on(engine), person)
    assert deleted(without) == [kept] == api.call("GET", "?deleted=false").json()["data"]
    assert api.call("GET", headers={"deleted": "true"}, data={"deleted": True}).json()["data"] == [kept]
    stranger, parent = support.Api(base, make_person(world)), support.Api(base, world.master)
    assert stranger.call("GET", "?deleted=true", account_id=person.account_id).status_code == 403
    assert requests.get(api.url("?deleted=true"), timeout=120).status_code == 401
    assert [entry["id"] for entry in deleted(parent, account_id=person.account_id)] == [doc_id]


@pytest.mark.either_engine
def test_authors_have_names(world, base, api, person):
    db = account_db(person.account_id)
    api_key = world.store.open_doc("accounts", person.account_id)["pvt_api_key"]
    login = requests.put(f"{base}/v2/api_auth", json={"data": {"api_key": api_key}}, timeout=120).json()
    doc_id, reader = api.create({"name": "one"}), support.Api(base, world.master)
    headers = {"X-Auth-Token": login["auth_token"]}
    assert api.call("PATCH", f"/{doc_id}", {"name": "two"}, headers=headers).status_code == 200

    def names():
        entries = reader.call("GET", f"/{doc_id}/history", account_id=person.account_id).json()["data"]
        return [entry["who"]["name"] for entry in entries]

    def rename(**members):
        user = world.store.open_doc(db, person.user["_id"])
        world.store.save_doc(db, {**user, **members})

    assert names() == [person.account["name"], person.user["username"]]
    rename(first_name=" Jo ", last_name="Miller")
    assert names()[1] == "Jo Miller"
    rename(first_name="", last_name="M" * 300)
    assert names()[1] == "M" * 255
    rename(pvt_deleted=True)
    assert names()[1] is None
    user = world.store.open_doc(db, person.user["_id"])
    world.store.delete_doc(db, user["_id"], user["_rev"])
    assert names()[1] is None


@pytest.mark.either_engine
def test_pages(api):
    doc_id = api.create({"name": "0"})
    changed(api, doc_id, *map(str, range(1, 8)))
    whole = api.call("GET", f"/{doc_id}/history?paginate=false").json()["data"]
    assert [entry["revision"].partition("-")[0] for entry in whole] == list("87654321")
    assert api.call("GET", f"/{doc_id}/history", headers={}).json()["page_size"] == 8
    pages, path = [], f"/{doc_id}/history?page_size=3"
    while path:
        answer = api.call("GET", path).json()
        pages.append(answer["data"])
        following = answer.get("next_start_key")
        path = following and f"/{doc_id}/history?page_size=3&start_key={following}"
    assert [len(page) for page in pages] == [3, 3, 2] and sum(pages, []) == whole


def test_writes_of_others_leave_a_gap_that_is_told(world, api, person):
    doc_id = api.create({"name": "one"})
    changed(api, doc_id, "two")
    db = account_db(person.account_id)
    stored = world.store.open_doc(db, doc_id)
    world.store.save_doc(db, {**stored, "name": "by crossbar", "pvt_auth_user_id": "somebody"})
    newest, oldest = api.call("GET", f"/{doc_id}/history").json()["data"]
    assert newest["verb"] is None and newest["who"]["user_id"] == "somebody"
    assert newest["patch"] == [{"op": "replace", "path": "/name", "value": "by crossbar"}]
    assert oldest["revision"].startswith("1-")


@pytest.mark.either_engine
def test_only_for_those_who_may(world, base, api, person):
    doc_id = api.create({"name": "one"})
    revision = api.call("GET", f"/{doc_id}").json()["revision"]
    changed(api, doc_id, "two")
    stranger, parent = support.Api(base, make_person(world)), support.Api(base, world.master)
    for method, path in (("GET", ""), ("GET", f"/{revision}"), ("POST", f"/{revision}")):
        url = f"/{doc_id}/history{path}"
        assert stranger.call(method, url, account_id=person.account_id).status_code == 403
        assert parent.call(method, url, account_id=person.account_id).status_code == 200
        assert requests.request(method, api.url(url), timeout=120).status_code == 401
        assert api.call("DELETE", url).status_code == 405
    rules = {"connectivity": [{"allowed_accounts": ["_"], "rules": {"*": ["GET"]}}]}
    document = {"_id": "token_restrictions", "restrictions": {"_": {"_": rules}}}
    world.store.save_doc(account_db(person.account_id), document)
    time.sleep(2.1)
    assert api.call("GET", f"/{doc_id}").status_code == 200
    assert api.call("GET", f"/{doc_id}/history").status_code == 403


@pytest.mark.either_engine
def test_what_is_not_there(world, base, api, person, service_on, engine):
    doc_id = api.create({"name": "one"})
    for path in (
        "/nothing/history",
        f"/{person.account_id}/history",
        f"/{doc_id}/history/9-00000000000000000000000000000000",
        f"/{doc_id}/history/x",
        f"/{doc_id}/history/1-0/x",
        f"/{doc_id}/other",
        "/_design%252Ftrunkstore/history",
    ):
        assert api.call("GET", path).status_code == 404, path
    assert api.call("POST", f"/{doc_id}/history/1-0").status_code == 404
    # Other documents are not put back by this path, and without the setting there is none.
    without = support.Api(service_on(engine), person)
    revision = api.call("GET", f"/{doc_id}").json()["revision"]
    for path in (f"/{doc_id}/history", f"/{doc_id}/history/{revision}"):
        assert without.call("GET", path).status_code == 404
        assert api.call("GET", path).status_code == 200
    before = world.store.database_names()
    changed(without, doc_id, "two")
    assert world.store.database_names() == before and len(api.call("GET", f"/{doc_id}/history").json()["data"]) == 1


def test_a_version_that_the_schema_refuses_is_not_put_back(world, api, person):
    doc_id = api.create({"name": "one"})
    db = account_db(person.account_id)
    legacy = world.store.save_doc(
        db, {**world.store.open_doc(db, doc_id), "servers": [{"auth": {}, "options": "none"}]}
    )
    assert api.call("POST", f"/{doc_id}", {"name": "good"}).ok
    refused = api.call("POST", f"/{doc_id}/history/{legacy}")
    assert refused.status_code == 400 and refused.json()["data"].keys() == {"servers.0.options"}
    assert api.call("GET", f"/{doc_id}").json()["data"]["name"] == "good"


def test_a_version_with_anothers_number_is_not_put_back(world, api, person):
    number = "+14155557002"
    doc_id = api.create({"servers": [support.server_with(number)]})
    revision = api.call("GET", f"/{doc_id}").json()["revision"]
    changed(api, doc_id, "two")
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), new_number(number, make_person(world).account_id, "knm_local"))
    assert api.call("POST", f"/{doc_id}/history/{revision}").status_code == 403


def test_old_versions_are_not_shown_and_their_databases_go(world, person, monkeypatch):
    clock = [calendar.timegm((2031, 1, 15, 0, 0, 0))]
    monkeypatch.setattr("app.history.versions.time.time", lambda: clock[0])
    history = History(world.store, days=40)

    def keep(generation):
        document = {"_id": "d", "_rev": f"{generation}-a", "name": generation}
        when = int(clock[0]) + 62167219200
        history.keep(person.account_id, document, Write("POST", when))
        # What is deleted is deleted behind the write, day by day.
        for thread in [thread for thread in threading.enumerate() if thread.name == "old versions"]:
            thread.join(60)

    def kept():
        return [version.document["name"] for version in history.versions(person.account_id, "d")]

    keep(1)
    clock[0] += 30 * 86_400
    keep(2)
    assert kept() == [2, 1] and history.find(person.account_id, "d", "1-a").document["name"] == 1
    clock[0] += 15 * 86_400
    keep(3)
    assert kept() == [3, 2] and world.store.has_db("connectivity_history/203101")
    clock[0] += 12 * 86_400
    keep(10)
    assert kept() == [10, 3, 2]
    clock[0] += 86_400
    keep(11)
    monkeypatch.undo()
    assert not world.store.has_db("connectivity_history/203101")
    for month in ("02", "03"):
        world.store.delete_db(f"connectivity_history/2031{month}")


def test_more_versions_than_a_page_of_the_store(world, person):
    history = History(world.store, days=40)
    for generation in range(1, 121):
        write = Write("POST", int(time.time()) + 62167219200)
        history.keep(person.account_id, {"_id": "x/%é", "_rev": f"{generation}-a"}, write)
    revisions = [version.revision for version in history.versions(person.account_id, "x/%é")]
    assert revisions == [f"{generation}-a" for generation in range(120, 0, -1)]
    assert [version.revision for version in history.versions(person.account_id, "x/%é", "2-a")] == ["2-a", "1-a"]
    for other in ("x", "x-2F%é", "x/%"):
        assert list(history.versions(person.account_id, other)) == []
    assert history.find(person.account_id, "x/%é", "7-a").document["_rev"] == "7-a"
    assert history.find(person.account_id, "x/%é", "7-") is None


def test_every_version_is_kept_whoever_else_writes(base, person):
    apis = [support.Api(base, person) for _ in range(5)]
    doc_id = apis[0].create({"name": "first"})
    statuses = []

    def write(number, api):
        for place in range(5):
            statuses.append(api.call("POST", f"/{doc_id}", {"name": f"{number}-{place}"}).status_code)

    threads = [threading.Thread(target=write, args=pair) for pair in enumerate(apis)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 25
    entries = apis[0].call("GET", f"/{doc_id}/history?paginate=false").json()["data"]
    assert [int(entry["revision"].partition("-")[0]) for entry in entries] == list(range(26, 0, -1))
    assert all(entry["verb"] == "POST" for entry in entries[:-1])


def test_large_versions_are_listed_without_their_differences(api):
    large = {"name": "large", "extra": {f"m{number}": "x" * 1000 for number in range(700)}}
    doc_id = api.create(large)
    changed(api, doc_id, "two", "three")
    entries = api.call("GET", f"/{doc_id}/history").json()["data"]
    assert [entry["verb"] for entry in entries] == ["PATCH", "PATCH", "PUT"]
    assert [entry["patch"] for entry in entries] == [None] * 3


class Failing:
    """A store that cannot write."""

    def __getattr__(self, name):
        from app.store import Unavailable

        def fail(*arguments, **more):
            raise Unavailable("gone")

        return fail


def test_a_failing_history_is_counted_and_no_fault_of_the_write(caplog):
    failed = []
    history = History(Failing(), 90, lambda: failed.append(1))
    history.keep("a" * 32, {"_id": "d", "_rev": "1-a", "servers": ["secret"]}, Write("POST", 1))
    assert failed == [1] and "gone" in caplog.text and "secret" not in caplog.text


@pytest.mark.either_engine
def test_the_command(world, api, person):
    doc_id = api.create({"name": "one", "servers": [support.server_with()]})
    revision = api.call("GET", f"/{doc_id}").json()["revision"]
    assert api.call("POST", f"/{doc_id}", {"name": "two", "servers": [support.server_with(auth_password="hush")]}).ok
    environment = {**world.environment, "HISTORY": "true"}
    told = support.run(environment, "history", person.account_id, doc_id)
    assert revision in told and "replace /name" in told and "POST" in told and "hush" not in told
    lines = support.json_lines(support.run(environment, "history", person.account_id, doc_id, "--json"))
    assert lines == api.call("GET", f"/{doc_id}/history").json()["data"]
    done = support.run(environment, "history", person.account_id, doc_id, "--restore", revision)
    assert "is put back" in done
    assert api.call("GET", f"/{doc_id}").json()["data"]["name"] == "one"
    newest = api.call("GET", f"/{doc_id}/history").json()["data"][0]
    assert newest["restored"] == revision and newest["who"]["ip"] == "command"
    assert "HISTORY" in support.run(world.environment, "history", person.account_id, doc_id, code=2)
    assert support.run(environment, "history", person.account_id, "none", code=2) == "Error: there is no trunk none\n"
    missing = support.run(environment, "history", person.account_id, doc_id, "--restore", "9-0", code=2)
    assert missing.strip().endswith(f"Error: there is no version 9-0 of a trunk {doc_id}")


def test_the_command_refuses_what_a_save_refuses(world, person):
    environment, db = {**world.environment, "HISTORY": "true"}, account_db(person.account_id)
    old = {"_id": "old", "pvt_type": "sys_info", "servers": "none", "account": {}}
    old["_rev"] = world.store.save_doc(db, old)
    refused = support.run(environment, "history", person.account_id, "old", "--restore", old["_rev"], code=2)
    assert '"servers"' in refused and "Value did not match type(s): array" in refused
    number = "+14156660143"
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), new_number(number, world.master.account_id, "knm_local"))
    taken = {**old, "_id": "taken", "servers": [support.server_with(number)]}
    del taken["_rev"]
    taken["_rev"] = world.store.save_doc(db, taken)
    refused = support.run(environment, "history", person.account_id, "taken", "--restore", taken["_rev"], code=2)
    assert f"unauthorized to use {number}" in refused
    assert world.store.open_doc(db, "taken") == taken
