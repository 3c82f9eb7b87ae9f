"""The console in a real browser: what people do with trunks, by mouse and by keyboard."""

import contextlib
import json
import re
from pathlib import Path

import pytest
import requests

from app.documents.names import account_db, number_db
from tests import support
from tests.browser import CONTROL, WebDriverError, chromium
from tests.conftest import make_person

pytestmark = pytest.mark.slow

AXE = support.ROOT / ".tools/node_modules/axe-core/axe.min.js"
TRUNKS = 200
TAB, ENTER = "\ue004", "\ue007"


@pytest.fixture(scope="module")
def engine():
    """The console talks to the API only, so one engine is enough."""
    return "embedded"


@pytest.fixture(scope="module")
def base(world):
    server = support.service({**world.environment, "HISTORY": "true", "EXPLAIN": "true"})
    yield server.start().url
    server.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as session:
        yield session


@pytest.fixture
def page(browser, base):
    """The console, logged out; at the end nothing may be in the browser's log but refused requests."""
    browser.open(f"{base}/console")
    browser.execute("sessionStorage.clear()")
    browser.open("about:blank")
    browser.open(f"{base}/console")
    browser.console()
    yield browser
    refused = [entry for entry in browser.console() if "Failed to load resource" not in entry]
    assert refused == []


def fill_in(page, person, form="form"):
    page.type("#account", person.realm)
    page.type("#user", person.user["username"])
    page.type("#password", support.PASSWORD)
    page.click(f"{form} button", "Log in")


def log_in(page, person):
    fill_in(page, person)
    page.see("h1", "Trunks")


def field(path):
    return f'[data-path="{path}"] > input, [data-path="{path}"] > select'


def stored(world, person, doc_id):
    return world.store.open_doc(account_db(person.account_id), doc_id)


def open_trunk(page, base, doc_id, name):
    page.open(f"{base}/console#/trunks/{doc_id}")
    page.see("#save")
    page.see("main h1", name)


def is_seen(page, url, selector, text):
    """A page that is loaded anew shows this."""
    page.open("about:blank")
    page.open(url)
    page.see(selector, text)


def test_the_life_of_a_trunk_by_mouse(world, base, person, page):
    number = "+14155554001"
    world.store.create_db(number_db(number))
    numbers = support.run(world.environment, "add-number", person.account_id, number)
    assert number in numbers
    log_in(page, person)
    page.see("p", "There are no trunks yet.")
    page.click("a", "New trunk")
    page.type(field("name"), "Headquarters")
    page.click("button", "Add server")
    page.type(field("servers.0.name"), "pbx 1")
    page.choose(field("servers.0.auth.auth_method"), r"\"Password\"")
    page.type(field("servers.0.auth.auth_user"), "pbx-one")
    page.type(field("servers.0.auth.auth_password"), "a long secret")
    page.click('[data-path="servers.0.DIDs"] > summary')
    # What is opened is filled in a moment later.
    suggested = "return [...document.querySelectorAll('datalist option')].map(o => o.value)"
    page.wait(lambda: page.execute(suggested) == [number], "the suggested number")
    page.type('[data-path="servers.0.DIDs"] .with-button input', number)
    page.click('[data-path="servers.0.DIDs"] button', "Add")
    page.click("#save")
    page.see(".notice", "Saved.")
    page.see("main h1", "Headquarters")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    document = stored(world, person, doc_id)
    assert (
        list(document["servers"][0]["DIDs"]) == [number] and document["servers"][0]["auth"]["auth_user"] == "pbx-one"
    )
    # A new PBX can register.
    assert document["servers"][0]["options"]["enabled"] is True
    # The picture leads to the fields.
    page.click("summary", "Picture")
    page.see(".picture")
    page.wait(lambda: number in page.execute("return document.querySelector('.picture').textContent"), "the number")
    page.click(".picture a:nth-of-type(3)")
    assert page.execute("return document.activeElement.closest('[data-path]').dataset.path") == "servers.0.auth"
    # JSON and form follow each other.
    page.execute(
        "const json = document.getElementById('json'); const value = JSON.parse(json.value);"
        "value.name = 'HQ'; value.more = {kept: [1, null]}; json.value = JSON.stringify(value);"
        "json.dispatchEvent(new Event('input'))"
    )
    page.see("main h1", "Headquarters")
    in_form = "return document.querySelector('[data-path=name] input').value"
    page.wait(lambda: page.execute(in_form) == "HQ", "the form to follow")
    page.type(field("name"), "HQ 2")
    page.click("#save")
    page.see("main h1", "HQ 2")
    assert stored(world, person, doc_id)["more"] == {"kept": [1, None]}
    # Versions, and back.
    page.click("summary", "Versions")
    page.see(".patch li", "/name")
    page.click(".versions button", "Put back")
    page.see(".notice", "Put back.")
    page.see("main h1", "Headquarters")
    assert "more" not in stored(world, person, doc_id)
    # Gone, and back.
    page.click("button", "Delete")
    page.type("#confirm", "Headquarters")
    page.click("dialog button", "Delete")
    page.see("h1", "Trunks")
    assert stored(world, person, doc_id)["pvt_deleted"] is True
    page.click(".notice button", "Undo")
    page.see("main h1", "Headquarters")
    assert "pvt_deleted" not in stored(world, person, doc_id)


def test_the_life_of_a_trunk_by_keyboard(world, base, person, page):
    def press(keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        page.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def tab_to(selector, text=""):
        """Go on with the Tab key until the focus is there."""
        for _ in range(120):
            if page.execute(
                "const element = document.activeElement; return element.matches(arguments[0])"
                " && (element.textContent || '').includes(arguments[1])",
                selector,
                text,
            ):
                return
            press(TAB)
        raise AssertionError(f"{selector} {text} cannot be reached by keyboard")

    def save():
        keys = [("keyDown", CONTROL), ("keyDown", "s"), ("keyUp", "s"), ("keyUp", CONTROL)]
        actions = [{"type": kind, "value": value} for kind, value in keys]
        page.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    page.see("#account")
    press(person.realm + TAB + person.user["username"] + TAB + support.PASSWORD + ENTER)
    page.see("h1", "Trunks")
    tab_to("a", "New trunk")
    press(ENTER)
    page.see("h1", "New trunk")
    tab_to('[data-path="name"] input')
    press("By keyboard")
    tab_to("button", "Add server")
    press(ENTER)
    tab_to('[data-path="servers.0.auth.ip"] input')
    press("192.0.2.77")
    # Without a user it cannot register, which takes a second look.
    save()
    page.see(".notice", "Not saved: something will not work.")
    page.see(".findings li.error", "the server has no auth_user")
    page.see("#save", "Save anyway")
    save()
    page.see(".notice", "Saved.")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    assert stored(world, person, doc_id)["servers"][0]["auth"]["ip"] == "192.0.2.77"
    page.see("button", "Delete")
    tab_to("button", "Delete")
    press(ENTER)
    page.see("#confirm")
    press("By keyboard" + ENTER)
    page.see("h1", "Trunks")
    assert stored(world, person, doc_id)["pvt_deleted"] is True


def test_the_console_tells_what_will_not_work(world, base, person, page):
    api = support.Api(base, person)
    server = support.server_with(auth_user="pbx", auth_password="a long password")
    doc_id = api.create({"name": "Dead", "servers": [{name: server[name] for name in ("auth", "DIDs")}]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "Dead")
    page.see(".findings li.error", "no user of the document can register")
    # It leads to the field. What is there already is no reason to ask.
    page.click(".findings a", "servers.0.options")
    assert "servers.0" in page.execute("return document.activeElement.closest('[data-path]').dataset.path")
    page.type(field("name"), "Still dead")
    page.click("#save")
    page.see("main h1", "Still dead")
    # A new error is.
    document = api.call("GET", f"/{doc_id}").json()["data"]
    document["servers"][0] |= {"options": {}, "DIDs": {"4155550100": {}}}
    page.execute(
        "const json = document.getElementById('json'); json.value = arguments[0];"
        "json.dispatchEvent(new Event('input'))",
        json.dumps(document),
    )
    page.click("#save")
    page.see(".findings li.error", "the number is not in E.164 form")
    assert page.execute("return document.querySelectorAll('.findings li.error').length") == 2
    assert list(stored(world, person, doc_id)["servers"][0]["DIDs"]) == []
    page.click("#save", "Save anyway")
    page.wait(lambda: "4155550100" in stored(world, person, doc_id)["servers"][0]["DIDs"], "the save")


def test_a_number_as_it_is_typed_and_where_it_goes(world, base, person, page):
    number = f"+1650558{int(person.account_id[:8], 16) % 10**4:04}"
    world.store.create_db(number_db(number))
    support.run(world.environment, "add-number", person.account_id, number)
    log_in(page, person)
    page.click("a", "New trunk")
    page.type(field("name"), "Office")
    page.click("button", "Add server")
    page.type(field("servers.0.auth.auth_user"), "office")
    page.click("button", "Generate")
    page.click('[data-path="servers.0.DIDs"] > summary')
    page.see('[data-path="servers.0.DIDs"] .with-button input')
    page.type('[data-path="servers.0.DIDs"] .with-button input', f"({number[2:5]}) {number[5:8]}-{number[8:]}")
    page.click('[data-path="servers.0.DIDs"] button', "Add")
    page.see('[data-path="servers.0.DIDs"] small', f"is stored as {number}")
    page.click("#save")
    page.see(".notice", "Saved.")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    (server,) = stored(world, person, doc_id)["servers"]
    assert list(server["DIDs"]) == [number] and re.fullmatch("[a-zA-Z2-9]{16}", server["auth"]["auth_password"])
    page.see("button", "Delete")
    page.click("summary", "Try a number")
    page.see("#tried")
    page.type("#tried", number[2:])
    page.click("button", "Try")
    page.see(".trial strong", f"it rings at office@{person.realm}, dialled as {number[2:]}")


def test_two_people_at_once(world, base, person, page):
    api = support.Api(base, person)
    doc_id = api.create({"name": "base", "account": {"trunks": 1}, "servers": [support.server_with()]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "base")
    page.type(field("name"), "mine")
    page.type(field("account.trunks"), "5")
    assert api.call("PATCH", f"/{doc_id}", {"name": "theirs", "extra": "theirs"}).ok
    page.click("#save")
    page.see("dialog h2", "Someone else was first")
    rows = page.execute(
        "return [...document.querySelectorAll('dialog tbody tr')].map(row => [row.cells[0].textContent,"
        " [...row.querySelectorAll('input')].findIndex(input => input.checked)])"
    )
    assert dict(rows) == {"name": 1, "account.trunks": 0, "extra": 1}
    page.click('[aria-label="Yours: name"]')
    page.click("dialog button", "Use these")
    page.click("#save")
    page.see(".notice", "Saved.")
    document = stored(world, person, doc_id)
    assert (document["name"], document["account"]["trunks"], document["extra"]) == ("mine", 5, "theirs")


def test_a_refused_save_shows_the_apis_words_at_the_field(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "t", "servers": [support.server_with("+14155550100")]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    page.execute(
        "const json = document.getElementById('json'); const value = JSON.parse(json.value);"
        "value.servers[0].options.progress_timeout = 0; value.servers[0].DIDs['+14155550100'].force_outbound = 'x';"
        "json.value = JSON.stringify(value); json.dispatchEvent(new Event('input'))"
    )
    answer = support.Api(base, person).call(
        "POST", f"/{doc_id}", json.loads(page.execute("return document.getElementById('json').value"))
    )
    wanted = {path: next(iter(rules.values()))["message"] for path, rules in answer.json()["data"].items()}
    assert set(wanted) == {"servers.0.options.progress_timeout", "servers.0.DIDs.+14155550100.force_outbound"}
    page.click("#save")
    for path, message in wanted.items():
        page.see(f'[data-path="{path}"] .error', message)
        page.see(".summary li", message)
    assert page.execute("return document.activeElement.className") == "summary"
    page.type(field("servers.0.options.progress_timeout"), "5")
    page.choose(field("servers.0.DIDs.+14155550100.force_outbound"), "true")
    page.click("#save")
    page.see(".notice", "Saved.")
    page.gone(".summary li")


def test_an_expired_session_logs_out(world, base, person, page):
    log_in(page, person)
    page.execute(
        "const kept = JSON.parse(sessionStorage['console-session']); kept.token = 'x';"
        "sessionStorage['console-session'] = JSON.stringify(kept)"
    )
    page.open("about:blank")
    page.open(f"{base}/console#/trunks")
    page.see("h1", "Log in")
    page.see(".notice", "expired")
    assert page.execute("return sessionStorage.length + localStorage.length + document.cookie.length") == 0
    page.type("#account", person.realm)
    page.type("#user", person.user["username"])
    page.type("#password", "wrong")
    page.click("form button", "Log in")
    page.see(".error", "Unknown credentials")


def test_a_link_to_a_trunk_leads_there_after_the_log_in(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "linked"})
    page.open(f"{base}/console#/trunks/{doc_id}")
    fill_in(page, person)
    page.see("#save")
    page.see("main h1", "linked")
    page.click("header button", "Log out")
    log_in(page, person)


def test_an_expired_session_keeps_what_is_not_saved(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "before"})
    log_in(page, person)
    open_trunk(page, base, doc_id, "before")
    page.type(field("name"), "after")
    page.execute(
        "const kept = fetch; window.fetch = (url, options) =>"
        " { window.fetch = kept; options.headers['X-Auth-Token'] = 'x'; return kept(url, options); }"
    )
    page.click("#save")
    page.see("dialog h2", "expired")
    assert page.execute("return sessionStorage.length") == 0
    fill_in(page, person, "dialog")
    page.see(".notice", "Saved.")
    assert stored(world, person, doc_id)["name"] == "after"


def test_what_the_form_does_not_know_is_kept_exactly(world, base, person, page):
    db = account_db(person.account_id)
    odd = {"big": 12345678901234567890, "one": 1.0, "small": 1e-7, "list": [1.50, None, True], "": {"é": []}}
    doc_id = support.Api(base, person).create({"name": "t", "servers": [support.server_with()], "odd": odd})
    log_in(page, person)
    open_trunk(page, base, doc_id, "t")
    page.type(field("name"), "changed")
    page.click("#save")
    page.see(".notice", "Saved.")
    document = world.store.open_doc(db, doc_id)
    assert document["name"] == "changed" and json.dumps(document["odd"]) == json.dumps(odd)


def test_documents_of_odd_shapes_can_be_opened(world, base, person, page):
    db = account_db(person.account_id)
    private = {"pvt_type": "sys_info", "account": {"auth_realm": person.realm}}
    world.store.save_doc(db, {"_id": "odd", "name": "odd", "servers": {"0": {}}, **private})
    php = [{"auth": {"auth_method": "IP", "ip": "192.0.2.1"}, "options": []}]
    world.store.save_doc(db, {"_id": "php", "name": "php", "servers": php, **private})
    log_in(page, person)
    open_trunk(page, base, "odd", "odd")
    page.click("button", "Add server")
    page.see("summary", "Server 1")
    page.call("POST", "/url", {"url": "about:blank"})
    with contextlib.suppress(WebDriverError):
        page.call("POST", "/alert/accept")
    open_trunk(page, base, "php", "php")
    page.click("summary", "Server 1")
    page.click("summary", "Options")
    page.type(field("servers.0.options.progress_timeout"), "7")
    page.click("#save")
    page.see(".notice", "Saved.")
    assert stored(world, person, "php")["servers"][0]["options"]["progress_timeout"] == 7


def test_impatient_people(world, base, person, page):
    log_in(page, person)
    page.click("a", "New trunk")
    page.type(field("name"), "once")
    page.execute("const save = document.getElementById('save'); save.click(); save.click()")
    page.see(".notice", "Saved.")
    page.click('.notice [aria-label="Dismiss"]')
    page.see("button", "Delete")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    # What is typed while a save is under way is there afterwards.
    page.execute(
        "const kept = fetch; window.fetch = async (...given) =>"
        " { await new Promise(done => setTimeout(done, 700)); return kept(...given); }"
    )
    page.type(field("name"), "first")
    page.click("#save")
    page.type(field("name"), "second")
    page.see(".notice", "Saved.")
    page.wait(lambda: stored(world, person, doc_id)["name"] == "first", "the save")
    page.see("span", "Not saved")
    page.click("#save")
    page.wait(lambda: stored(world, person, doc_id)["name"] == "second", "the second save")


def test_a_descendant_account_and_an_api_key(world, base, person, page):
    child = make_person(world, "child", person)
    grandchild = make_person(world, "grandchild", child)
    support.Api(base, grandchild).create({"name": "far below"})
    page.click("summary", "API key")
    page.type("#api-key", person.account["pvt_api_key"])
    page.click("form button", "Log in with the key")
    for below, selector, text in ((child, "p", "There are no trunks yet."), (grandchild, "th", "far below")):
        page.click("header a", "Account")
        page.click("li button", below.account["name"])
        page.see(selector, text)
    page.click("header a", "Account")
    page.see("nav button", person.account["name"])
    page.click("header button", "Back to my account")
    page.see("p", "There are no trunks yet.")
    assert page.find("header a", "Operation") == []


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
    first = page.execute("return document.querySelector('tbody a').textContent")
    page.click("button", "Next")
    page.see("p", f"21 to 40 of {TRUNKS}")
    page.wait(
        lambda: page.execute("return document.querySelector('tbody a')?.textContent") not in (None, first), "page 2"
    )
    page.type("#search", "+14155560177")
    page.wait(lambda: page.find("p", f"1 found in {TRUNKS} of {TRUNKS}"), "the search", 60)
    page.see("th a", "trunk 177")


def test_a_large_trunk(world, base, person, page):
    servers = [
        {
            **support.server_with(*(f"+1628{server:03}{number:04}" for number in range(10))),
            "server_name": f"pbx {server}",
        }
        for server in range(200)
    ]
    doc_id = support.Api(base, person).create({"name": "large", "servers": servers})
    log_in(page, person)
    is_seen(page, f"{base}/console#/trunks/{doc_id}", "summary", "pbx 199")
    page.click("summary", "Picture")
    page.wait(lambda: page.execute("return document.querySelectorAll('.picture rect').length") == 801, "the picture")


def test_operators(world, tmp_path, browser):
    report = tmp_path / "audit.jsonl"
    person = make_person(world)
    bad = {"_id": "bad", "pvt_type": "sys_info", "servers": [{"auth": {"auth_method": "Password"}}]}
    world.store.save_doc(account_db(person.account_id), bad)
    report.write_text(support.command_ended(world.environment, "audit", person.account_id, "--json").stdout)
    server = support.service({**world.environment, "AUDIT_REPORT": str(report)}).start()
    try:
        for path in ("metrics", "audit"):
            url = f"{server.url}/console/operators/{path}"
            assert requests.get(url, timeout=120).status_code == 401
            token = support.Api(server.url, person).token
            assert requests.get(url, headers={"X-Auth-Token": token}, timeout=120).status_code == 403
        browser.open(f"{server.url}/console")
        log_in(browser, world.master)
        browser.click("header a", "Operation")
        browser.see("dd", "ok")
        browser.see("summary", person.account["name"])
        peak = "return document.querySelector('.chart text')?.textContent || ''"
        browser.wait(lambda: browser.execute(peak).startswith("Peak"), "the chart")
        shown = "return [...document.querySelectorAll('.health')].map(each => each.textContent).join()"
        browser.wait(lambda: "store faults" in browser.execute(shown), "the counts")
    finally:
        server.stop()


def test_accessible(world, base, person, page):
    if not AXE.exists():
        pytest.skip("axe-core is not installed (`make tools`)")
    doc_id = support.Api(base, person).create({"name": "t", "servers": [support.server_with("+14155550100")]})
    changed = support.Api(base, person).call("PATCH", f"/{doc_id}", {"name": "changed"})
    assert changed.ok

    def check(what):
        found = page.execute_async(
            AXE.read_text("utf-8")
            + "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then("
            "result => done(result.violations.filter(one => ['serious', 'critical'].includes(one.impact))"
            ".map(one => [one.id, one.nodes.map(node => node.html).slice(0, 3)])))"
        )
        assert found == [], (what, found)

    for scheme in ("light", "dark"):
        feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        page.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": feature})
        page.open(f"{base}/")
        page.see("h1", "kazoo-connectivity")
        check((scheme, "landing"))
        page.open(f"{base}/console")
        page.see("h1", "Log in")
        check((scheme, "log-in"))
        log_in(page, person)
        page.see("th a", "changed")
        check((scheme, "trunks"))
        page.click("th a", "changed")
        for title in ("Picture", "Versions", "pbx", "Auth"):
            page.click("summary", title)
        page.see(".patch li")
        check((scheme, "trunk"))
        page.click("button", "Delete")
        page.see("dialog")
        check((scheme, "dialog"))
        page.click("dialog button", "Cancel")
        page.click("header a", "Account")
        page.see("h2", "below")
        check((scheme, "accounts"))
        page.click("header button", "Log out")
        page.see("h1", "Log in")


def test_files_and_headers(world, base):
    answer = requests.get(f"{base}/console", timeout=120)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200 and "unsafe" not in policy and "default-src 'none'" in policy
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=|https?://", answer.text)
    files = list(Path(support.ROOT, "app/console/static").iterdir())
    assert sum(file.stat().st_size for file in files) < 200_000
    for file in files:
        assert requests.get(f"{base}/console/{file.name}", timeout=120).status_code == 200
        assert not re.search(r"(?<!xmlns=\")https?://(?!www\.w3\.org)", file.read_text("utf-8"))
    assert requests.get(f"{base}/console/%2e%2e/pages.py", timeout=120).status_code == 404
    assert requests.get(f"{base}/console/none.js", timeout=120).status_code == 404


def test_the_landing_page_is_for_browsers(world, base):
    html = requests.get(f"{base}/", headers={"Accept": "text/html,*/*;q=0.8"}, timeout=120)
    assert html.headers["content-type"].startswith("text/html") and f"URL={base}/v2" in html.text
    assert "make run" not in html.text and "API_KEY=…" in html.text
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        text = requests.get(f"{base}/", headers=headers, timeout=120)
        assert text.text.startswith("This is the connectivity API") and text.headers["content-type"].startswith(
            "text/plain"
        )
    hostile = requests.get(f"{base}/", headers={"Accept": "text/html", "Host": "<script>"}, timeout=120)
    assert "<script>" not in hostile.text


def test_without_the_console_the_paths_do_not_exist(world):
    server = support.service({**world.environment, "CONSOLE": "false"}).start()
    try:
        for path in ("/", "/console", "/console/main.js", "/console/operators/metrics"):
            answer = requests.get(server.url + path, headers={"Accept": "text/html"}, timeout=120)
            assert answer.text.startswith("This is the connectivity API"), path
    finally:
        server.stop()


def test_an_address_of_no_trunk_says_that_there_is_no_such_trunk(page, base, person):
    log_in(page, person)
    for trunk_id in ("%", "%E0%A4", "a%zz", "%25", "none", "%2F", "100%"):
        is_seen(page, f"{base}/console#/trunks/{trunk_id}", "main", "There is no such trunk")


def test_a_malformed_address_leaves_no_blank_page(page, base, person):
    log_in(page, person)
    for fragment in ("#/%", "#/trunks/%/history", "#/accounts/%", "#%"):
        is_seen(page, f"{base}/console{fragment}", "h1", "")
