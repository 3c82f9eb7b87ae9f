"""Whole journeys through the console, and what happens when two people or an expired session get in the way."""

import pytest

from tests import support
from tests.browser import CONTROL
from tests.conftest import make_person
from tests.http.console import (
    answers_late_or_not_at_all,
    field,
    fill_in,
    log_in,
    open_trunk,
    read_json,
    stored,
    with_number,
    write_json,
)

pytestmark = pytest.mark.slow

TAB, ENTER = "\ue004", "\ue007"


def session_ends(page, at):
    """The session ends at a click: its first request has a token that is no longer good."""
    answers_late_or_not_at_all(
        page,
        "if (options.headers['X-Auth-Token']) { window.fetch = send; options.headers['X-Auth-Token'] = 'x'; }"
        "return send(url, options);",
        at,
    )


def test_the_life_of_a_trunk_by_mouse(world, base, person, page):
    number = with_number(world, person, "415553")
    log_in(page, person)
    page.see("p", "There are no trunks yet.")
    page.click("a", "New trunk")
    page.see("#save")
    # What can be right from the start is.
    assert page.execute("return document.querySelector('[data-path=name] input').value") == person.account["name"]
    page.type(field("name"), "Headquarters")
    page.click("#add-pbx")
    page.type(field("servers.0.name"), "pbx 1")
    page.type(field("servers.0.auth.auth_user"), "pbx-one")
    page.type(field("servers.0.auth.auth_password"), "a long secret")
    page.click("summary", "Numbers of the account")
    page.click(f'[aria-label="Add {number}"]')
    page.click("#save")
    page.see(".notice", "Saved.")
    page.see("main h1", "Headquarters")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    (server,) = stored(world, person, doc_id)["servers"]
    assert (list(server["DIDs"]), server["name"]) == ([number], "pbx 1")
    assert server["auth"] == {
        "auth_method": "password",
        "auth_user": "pbx-one",
        "auth_password": "a long secret",
    }
    # It works: it can register, and Kazoo knows that a trunk uses the number.
    assert server["options"]["enabled"] is True
    assert page.find(".findings li") == []
    # The picture leads to the fields.
    page.wait(lambda: number in page.execute("return document.querySelector('.picture').textContent"), "the number")
    page.click(".picture a", "user pbx-one")
    assert "servers.0.auth" in page.execute("return document.activeElement.closest('[data-path]').dataset.path")
    # JSON and form follow each other.
    write_json(page, read_json(page).replace('"Headquarters"', '"HQ", "more": {"kept": [1, null]}'))
    page.click("#tab-form")
    assert page.execute("return document.querySelector('[data-path=name] input').value") == "HQ"
    page.type(field("name"), "HQ 2")
    page.click("#save")
    page.see("main h1", "HQ 2")
    assert stored(world, person, doc_id)["more"] == {"kept": [1, None]}
    # Versions, and back.
    page.click("#tab-versions")
    page.see(".patch li", "Name: Headquarters → HQ 2")
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
    page.see("kbd", "Ctrl+S")
    tab_to('[data-path="name"] input')
    press("By keyboard")
    tab_to("#add-pbx")
    press(ENTER)
    tab_to('[data-path="servers.0.auth.auth_user"] input')
    press("branch")
    # Without a password nobody can register, which takes a second look.
    save()
    page.see(".notice", "Not saved: something will not work.")
    page.see(".findings li.error", "there is no password")
    page.see("#save", "Save anyway")
    save()
    page.see(".notice", "Saved.")
    (doc_id,) = support.Api(base, person).call("GET").json()["data"]
    assert stored(world, person, doc_id)["servers"][0]["auth"]["auth_user"] == "branch"
    page.see("button", "Delete")
    tab_to('[role="tab"]', "Form")
    press("\ue014")
    page.see("#json")
    tab_to("button", "Delete")
    press(ENTER)
    page.see("#confirm")
    press("By keyboard" + ENTER)
    page.see("h1", "Trunks")
    assert stored(world, person, doc_id)["pvt_deleted"] is True


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
    page.see("#changes", "Name: theirs → mine")
    page.click("#save")
    page.see(".notice", "Saved.")
    document = stored(world, person, doc_id)
    assert (document["name"], document["account"]["trunks"], document["extra"]) == ("mine", 5, "theirs")


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
    answers_late_or_not_at_all(
        page,
        "const answer = await send(url, options); if (options.method === 'POST')"
        " await new Promise(done => { window.letGo = done; }); return answer;",
    )
    page.type(field("name"), "first")
    page.click("#save")
    page.wait(lambda: page.execute("return Boolean(window.letGo)"), "the answer that is held back")
    page.type(field("name"), "second")
    page.execute("window.letGo(); window.letGo = null")
    page.see(".notice", "Saved.")
    page.wait(lambda: stored(world, person, doc_id)["name"] == "first", "the save")
    page.see("#changes", "Name: first → second")
    page.click("#save")
    page.wait(lambda: page.execute("return Boolean(window.letGo)"), "the second answer")
    assert stored(world, person, doc_id)["name"] == "second"
    page.execute("window.letGo()")


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


def test_an_expired_session_keeps_what_is_not_saved(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "before"})
    log_in(page, person)
    open_trunk(page, base, doc_id, "before")
    page.type(field("name"), "after")
    page.see("#changes", "before → after")
    session_ends(page, "#save")
    page.see("dialog h2", "expired")
    assert page.execute("return sessionStorage.length") == 0
    fill_in(page, person, "dialog")
    page.see(".notice", "Saved.")
    assert stored(world, person, doc_id)["name"] == "after"


def test_what_is_not_saved_survives_a_log_in_and_a_reload(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "before", "servers": [support.server_with()]})
    log_in(page, person)
    open_trunk(page, base, doc_id, "before")
    page.type(field("name"), "after")
    page.see("#changes", "before → after")
    # Nobody has saved: the session ends at a look at the versions.
    session_ends(page, "#tab-versions")
    page.see("dialog h2", "expired")
    fill_in(page, person, "dialog")
    page.see(".versions li")
    page.execute("location.reload()")
    page.see(".notice", "Your unsaved changes are back.")
    page.see("#changes", "before → after")


def test_an_editor_that_was_left_saves_into_no_other_account(world, base, person, page):
    child = make_person(world, "child", person)
    log_in(page, person)
    page.click("header a", "Account")
    page.click("li button", child.account["name"])
    page.click("a", "New trunk")
    page.type(field("name"), "Of the child")
    page.see("#changes", "Of the child")
    page.execute("window.confirm = () => false")
    page.click("header button", "Back to my account")
    page.click("#save")
    page.see(".notice", "Saved.")
    assert support.Api(base, person).call("GET").json()["data"] == []
    assert len(support.Api(base, child).call("GET").json()["data"]) == 1


def test_an_undo_does_not_undo_what_somebody_did_since(world, base, person, page):
    api = support.Api(base, person)
    doc_id = api.create({"name": "Mine"})
    log_in(page, person)
    open_trunk(page, base, doc_id, "Mine")
    page.click("button", "Delete")
    page.type("#confirm", "Mine")
    page.click("dialog button", "Delete")
    page.click("summary", "Deleted trunks")
    page.click("#deleted button", "Bring back")
    page.see("main h1", "Mine")
    assert api.call("PATCH", f"/{doc_id}", {"name": "Renamed"}).ok
    page.click(".notice button", "Undo")
    page.see(".notice", "Mine is already back.")
    assert stored(world, person, doc_id)["name"] == "Renamed"


def test_a_link_to_a_trunk_leads_there_after_the_log_in(world, base, person, page):
    doc_id = support.Api(base, person).create({"name": "linked"})
    page.open(f"{base}/console#/trunks/{doc_id}")
    fill_in(page, person)
    page.see("#save")
    page.see("main h1", "linked")
    page.click("header button", "Log out")
    log_in(page, person)


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
