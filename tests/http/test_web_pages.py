"""The pages beside the console, `/`, `/docs` and the report of `audit --html`, as browsers draw them."""

import json
import re
from pathlib import Path

import pytest
import requests

from app.accounts.system import DEMO_FILE
from app.console.pages import LANGUAGES, TEXTS
from app.documents.names import account_db, encoded
from tests import support
from tests.conftest import make_person

pytestmark = pytest.mark.slow

SCHEMES = ("light", "dark")
WIDE, NARROW = 1400, 390
# How bright the page is where nothing is drawn, from 0 to 255, and how bright its text.
BRIGHTNESS = """
const style = getComputedStyle(document.body);
return [style.backgroundColor, style.color].map(
  color => color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part) / 3, 0));
"""
# What Swagger UI's elements look like: the values of these properties, for each element.
LOOKS = """
const names = ['color', 'backgroundColor', 'display', 'boxSizing', 'fontSize', 'fontWeight', 'fontFamily', 'lineHeight',
  'padding', 'margin', 'borderWidth', 'borderRadius', 'textDecorationLine', 'textAlign', 'verticalAlign', 'cursor',
  'appearance', 'width', 'height', 'opacity', 'transitionProperty'];
return [...document.querySelectorAll('#docs *')].map(element => {
  const style = getComputedStyle(element);
  return [element.outerHTML.slice(0, 80), ...names.map(name => `${name}: ${style[name]}`)];
});
"""
WITHOUT_BOOTSTRAP = """
for (const sheet of document.styleSheets) {
  const index = [...sheet.cssRules].findIndex(rule => rule.type === CSSRule.IMPORT_RULE);
  if (index >= 0) sheet.deleteRule(index);
}
document.body.style.margin = 0;
"""


@pytest.fixture(scope="module")
def engine():
    """The pages are the same for each engine."""
    return "embedded"


@pytest.fixture(scope="module")
def base(world):
    server = support.service(world.environment)
    yield server.start().url
    server.stop()


@pytest.fixture(scope="module")
def report(world, tmp_path_factory):
    """The address of an audit's page, with a finding of each severity and a trunk that has much to draw."""
    person = make_person(world)
    db = account_db(person.account_id)
    numbers = {f"+1415555{number:04}": {} for number in range(9)}
    good = {"auth_method": "Password", "auth_user": "a" * 200, "auth_password": "a long secret"}
    servers = [
        {"server_name": "off", "auth": good, "options": {"enabled": False}, "DIDs": numbers},
        {"server_name": "W" * 200, "auth": {**good, "auth_user": "pbx", "auth_password": "short"}, "options": {}},
        {"auth": {"auth_method": "IP", "ip": "10.1.2.3"}, "DIDs": {}},
    ]
    private = {"pvt_type": "sys_info", "pvt_account_id": person.account_id, "pvt_account_db": encoded(db)}
    trunk = {"_id": "t", "name": "HQ", "account": {"auth_realm": person.realm}, "servers": servers}
    world.store.save_doc(db, {**trunk, **private})
    path = tmp_path_factory.mktemp("audit") / "report.html"
    told = support.command_ended(world.environment, "audit", person.account_id, "--html", str(path))
    assert told.returncode == 1, told.stdout + told.stderr
    return path.as_uri()


@pytest.fixture
def addresses(base, report):
    return {"landing": f"{base}/", "docs": f"{base}/docs", "audit": report}


@pytest.fixture
def page(browser):
    """The browser, as large as on a desk; nothing may be in its log at the end."""
    browser.resize(WIDE)
    browser.console()
    yield browser
    refused = [entry for entry in browser.console() if "Failed to load resource" not in entry]
    assert refused == []


def open_page(browser, address):
    browser.open("about:blank")
    browser.open(address)
    browser.see("h1")
    if address.endswith("/docs"):
        browser.see(".opblock-tag")


@pytest.mark.parametrize("name", ["landing", pytest.param("docs", marks=pytest.mark.long_only), "audit"])
def test_each_page_can_be_read_light_and_dark_on_a_desk_and_on_a_phone(page, addresses, name):
    page.prefer("light")
    open_page(page, addresses[name])
    back, text = page.execute(BRIGHTNESS)
    assert back > 192 and text < 96
    assert page.accessibility_faults() == [] and page.too_wide() == []
    # It follows when the browser turns dark.
    page.prefer("dark")
    page.wait(lambda: page.execute(BRIGHTNESS)[0] < 64, "the page to turn dark")
    assert page.execute(BRIGHTNESS)[1] > 160
    page.resize(NARROW)
    assert page.accessibility_faults() == [] and page.too_wide() == []
    # So does one that is dark and narrow from the start.
    if name != "docs":
        open_page(page, addresses[name])
        assert page.execute(BRIGHTNESS)[0] < 64 and page.too_wide() == []


def test_the_diagrams_of_an_audit_can_be_seen_as_a_whole(page, report):
    """They are inside their frame, and texts inside their boxes. On a phone the frame scrolls."""
    open_page(page, report)
    inside = (
        "const [outer, inner] = arguments; return [...document.querySelectorAll(inner)].map(one => {"
        " const [its, box] = [one, one.closest(outer)].map(each => each.getBoundingClientRect());"
        " return its.width > 0 && its.left >= box.left - 1 && its.right <= box.right + 1})"
    )
    assert page.execute(inside, ".diagram", "svg, svg rect") == [True] * 10
    assert page.execute(inside, "foreignObject", "foreignObject div") == [True] * 9
    shown = page.execute("return [...document.querySelectorAll('foreignObject')].map(one => one.textContent)")
    assert "+14155550000, +14155550001, +14155550002 and 6 more" in shown
    cut = "return [...document.querySelectorAll('foreignObject div')].map(one => one.scrollWidth > one.clientWidth)"
    # The name and the user of 200 letters end in an ellipsis. Everything else fits.
    assert [text for text, is_cut in zip(shown, page.execute(cut), strict=True) if is_cut] == [
        f"password of {'a' * 200}",
        "W" * 200,
    ]
    badges = page.execute("return [...document.querySelectorAll('td .badge')].map(badge => badge.textContent)")
    assert {"error", "warning", "note"} <= set(badges)
    page.resize(NARROW)
    frame = "const [frame] = document.querySelectorAll('.diagram'); return frame.scrollWidth > frame.clientWidth"
    assert page.execute(frame)


def test_the_report_of_an_audit_loads_nothing(page, report):
    page.network()
    open_page(page, report)
    sent = [event["params"]["request"]["url"] for event in page.network() if "request" in event["params"]]
    assert [url for url in sent if not url.startswith(("chrome://", "about:"))] == [report]


@pytest.fixture
def docs(page, base):
    """The documentation, with nobody logged in."""
    # A small page of the same origin.
    page.open(f"{base}/health/live")
    page.execute("localStorage.clear()")
    open_page(page, f"{base}/docs")
    page.see("#user")
    return page


def fill_in(docs, account, user, password):
    for name, text in (("account", account), ("user", user), ("password", password)):
        docs.type(f"#{name}", text)
    docs.click("#log-in button")


def log_in(docs, person):
    fill_in(docs, person.realm, person.user["username"], support.PASSWORD)
    docs.see("#logged-in", person.account_id)


def open_operation(docs, tag, operation):
    """Show an operation, whatever is open already; its selector."""
    block = f"#operations-{tag}-{operation}"
    if not docs.find(block):
        docs.click(f"#operations-tag-{tag}")
    if not docs.find(f"{block} .execute"):
        docs.click(f"{block} .opblock-summary-control")
    docs.see(f"{block} .execute")
    return block


def value_of(docs, block, name="account_id"):
    return docs.execute("return document.querySelector(arguments[0]).value", f'{block} input[placeholder="{name}"]')


def executed(docs, block):
    """Press "Execute"; the status and the data of the answer."""
    docs.click(f"{block} .execute")
    answer = f"{block} .live-responses-table .response"
    shown = [docs.see(f"{answer} {part}") for part in (".response-col_status", ".response-col_description code")]
    status, body = (docs.call("GET", f"/element/{element}/text") for element in shown)
    return int(status.split()[0]), json.loads(body)["data"]


@pytest.mark.long_only
def test_after_the_log_in_the_account_is_filled_in_everywhere(docs, base, person):
    """Also nobody else than this service is asked for anything."""
    trunk = support.Api(base, person).create({"name": "HQ"})
    block = open_operation(docs, "connectivity", "get_accounts_connectivity")
    docs.type(f'{block} input[placeholder="account_id"]', "0" * 32)
    log_in(docs, person)
    assert docs.execute("return document.activeElement.id") == "log-out"
    docs.wait(lambda: value_of(docs, block) == person.account_id, "the account's id")
    assert executed(docs, block) == (200, [trunk])
    other = open_operation(docs, "limits", "get_accounts_limits")
    assert value_of(docs, other) == person.account_id
    assert executed(docs, other)[0] == 200
    # The password is nowhere, and the token is where the page about security says.
    kept = docs.execute("return [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie]")
    assert list(docs.execute("return Object.keys(localStorage)")) == ["authorized"]
    assert kept[1:] == ["{}", ""] and support.PASSWORD not in kept[0] and "eyJ" in kept[0]
    assert docs.execute("return document.getElementById('password').value") == ""
    sent = [event["params"]["request"]["url"] for event in docs.network() if "request" in event["params"]]
    assert len(sent) > 8
    assert [url for url in sent if not url.startswith((f"{base}/", "data:", "chrome://", "about:", "file:"))] == []


@pytest.mark.long_only
def test_nobody_is_asked_again_until_they_log_out(docs, base, person):
    trunk = support.Api(base, person).create({"name": "HQ"})
    log_in(docs, person)
    open_page(docs, f"{base}/docs")
    docs.see("#logged-in", person.account_id)
    block = open_operation(docs, "connectivity", "get_accounts_connectivity")
    docs.wait(lambda: value_of(docs, block) == person.account_id, "the account's id after a reload")
    assert executed(docs, block) == (200, [trunk])
    docs.click("#log-out")
    docs.see("#user")
    assert "eyJ" not in docs.execute("return JSON.stringify(localStorage)")
    docs.click(f"{block} .execute")
    docs.see(f"{block} .live-responses-table .response-col_status", "401")


@pytest.mark.long_only
def test_the_log_in_takes_a_name_or_an_api_key_and_refuses_others(docs, world, base, person):
    fill_in(docs, person.realm, person.user["username"], "wrong")
    docs.see("#refusal", "Unknown credentials.")
    fill_in(docs, person.account["name"], person.user["username"], support.PASSWORD)
    docs.see("#logged-in", person.account_id)
    docs.click("#log-out")
    other = make_person(world)
    docs.click("summary", "API key")
    docs.type("#api-key", world.store.open_doc("accounts", other.account_id)["pvt_api_key"])
    docs.click("#log-in-with-key button")
    docs.see("#logged-in", other.account_id)
    assert not docs.find("#refusal", "Unknown")
    block = open_operation(docs, "connectivity", "get_accounts_connectivity")
    assert value_of(docs, block) == other.account_id
    assert executed(docs, block) == (200, [])


@pytest.mark.long_only
def test_a_log_in_by_an_operation_counts_as_well(docs, world, person):
    block = open_operation(docs, "api_auth", "put_api_auth")
    api_key = world.store.open_doc("accounts", person.account_id)["pvt_api_key"]
    docs.type(f"{block} textarea", json.dumps({"data": {"api_key": api_key}}))
    assert executed(docs, block)[0] == 201
    docs.see("#logged-in", person.account_id)
    block = open_operation(docs, "connectivity", "get_accounts_connectivity")
    assert value_of(docs, block) == person.account_id


@pytest.mark.long_only
def test_a_log_out_forgets_what_was_typed_into_swagger_uis_dialog(docs, person):
    log_in(docs, person)
    docs.click(".authorize")
    docs.type("#auth-basic-username", person.account_id)
    docs.type("#auth-basic-password", "f" * 32)
    docs.click('form:has(#auth-basic-password) [aria-label="Apply credentials"]')
    docs.click(".close-modal")
    docs.wait(lambda: "f" * 32 in docs.execute("return localStorage.authorized"), "the credentials to be kept")
    docs.click("#log-out")
    docs.see("#user")
    assert json.loads(docs.execute("return localStorage.authorized")) == {}


@pytest.mark.long_only
def test_a_token_that_has_expired_is_forgotten(docs, base, person):
    log_in(docs, person)
    # {"account_id": "0", "exp": 1}
    docs.execute(
        "const kept = JSON.parse(localStorage.authorized);"
        "kept.token.value = 'e30.eyJhY2NvdW50X2lkIjogIjAiLCAiZXhwIjogMX0.x';"
        "localStorage.authorized = JSON.stringify(kept)"
    )
    open_page(docs, f"{base}/docs")
    docs.see("#user")
    assert "eyJ" not in docs.execute("return JSON.stringify(localStorage)")


@pytest.mark.long_only
def test_what_people_try_in_the_documentation_can_be_read_by_all(docs, base, person):
    log_in(docs, person)
    for scheme in SCHEMES:
        docs.prefer(scheme)
        docs.resize(WIDE)
        open_page(docs, f"{base}/docs")
        block = open_operation(docs, "connectivity", "get_accounts_connectivity")
        executed(docs, block)
        block = open_operation(docs, "connectivity", "put_accounts_connectivity")
        docs.execute("document.querySelectorAll(arguments[0]).forEach(tab => tab.click())", f"{block} .tablinks")
        docs.see(".json-schema-2020-12")
        assert docs.accessibility_faults() == [], scheme
        docs.click(".authorize")
        docs.see(".modal-ux")
        assert docs.accessibility_faults(".modal-ux") == [], (scheme, "the dialog")
        docs.click(".close-modal")
        docs.resize(NARROW)
        assert docs.too_wide() == [], scheme


@pytest.mark.long_only
def test_bootstrap_draws_the_frame_and_leaves_swagger_ui_alone(docs, base):
    for scheme in SCHEMES:
        docs.prefer(scheme)
        open_page(docs, f"{base}/docs")
        docs.see("#user")
        open_operation(docs, "connectivity", "put_accounts_connectivity")
        assert docs.execute("return getComputedStyle(document.querySelector('#user')).borderRadius") != "0px"
        with_it = docs.execute(LOOKS)
        docs.execute(WITHOUT_BOOTSTRAP)
        assert docs.execute("return getComputedStyle(document.querySelector('#user')).borderRadius") == "0px"
        changed = [(new, set(old) - set(new)) for new, old in zip(with_it, docs.execute(LOOKS), strict=True)]
        assert [(element[0], sorted(lost)) for element, lost in changed if lost][:9] == [], scheme


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr,en-GB;q=0.5,de;q=0.1", "en"), ("fr", "en"), ("", "en")],
)
def test_the_landing_page_speaks_the_languages_of_the_browser(base, wanted, language):
    answer = requests.get(f"{base}/", headers={"Accept": "text/html", "Accept-Language": wanted}, timeout=120)
    assert set(answer.headers["vary"].split(", ")) == {"accept", "accept-encoding", "accept-language"}
    assert f'<html lang="{language}">' in answer.text
    assert {"en": "First steps", "de": "Erste Schritte"}[language] in answer.text
    assert "API_KEY=…" in answer.text
    assert re.findall(r'<a [^>]*href="([^"]+)"', answer.text) == ["/console", "/docs", "/openapi.json"]


def test_the_first_steps_with_a_demonstration_account(world, base):
    file = Path(world.environment["DATA_DIR"], DEMO_FILE)
    file.touch()
    try:
        for language, text in (("en", "After <code>make run</code>"), ("de", "Nach <code>make run</code>")):
            headers = {"Accept": "text/html", "Accept-Language": language}
            page = requests.get(f"{base}/", headers=headers, timeout=120).text
            assert text in page and "<code>. data/demo.env" in page and "API_KEY=…" not in page
    finally:
        file.unlink()


def test_the_languages_have_the_same_texts():
    texts = [TEXTS[language] for language in LANGUAGES]
    assert all(each.keys() == texts[0].keys() and all(each.values()) for each in texts)
    placeholders = [{name: text.count("%s") for name, text in each.items()} for each in texts]
    assert placeholders.count(placeholders[0]) == len(placeholders)
