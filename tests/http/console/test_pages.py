"""The console's files and addresses, its languages, and what axe-core finds on its pages."""

import gzip
import json
import re

import pytest
import requests

from tests import support
from tests.http.console import is_seen, log_in, open_trunk

pytestmark = pytest.mark.slow

STATIC = support.ROOT / "app/console/static"
MOST_BYTES, MOST_COMPRESSED = 350_000, 90_000


@pytest.mark.repeated
def test_accessible(world, base, person, page):
    api = support.Api(base, person)
    doc_id = api.create({"name": "t", "servers": [support.server_with("+14155550100")]})
    assert api.call("PATCH", f"/{doc_id}", {"name": "changed"}).ok
    gone = api.create({"name": "gone"})
    assert api.call("DELETE", f"/{gone}").ok

    def check(what):
        assert page.accessibility_faults() == [], what

    for scheme, width in (("light", 0), ("dark", 390))[: support.often(1, 2)]:
        page.prefer(scheme)
        page.resize(width)
        page.open(f"{base}/console")
        page.see("h1", "Log in")
        check((scheme, "log-in"))
        log_in(page, person)
        page.see("th a", "changed")
        page.see("td.state", "can register")
        page.click("summary", "Deleted trunks")
        check((scheme, "trunks"))
        page.click("th a", "changed")
        page.see("#save")
        if width:
            page.click("summary", "Where calls go")
        page.click("summary", "More")
        page.click("summary", "Options")
        page.click("summary", "Numbers of the account")
        check((scheme, "trunk"))
        for tab in ("json", "versions", "tryNumber"):
            page.click(f"#tab-{tab}")
            page.see(f"#panel-{tab}")
            if tab == "versions":
                page.see(".patch li")
            check((scheme, tab))
        page.click("button", "Delete")
        page.see("dialog")
        check((scheme, "dialog"))
        page.click("dialog button", "Cancel")
        page.click("header a", "Account")
        page.see("h2", "below")
        check((scheme, "accounts"))
        page.click("header button", "Log out")
        page.see("h1", "Log in")


@pytest.mark.parametrize("width", [390, 2560])
def test_no_page_is_wider_than_the_screen(base, person, page, width):
    doc_id = support.Api(base, person).create({"name": "t" * 200, "servers": [support.server_with("+14155550109")]})
    page.resize(width)
    log_in(page, person)
    page.see("th a", "ttt")
    assert page.too_wide() == []
    open_trunk(page, base, doc_id, "ttt")
    for tab in ("form", "json", "versions", "tryNumber"):
        page.click(f"#tab-{tab}")
        page.see(f"#panel-{tab}")
        assert page.too_wide() == [], tab


def test_dark_is_dark(page, base):
    def brightness():
        colour = page.execute("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour))) / 3

    page.see("h1", "Log in")
    assert brightness() > 192
    page.prefer("dark")
    page.wait(lambda: brightness() < 64, "the page to turn dark")
    page.prefer("light")
    page.wait(lambda: brightness() > 192, "the page to turn light")


def texts(page, language):
    """The texts of a language by name: what they are, and for functions how many values they take."""
    found = page.execute_async(
        "const [language, done] = arguments; const shape = (value) => typeof value === 'function' ? value.length"
        " : Array.isArray(value) ? 'list' : typeof value === 'object'"
        " ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shape(each)])) : typeof value;"
        "import(`/console/${language}.js`).then((module) => done(JSON.stringify(shape(module.default))))",
        language,
    )
    return json.loads(found)


def test_both_languages_have_the_same_texts_and_all_are_used(page, base):
    english, german = texts(page, "en"), texts(page, "de")
    for each in (english, german):
        each.pop("rules")
    assert english == german
    code = "".join(file.read_text("utf-8") for file in STATIC.glob("*.js") if file.stem not in ("en", "de"))
    used = set(re.findall(r"\bt\.(\w+)", code))
    named = {"error", "warning", "note", "form", "json", "versions", "tryNumber", "state", "lastChange", "name"}
    assert used - english.keys() - {"rules"} == set()
    assert english.keys() - used - named - {"pbxs", "numbers"} == set()


@pytest.mark.parametrize(
    ("languages", "language", "title"), [("de-AT,de,en", "de", "Anmelden"), ("fr,en", "en", "Log in")]
)
def test_the_language_is_the_browsers(base, page, languages, language, title):
    page.speak(languages)
    is_seen(page, f"{base}/console", "h1", title)
    assert page.execute("return document.documentElement.lang") == language


def test_files_and_headers(world, base):
    answer = requests.get(f"{base}/console", timeout=120)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200 and "unsafe" not in policy and "data:" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=|https?://", answer.text)
    sizes = {}
    for name in [file.name for file in STATIC.iterdir()] + ["bootstrap.css", "theme.js"]:
        given = requests.get(f"{base}/console/{name}", timeout=120)
        assert given.status_code == 200 and given.headers["content-encoding"] == "gzip"
        assert 'url("data:' not in given.text
        sizes[name] = (len(given.content), len(gzip.compress(given.content)))
        if name != "bootstrap.css":
            assert not re.search(r"(?<!xmlns=\")https?://(?!www\.w3\.org)", given.text)
    # A browser loads one language.
    for other in ("en.js", "de.js"):
        plain, compressed = (sum(size[kind] for name, size in sizes.items() if name != other) for kind in (0, 1))
        assert plain < MOST_BYTES and compressed < MOST_COMPRESSED
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
        page.execute("location.hash = arguments[0]", f"#/trunks/{trunk_id}")
        page.see("main", "There is no such trunk")
        page.execute("location.hash = '#/trunks'")
        page.see("h1", "Trunks")


def test_a_malformed_address_leaves_no_blank_page(page, base, person):
    log_in(page, person)
    for fragment in ("#/%", "#/trunks/%/history", "#/accounts/%", "#%"):
        is_seen(page, f"{base}/console{fragment}", "h1", "")
