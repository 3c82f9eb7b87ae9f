"""A service with everything that the console shows, and a browser."""

import pytest

from tests import support

# Notices go away after a while. A test on a busy machine may look for them later.
NOTICES_STAY = """
const later = window.setTimeout;
window.setTimeout = (run, wait, ...more) => later(run, wait >= 8000 ? 2 ** 30 : wait, ...more);
"""


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
def browser(browser):
    """One in which notices stay."""
    browser.begin_pages_with(NOTICES_STAY)
    return browser


@pytest.fixture
def page(browser, base):
    """The console, logged out; at the end nothing may be in the browser's log but refused requests."""
    browser.resize()
    browser.prefer("light")
    browser.speak("en-US,en")
    # A small page of the same origin.
    browser.open(f"{base}/health/live")
    browser.execute("sessionStorage.clear()")
    browser.open(f"{base}/console")
    browser.console()
    yield browser
    refused = [entry for entry in browser.console() if "Failed to load resource" not in entry]
    assert refused == []
