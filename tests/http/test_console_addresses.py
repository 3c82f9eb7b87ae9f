"""Addresses of the console that lead nowhere say so."""

import pytest

from tests import support
from tests.browser import chromium

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine():
    """The console talks to the API only, so one engine is enough."""
    return "embedded"


@pytest.fixture(scope="module")
def base(world):
    server = support.service({**world.environment, "HISTORY": "true"})
    yield server.start().url
    server.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as session:
        yield session


@pytest.fixture
def page(browser, base, person):
    """The console with somebody logged in; at the end nothing may be in the browser's log but refused requests."""
    browser.open(f"{base}/console")
    browser.execute("sessionStorage.clear()")
    browser.open("about:blank")
    browser.open(f"{base}/console")
    browser.console()
    browser.type("#account", person.realm)
    browser.type("#user", person.user["username"])
    browser.type("#password", support.PASSWORD)
    browser.click("form button", "Log in")
    browser.see("h1", "Trunks")
    yield browser
    assert [entry for entry in browser.console() if "Failed to load resource" not in entry] == []


@pytest.mark.parametrize("trunk_id", ["%", "%E0%A4", "a%zz", "%25", "none", "%2F", "100%"])
def test_an_address_of_no_trunk_says_that_there_is_no_such_trunk(page, base, trunk_id):
    page.open("about:blank")
    page.open(f"{base}/console#/trunks/{trunk_id}")
    page.see("main", "There is no such trunk")


@pytest.mark.parametrize("fragment", ["#/%", "#/trunks/%/history", "#/accounts/%", "#%"])
def test_a_malformed_address_leaves_no_blank_page(page, base, fragment):
    page.open("about:blank")
    page.open(f"{base}/console{fragment}")
    page.see("h1")
