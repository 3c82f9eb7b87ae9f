"""The console's page for operators: requests, health and the last audit, by mouse, by keyboard and on a small screen."""

import email.utils
import json
import re

import pytest
import requests

from app.documents.names import account_db
from tests import support
from tests.conftest import make_person

pytestmark = pytest.mark.slow

LEFT, HOME, END = "\ue012", "\ue011", "\ue010"
MINUTE = re.compile(r"\d\d:\d\d: (\d+) requests?, (\d+) with 4xx, (\d+) with 5xx")
# What is too small to read, and what is drawn at another size than its own.
TOO_SMALL = """
const texts = [...document.querySelectorAll('main *')].filter((element) => element.getClientRects().length
  && [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
const small = texts.filter((element) => parseFloat(getComputedStyle(element).fontSize) < 12);
const scaled = [...document.querySelectorAll('main svg')].filter(
  (svg) => svg.hasAttribute('viewBox') || Math.abs(svg.getBoundingClientRect().width - svg.getAttribute('width')) > 1);
return [texts.length, [...small, ...scaled].map((element) => element.outerHTML.slice(0, 200))];
"""


@pytest.fixture(scope="module")
def engine():
    """The page talks to the service only, so one engine is enough."""
    return "embedded"


@pytest.fixture
def page(browser):
    """A browser, in whose log nothing may be at the end but the refusal of a missing report."""
    browser.open("about:blank")
    browser.console()
    yield browser
    browser.resize()
    assert [entry for entry in browser.console() if "operators/audit" not in entry] == []


@pytest.fixture(scope="module")
def bad(world):
    """An account with a trunk in which the audit finds something."""
    person = make_person(world)
    trunk = {"_id": "bad", "pvt_type": "sys_info", "servers": [{"auth": {"auth_method": "Password"}}]}
    world.store.save_doc(account_db(person.account_id), trunk)
    return person


@pytest.fixture(scope="module")
def report(world, bad, tmp_path_factory):
    path = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    path.write_text(support.command_ended(world.environment, "audit", bad.account_id, "--json").stdout)
    return path


@pytest.fixture(scope="module")
def base(world, report):
    server = support.service({**world.environment, "AUDIT_REPORT": str(report)}).start()
    yield server.url
    server.stop()


def open_page(browser, base, person):
    """The page, as an operator sees it after the log-in. Returns the operator's token."""
    api = support.Api(base, person)
    session = {"token": api.token, "isOperator": True, "ownName": "Master", "accountName": "Master"}
    session |= {"ownId": person.account_id, "accountId": person.account_id}
    browser.open(f"{base}/console")
    browser.execute("sessionStorage.setItem('console-session', arguments[0])", json.dumps(session))
    browser.open("about:blank")
    browser.open(f"{base}/console#/operators")
    browser.see("h1", "Operation")
    browser.wait(lambda: bars(browser), "the chart")
    return api


def bars(browser):
    """The time and the text of each bar."""
    bars = "[...document.querySelectorAll('.chart [data-at]')]"
    return browser.execute(f"return {bars}.map((bar) => [bar.dataset.at, bar.getAttribute('aria-label')])")


def told(browser):
    return browser.execute("return document.querySelector('[data-told]').innerText")


def total(browser, name):
    return browser.execute("return document.querySelector(`[data-total=${arguments[0]}]`)?.innerText || ''", name)


def press(browser, *keys):
    actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
    browser.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})


def point(browser, x, y):
    move = {"type": "pointerMove", "origin": "viewport", "x": round(x), "y": round(y)}
    browser.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [move]}]})


def place_of(browser, at):
    """The middle of a bar on the screen."""
    script = """const bar = document.querySelector(`[data-at="${arguments[0]}"]`);
    bar.scrollIntoView({block: 'center', behavior: 'instant'});
    const {x, y, width, height} = bar.getBoundingClientRect();
    return [x + width / 2, y + height / 2];"""
    return browser.execute(script, at)


def test_only_operators_get_the_numbers(world, base, bad):
    for path in ("metrics", "requests", "audit"):
        url = f"{base}/console/operators/{path}"
        assert requests.get(url, timeout=120).status_code == 401
        token = support.Api(base, bad).token
        assert requests.get(url, headers={"X-Auth-Token": token}, timeout=120).status_code == 403


def test_the_numbers_are_those_of_the_service(world, base, report):
    api = support.Api(base, world.master)
    headers = {"X-Auth-Token": api.token}

    def asked(path):
        answer = requests.get(f"{base}/console/operators/{path}", headers=headers, timeout=120)
        assert answer.status_code == 200
        return answer

    def hour():
        return asked("requests").json()

    def sums():
        return [
            sum(minute[name] for minute in hour()["minutes"])
            for name in ("requests", "client_errors", "server_errors")
        ]

    before = sums()
    assert api.call("GET").status_code == 200 and api.call("GET", "/missing").status_code == 404
    # A request is counted after its answer.
    # So is the log-in, which may be in the first sum or not.
    after = ([before[0] + more, before[1] + 1, before[2]] for more in (2, 3))
    support.wait_until(lambda expected=list(after): sums() in expected, message="two or three more requests")
    told = hour()
    assert told["started"] <= told["now"] and all(told["now"] - 3600 < each["at"] for each in told["minutes"])
    changed = email.utils.parsedate_to_datetime(asked("audit").headers["last-modified"])
    assert int(changed.timestamp()) == int(report.stat().st_mtime)


def test_numbers_are_shown_from_the_first_view_on(world, base, page):
    api = support.Api(base, world.master)
    assert api.call("GET", "/missing").status_code == 404
    open_page(page, base, world.master)
    assert int(total(page, "requests").replace(",", "")) > 0 and int(total(page, "clientErrors")) > 0
    assert re.search(r"\d", total(page, "since")) and total(page, "serverErrors") == "0"
    shown = [list(map(int, MINUTE.fullmatch(text).groups())) for _, text in bars(page)]
    assert len(shown) == 60 and sum(requests for requests, _, _ in shown) > 0
    assert sum(errors for _, errors, _ in shown) > 0


def test_the_axes_have_labels(world, base, page):
    open_page(page, base, world.master)
    script = "return [...document.querySelectorAll(`[data-axis=${arguments[0]}]`)].map((label) => label.textContent)"
    times, counts = page.execute(script, "time"), page.execute(script, "count")
    assert len(times) >= 3 and all(re.fullmatch(r"[0-2]\d:\d0", time) for time in times)
    numbers = [int(count.replace(",", "")) for count in counts]
    assert numbers[0] == 0 and numbers == sorted(set(numbers))
    most = max(int(MINUTE.fullmatch(text).group(1)) for _, text in bars(page))
    assert numbers[-1] >= most


def test_the_time_before_the_start_is_marked(world, base, page):
    open_page(page, base, world.master)
    before = "return document.querySelector('[data-axis=before]')?.textContent"
    assert page.execute(before) == "Not running yet"


def test_pointing_at_a_bar_tells_its_minute(world, base, page):
    open_page(page, base, world.master)
    assert not MINUTE.fullmatch(told(page))
    at, _ = bars(page)[-5]
    point(page, *place_of(page, at))
    page.wait(lambda: told(page) == dict(bars(page)).get(at), "the minute that is pointed at")
    point(page, 1, 1)
    page.wait(lambda: not MINUTE.fullmatch(told(page)), "the hint again")


def test_the_keyboard_leads_from_bar_to_bar(world, base, page):
    open_page(page, base, world.master)
    reached = "return [...document.querySelectorAll('.chart [tabindex=\"0\"]')].map((bar) => bar.dataset.at)"
    # In one script, because a new minute may begin between two.
    last, newest = page.execute(
        "const bars = [...document.querySelectorAll('.chart [data-at]')];"
        "return [bars.find(bar => bar.tabIndex === 0), bars.at(-1)].map(bar => bar.dataset.at)"
    )
    assert last == newest
    page.execute("document.querySelector('.chart [tabindex=\"0\"]').focus()")
    page.wait(lambda: told(page) == dict(bars(page)).get(last), "the newest minute")
    press(page, LEFT, LEFT)
    before = str(int(last) - 120)
    page.wait(lambda: told(page) == dict(bars(page)).get(before), "the minute before the last")
    assert page.execute(reached) == [before]
    # The page is drawn anew meanwhile, and the focus stays.
    page.execute("document.querySelector('.chart svg').setAttribute('data-old', '')")
    page.wait(lambda: not page.execute("return document.querySelector('[data-old]')"), "a new chart")
    assert page.execute("return document.activeElement.dataset.at") == before
    press(page, HOME)
    page.wait(lambda: told(page) == bars(page)[0][1], "the first minute")
    press(page, LEFT)
    page.wait(lambda: told(page) == bars(page)[0][1], "the first minute")
    press(page, END)
    page.wait(lambda: told(page) == bars(page)[-1][1], "the last minute")


def test_health_of_one_server(world, base, page):
    open_page(page, base, world.master)
    page.see("dd", "ok")
    page.see("dd", "SQLite")
    page.see("p", "The store is one server")
    page.see("dd", "AMQP_URL is not set")


def test_health_of_a_cluster(world_on, page):
    world = world_on("couchdb")
    url = world.environment["COUCHDB_URL"]
    # A second name of the same server, and a node that is not there.
    nodes = [url, url.replace("127.0.0.1", "localhost"), f"http://127.0.0.1:{support.free_port()}"]
    assert nodes[0] != nodes[1]
    server = support.service({**world.environment, "COUCHDB_URL": ",".join(nodes)}).start()
    try:
        open_page(page, server.url, world.master)
        for node in nodes:
            name = node.rpartition("@")[2].removeprefix("http://")
            page.see("th", name)
        states = "return [...document.querySelectorAll('tbody tr')].map((row) => row.innerText.split(/\\s+/))"
        rows = {row[0]: row[1:] for row in page.execute(states)}
        shown = [rows[node.rpartition("@")[2].removeprefix("http://")] for node in nodes]
        assert {row[0] for row in shown} <= {"up", "down"} and shown[0][0] == "up"
        assert sum("accounts" in " ".join(row) for row in shown) == 1
    finally:
        server.stop()


def test_the_last_audit(world, base, bad, page):
    open_page(page, base, world.master)
    page.see("p", "1 account audited, 1 with findings")
    assert "Written" in page.execute("return document.querySelector('main').innerText")
    assert page.find("li code", "bad") == []
    page.click("summary", bad.account["name"])
    page.see("li code", "bad servers.0.auth")
    page.click("summary", bad.account["name"])
    page.gone("li code", "bad")


def test_how_to_get_an_audit(world, service_on, page):
    open_page(page, service_on("embedded"), world.master)
    page.see("pre", "kazoo-connectivity audit --all --json >")
    page.see("pre", "AUDIT_REPORT=")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(world, base, bad, page, scheme):
    page.prefer(scheme)
    open_page(page, base, world.master)
    page.click("summary", bad.account["name"])
    page.see("li code", "bad")
    assert page.accessibility_faults() == []


@pytest.mark.parametrize("width", [390, 1400])
def test_it_fits_the_screen_and_can_be_read(world, base, bad, page, width):
    page.resize(width)
    open_page(page, base, world.master)
    for summary in ("Other counters", bad.account["name"]):
        page.click("summary", summary)
    page.see("li code", "bad")
    assert page.too_wide() == []
    texts, faults = page.execute(TOO_SMALL)
    assert texts > 30 and faults == []
    # The chart follows the width of the screen.
    assert page.execute("return document.querySelectorAll('[data-axis=time]').length") >= 3
