"""One trunk in the console: its form, its JSON, what it says before and after a save, and what it keeps."""

import json

import pytest

from app.documents.names import account_db
from tests import support
from tests.http.console import (
    answers_late_or_not_at_all,
    field,
    is_seen,
    log_in,
    open_trunk,
    read_json,
    stored,
    with_number,
    write_json,
)

pytestmark = pytest.mark.slow

# Of a large trunk, with ten numbers each.
PBXS = support.often(20, 200)


def server(*numbers, user="pbx", **members):
    made = support.server_with(*numbers, auth_user=user, auth_password="a long password")
    return {**made, **members}


def test_the_console_tells_what_will_not_work(world, base, person, page):
    api = support.Api(base, person)
    made = server()
    doc_id = api.create({"name": "Dead", "servers": [{name: made[name] for name in ("auth", "DIDs")}]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "Dead")
    page.see(".findings li.error", "no PBX of this trunk can register")
    # It stands at the field too, and leads there. What is there already is no reason to ask.
    page.see('[data-path="servers.0"] .finding', "no PBX of this trunk can register")
    page.click('.findings [data-to="servers.0.options"]')
    assert "servers.0" in page.execute("return document.activeElement.closest('[data-path]').dataset.path")
    page.type(field("name"), "Still dead")
    page.click("#save")
    page.see("main h1", "Still dead")
    # A new error is.
    document = api.call("GET", f"/{doc_id}").json()["data"]
    document["servers"][0] |= {"options": {}, "DIDs": {"4155550100": {}}}
    write_json(page, json.dumps(document))
    page.click("#save")
    page.see(".notice", "something will not work")
    page.see(".findings li.error", "the number is not in E.164 form")
    assert page.execute("return document.querySelectorAll('.findings li.error').length") == 2
    assert list(stored(world, person, doc_id)["servers"][0]["DIDs"]) == []
    page.click("#save", "Save anyway")
    page.wait(lambda: "4155550100" in stored(world, person, doc_id)["servers"][0]["DIDs"], "the save")


def test_what_will_not_work_is_told_while_somebody_types(world, base, person, page):
    log_in(page, person)
    page.click("a", "New trunk")
    page.click("#add-pbx")
    page.see('[data-path="servers.0.auth.auth_user"] .finding', "Without a user name")
    page.see(".picture a.error", "user")
    page.type(field("servers.0.auth.auth_user"), "pbx")
    page.gone('[data-path="servers.0.auth.auth_user"] .finding')
    page.click("button", "Generate")
    page.gone(".findings li.error")
    page.see(".picture a", "user pbx")
    assert support.Api(base, person).call("GET").json()["data"] == []


def test_a_refused_save_shows_the_apis_words_at_the_field(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "t", "servers": [server("+14155550100")]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    page.click("#tab-json")
    page.click("#secrets")
    value = json.loads(read_json(page))
    value["servers"][0]["options"]["progress_timeout"] = 0
    value["servers"][0]["DIDs"]["+14155550100"]["force_outbound"] = "x"
    write_json(page, json.dumps(value))
    answer = support.Api(base, person).call("POST", f"/{doc_id}", value)
    wanted = {path: next(iter(rules.values()))["message"] for path, rules in answer.json()["data"].items()}
    assert set(wanted) == {"servers.0.options.progress_timeout", "servers.0.DIDs.+14155550100.force_outbound"}
    page.click("#save")
    for message in wanted.values():
        page.see(".summary li", message)
    assert page.execute("return document.activeElement.className") == "summary"
    for path, message in wanted.items():
        page.click(f'.summary [data-to="{path}"]')
        page.see(f'[data-path="{path}"] .error', message)
        assert page.execute("return document.activeElement.getAttribute('aria-invalid')") == "true"
    page.type(field("servers.0.options.progress_timeout"), "5")
    page.choose(field("servers.0.DIDs.+14155550100.force_outbound"), "true")
    page.click("#save")
    page.see(".notice", "Saved.")
    page.gone(".summary li")


def test_what_the_form_does_not_know_is_kept_exactly(world, base, person, page):
    db = account_db(person.account_id)
    odd = {"big": 12345678901234567890, "one": 1.0, "small": 1e-7, "list": [1.50, None, True], "": {"é": []}}
    doc_id = support.Api(base, person).create({"name": "t", "servers": [server()], "odd": odd})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    page.type(field("name"), "changed")
    page.click("#save")
    page.see(".notice", "Saved.")
    document = world.store.open_doc(db, doc_id)
    assert document["name"] == "changed" and json.dumps(document["odd"]) == json.dumps(odd)
    # Not even a look at the JSON changes it.
    write_json(page, read_json(page).replace('"changed"', '"again"'))
    page.click("#save")
    page.wait(lambda: world.store.open_doc(db, doc_id)["name"] == "again", "the second save")
    document = world.store.open_doc(db, doc_id)
    assert json.dumps(document["odd"]) == json.dumps(odd)
    assert document["servers"][0]["auth"]["auth_password"] == "a long password"


def test_documents_of_odd_shapes_can_be_opened(world, base, person, page):
    db = account_db(person.account_id)
    private = {"pvt_type": "sys_info", "account": {"auth_realm": person.realm}}
    world.store.save_doc(db, {"_id": "odd", "name": "odd", "servers": {"0": {}}, **private})
    php = [{"auth": {"auth_method": "IP", "ip": "198.51.100.1", "auth_user": "x"}, "options": []}]
    world.store.save_doc(db, {"_id": "php", "name": "php", "servers": php, **private})
    log_in(page, person)
    open_trunk(page, base, "odd", "odd")
    page.click("#add-pbx")
    page.see("summary", "PBX 1")
    page.click("#discard")
    page.see("#changes", "Everything is saved.")
    open_trunk(page, base, "php", "php")
    page.click("summary", "More")
    page.type(field("servers.0.options.progress_timeout"), "7")
    page.click("#save")
    page.see(".notice", "Saved.")
    assert stored(world, person, "php")["servers"][0]["options"]["progress_timeout"] == 7


def test_a_pbx_shows_only_what_belongs_to_how_it_proves_itself(world, base, person, page):
    log_in(page, person)
    page.click("a", "New trunk")
    page.click("#add-pbx")
    page.see('[data-path="servers.0.auth.auth_password"]')
    assert page.find('[data-path="servers.0.auth.ip"]') == []
    page.click("label", "Its IP address")
    page.type(field("servers.0.auth.ip"), "198.51.100.7")
    assert page.find('[data-path="servers.0.auth.auth_password"]') == []
    # What belongs to the other way is not lost: it is under "More".
    page.click("summary", "More")
    page.type(field("servers.0.auth.auth_user"), "office")
    assert page.find(".server h3") != []
    page.click("#save")
    page.see("button", "Delete")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    auth = stored(world, person, doc_id)["servers"][0]["auth"]
    assert auth == {"auth_method": "IP", "auth_user": "office", "ip": "198.51.100.7"}


def test_the_two_names_of_a_pbx_are_one_field(world, base, person, page):
    made = {name: value for name, value in server().items() if name != "server_name"}
    given = [{"server_name": "old"}, {"name": "old"}, {"name": "other", "server_name": "old"}]
    doc_id = support.Api(base, person).create({"name": "t", "servers": [{**made, **names} for names in given]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    for place in range(3):
        path = f"servers.{place}.name"
        assert page.execute(f"return document.querySelector('[data-path=\"{path}\"] input').value") == "old"
        page.type(field(path), "new")
        page.see(f'[data-path="servers.{place}"] summary', "new")
    page.click("#save")
    page.see(".notice", "Saved.")
    after = [
        {name: each[name] for name in ("name", "server_name") if name in each}
        for each in stored(world, person, doc_id)["servers"]
    ]
    assert after == [{"server_name": "new"}, {"name": "new"}, {"name": "new", "server_name": "new"}]


def test_a_member_that_an_operator_adds_to_the_schema_is_in_the_form(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "t", "servers": [server()]})
    log_in(page, person)
    added = {
        "site_code": {"type": "string"},
        "codecs": {"type": "array", "items": {"enum": ["PCMU", "PCMA"]}},
        "contacts": {"type": "array", "items": {"type": "object"}},
    }
    answers_late_or_not_at_all(
        page,
        "const answer = await send(url, options); if (!String(url).endsWith('/schemas/connectivity')) return answer;"
        "const envelope = await answer.json();"
        "Object.assign(envelope.data.properties.servers.items.properties.options.properties,"
        f"{json.dumps(added)}); envelope.data.properties.region = {{enum: ['north', 'south']}};"
        "return new Response(JSON.stringify(envelope));",
    )
    page.execute("location.hash = arguments[0]", f"#/trunks/{doc_id}")
    page.see("#save")
    page.choose(field("region"), r"\"south\"")
    page.click("summary", "More")
    page.see("label", "Site code")
    page.type(field("servers.0.options.site_code"), "B7")
    page.click('[data-path="servers.0.options.codecs"] label', "PCMA")
    page.type(field("servers.0.options.contacts"), '[{"name": "Jo"}]')
    page.click("#save")
    page.see(".notice", "Saved.")
    document = stored(world, person, doc_id)
    options = document["servers"][0]["options"]
    assert (document["region"], options["site_code"]) == ("south", "B7")
    assert (options["codecs"], options["contacts"]) == (["PCMA"], [{"name": "Jo"}])


def test_save_stays_in_sight_and_says_what_changed(world, base, person, page):
    servers = [server(user=f"user{number}", server_name=f"pbx {number}") for number in range(3)]
    doc_id = support.Api(base, person).create({"name": "t", "servers": servers})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    page.see("#changes", "Everything is saved.")
    in_sight = (
        "const {top, bottom} = document.getElementById('save').getBoundingClientRect();"
        "return document.documentElement.scrollHeight > 2 * innerHeight && top >= 0 && bottom <= innerHeight"
    )
    assert page.execute(in_sight)
    page.type(field("servers.1.auth.auth_user"), "new-user")
    page.type(field("servers.1.auth.auth_password"), "another long one")
    page.see("#changes", "Not saved: 2 changes")
    page.see("#changes li", "pbx 1: User name: user1 → new-user")
    page.see("#changes li", "pbx 1: Password: changed")
    assert page.execute("return document.title").startswith("● t")
    page.click("#discard")
    page.see("#changes", "Everything is saved.")
    assert (
        page.execute("return document.querySelector('[data-path=\"servers.1.auth.auth_user\"] input').value")
        == "user1"
    )


def test_unsaved_changes_survive_a_reload(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "before", "servers": [server()]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "before")
    page.type(field("name"), "after")
    page.see("#changes", "before → after")
    page.execute("location.reload()")
    page.see(".notice", "Your unsaved changes are back.")
    page.see("#changes", "before → after")
    page.click("#save")
    page.see(".notice", "Saved.")
    assert stored(world, person, doc_id)["name"] == "after"
    page.execute("location.reload()")
    page.see("#changes", "Everything is saved.")
    # If somebody else saves in the meantime, both are shown.
    page.type(field("name"), "mine")
    page.see("#changes", "after → mine")
    assert support.Api(base, person).call("PATCH", f"/{doc_id}", {"name": "theirs"}).ok
    page.execute("location.reload()")
    page.see(".notice", "Your unsaved changes are back.")
    page.click("#save")
    page.see("dialog h2", "Someone else was first")
    page.click("dialog button", "Cancel")
    # They end with the session.
    page.click("header button", "Log out")
    page.see("h1", "Log in")
    assert page.execute("return sessionStorage.length") == 0


def test_passwords_in_the_json_are_hidden_until_somebody_asks(world, base, person, page):
    servers = [server(user=user, server_name=user) for user in ("one", "two")]
    servers[1]["auth"]["auth_password"] = "the second password"
    doc_id = support.Api(base, person).create({"name": "t", "servers": servers})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    text = read_json(page)
    assert "password" in text and "a long password" not in text and "the second password" not in text
    # Each stays with its PBX, wherever somebody puts it.
    value = json.loads(text)
    value["servers"].reverse()
    write_json(page, json.dumps(value))
    page.click("#save")
    page.see(".notice", "Saved.")
    after = {
        each["auth"]["auth_user"]: each["auth"]["auth_password"] for each in stored(world, person, doc_id)["servers"]
    }
    assert after == {"one": "a long password", "two": "the second password"}
    page.click("#secrets", "Show passwords")
    assert "the second password" in read_json(page)
    page.click("#secrets", "Hide passwords")
    assert "the second password" not in read_json(page)
    # One that is hidden in another trunk is not taken for a password.
    write_json(page, read_json(page).replace("••••", "•••• of another"))
    page.see("#json-error", "is the hidden password of another trunk")
    page.click("#save")
    assert page.execute("return document.activeElement.id") == "json"


def test_json_that_is_not_valid_stays_until_it_is(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "t"})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    write_json(page, '{"name": "t", ')
    page.see("#json-error", "Invalid JSON")
    page.see("#changes", "Not saved")
    page.click("#tab-form")
    page.click("#save")
    page.see("#json")
    assert page.execute("return document.getElementById('json').value") == '{"name": "t", '
    write_json(page, '{"name": "mended"}')
    page.click("#save")
    page.see(".notice", "Saved.")
    assert stored(world, person, doc_id)["name"] == "mended"


def test_a_member_that_is_edited_as_json(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "t", "servers": [server()]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    page.click("summary", "More")
    page.type(field("servers.0.options.sip_headers"), '[{"x": ')
    page.click("#save")
    assert page.execute("return document.activeElement.validationMessage").startswith("Invalid JSON")
    assert page.find(".notice", "Saved.") == []
    page.type(field("servers.0.options.sip_headers"), '[{"X-Site": "7"}]')
    page.click("#save")
    page.see(".notice", "Saved.")
    # What was open stays open.
    page.see('[data-path="servers.0.options.sip_headers"] textarea')
    assert stored(world, person, doc_id)["servers"][0]["options"]["sip_headers"] == [{"X-Site": "7"}]


def test_values_that_javascript_does_not_keep_can_be_shown(world, base, person, page):
    odd = {**server(), "server_name": 1.0}
    doc_id = support.Api(base, person).create(
        {"name": "t", "servers": [odd], "x": {"__proto__": {"a": 1}, "constructor": 2}}
    )
    log_in(page, person)
    page.see("td", "1.0 (user pbx)")
    open_trunk(page, base, doc_id, "t")
    page.see("summary", "1.0")
    page.type(field("name"), "still here")
    page.click("#save")
    page.see(".notice", "Saved.")
    document = stored(world, person, doc_id)
    assert json.dumps(document["servers"][0]["server_name"]) == "1.0"
    assert document["x"] == {"__proto__": {"a": 1}, "constructor": 2}
    assert page.execute("return 'a' in {}") is False


def test_what_a_busy_service_refuses_is_asked_again(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "before"})
    log_in(page, person)
    open_trunk(page, base, doc_id, "before")
    answers_late_or_not_at_all(
        page,
        f"if (options.method !== 'POST' || !url.includes('{doc_id}') || window.isRefused) return send(url, options);"
        "window.isRefused = true; return new Response('{}', {status: 503, headers: {'Retry-After': '1'}});",
    )
    page.type(field("name"), "after")
    page.click("#save")
    page.see(".notice", "Saved.")
    assert page.execute("return window.isRefused") and stored(world, person, doc_id)["name"] == "after"


def test_a_version_is_put_back_only_if_nothing_is_lost(world, base, person, page):
    api = support.Api(base, person)
    doc_id = api.create({"name": "first"})
    assert api.call("PATCH", f"/{doc_id}", {"name": "second"}).ok
    log_in(page, person)
    open_trunk(page, base, doc_id, "second")
    page.type(field("name"), "not saved")
    page.see("#changes", "second → not saved")
    page.click("#tab-versions")
    page.execute("window.confirm = () => false")
    page.click(".versions button", "Put back")
    page.execute("window.confirm = () => true")
    page.see("#changes", "second → not saved")
    assert stored(world, person, doc_id)["name"] == "second"
    page.click(".versions button", "Put back")
    page.see("main h1", "first")
    page.see("#changes", "Everything is saved.")


def test_a_trunk_can_be_opened_while_the_history_does_not_answer(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "t"})
    log_in(page, person)
    answers_late_or_not_at_all(
        page,
        "if (url.includes('/history')) return new Response('{\"message\": \"the store is away\"}', {status: 503});"
        "return send(url, options);",
    )
    page.execute("location.hash = arguments[0]", f"#/trunks/{doc_id}")
    page.see("main h1", "t")
    page.click("#tab-versions")
    page.see(".notice", "the store is away")


def test_versions_say_who_changed_what(world, base, person, page):
    api = support.Api(base, person)
    doc_id = api.create({"name": "t", "servers": [server()]})
    added = server("+14155550107", user="second", server_name="Second")
    assert api.call("PATCH", f"/{doc_id}", {"servers": [server(), added]}).ok
    changed = server(user="renamed", server_name="Second", auth=added["auth"] | {"auth_password": "quite another"})
    assert api.call("PATCH", f"/{doc_id}", {"servers": [server("+14155550107"), changed]}).ok
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    page.click("#tab-versions")
    page.see(".versions li", "The first version that was kept.")
    newest, before = page.execute(
        "return [...document.querySelectorAll('.versions > li')].slice(0, 2).map(item => item.innerText)"
    )
    assert "Second: Password: changed" in newest and "+14155550107: from Second to pbx" in newest
    assert "Second: added, Method: Password, User name: second" in before and "1 number" in before
    assert "a long password" not in before and "quite another" not in newest
    for text in (newest, before):
        assert person.user["username"] in text or person.user.get("first_name", "?") in text


def test_the_picture_fits_on_wide_and_narrow_screens(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "t", "servers": [server("+14155550108")]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    places = (
        "return [...document.querySelectorAll('.picture .route:last-child .stop')].map(stop =>"
        " { const {left, right, top} = stop.getBoundingClientRect(); return [left, right, top]; })"
    )
    # From left to right.
    page.see(".picture .stop")
    stops = page.execute(places)
    assert [stop[0] for stop in stops] == sorted(stop[0] for stop in stops) and len({stop[2] for stop in stops}) == 1
    assert stops[-1][1] <= page.execute("return innerWidth")
    # It follows what is typed.
    page.type(field("servers.0.name"), "Renamed")
    page.see(".picture a", "Renamed")
    page.type(field("servers.0.name"), "pbx")
    page.see("#changes", "Everything is saved.")
    # From top to bottom, after a click, because there is little room.
    page.resize(390)
    is_seen(page, f"{base}/console#/trunks/{doc_id}", "summary", "Where calls go")
    assert page.find(".picture .stop") == []
    page.click("summary", "Where calls go")
    page.see(".picture .stop")
    stops = page.execute(places)
    assert [stop[2] for stop in stops] == sorted(stop[2] for stop in stops) and len({stop[2] for stop in stops}) == 5
    assert page.too_wide() == []


@pytest.mark.repeated
def test_a_large_trunk(world, base, person, page):
    servers = [
        {**server(*(f"+1628{each:03}{number:04}" for number in range(10))), "server_name": f"pbx {each}"}
        for each in range(PBXS)
    ]
    doc_id = support.Api(base, person).create({"name": "large", "servers": servers})
    log_in(page, person)
    is_seen(page, f"{base}/console#/trunks/{doc_id}", "summary", f"pbx {PBXS - 1}")
    page.wait(
        lambda: page.execute("return document.querySelectorAll('.picture a').length") == 4 * PBXS, "the picture"
    )
    # Only a part of the numbers is there until somebody asks for all.
    count = "return document.querySelectorAll('.numbers > ul > li').length"
    assert page.execute(count) == 50
    page.click("button", f"Show all {10 * PBXS}")
    page.wait(lambda: page.execute(count) == 10 * PBXS, "all numbers")


def test_where_the_server_of_a_number_is_changed(world, base, person, page):
    number = with_number(world, person, "650552")
    servers = [server(number, server_name="First"), server(user="b", server_name="Second")]
    servers[0]["DIDs"][number] = {"force_outbound": True}
    doc_id = support.Api(base, person).create({"name": "t", "servers": servers})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    page.click(f'[aria-label="PBX of {number}"]')
    page.choose(f'[aria-label="PBX of {number}"]', "1")
    page.see("#changes", f"{number}: from First to Second")
    page.click("#save")
    page.see(".notice", "Saved.")
    first, second = stored(world, person, doc_id)["servers"]
    assert (first["DIDs"], second["DIDs"]) == ({}, {number: {"force_outbound": True}})
