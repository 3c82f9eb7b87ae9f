"""Headless Chromium for tests, over the WebDriver protocol: what a person does, and what the browser saw of it."""

import base64
import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import support

# The small one takes two thirds of the time.
HEADLESS_SHELL, CHROMEDRIVER = shutil.which("chromium-headless-shell"), shutil.which("chromedriver")
CHROMIUM = HEADLESS_SHELL or shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
FLAGS += ["--window-size=1400,1000"]
# The code of an error of our own: a click did not arrive.
MISSED = "missed"
# Errors that go away when what is in the way has moved, or when the page has been drawn anew.
PASSING = ("element click intercepted", "element not interactable", "stale element reference", MISSED)
# WebDriver's names for two keys: one that is held, and one that lets go of all that are held.
CONTROL, RELEASE = "\ue009", "\ue000"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FIND = """
const visible = (selector, text) => [...document.querySelectorAll(selector)].filter(
  element => element.getClientRects().length && getComputedStyle(element).visibility !== 'hidden'
    && (element.innerText || '').toLowerCase().includes(text.toLowerCase()));
"""
VISIBLE = FIND + "return visible(...arguments);"
# The first visible one, if it stands in the middle of the window from one frame to the next, and null if it slides.
# From now on, the page knows whether it is clicked.
STANDING = (
    FIND
    + """
const [selector, text, done] = arguments;
const [element] = visible(selector, text);
const place = () => JSON.stringify(element.getBoundingClientRect());
if (!element) return done(null);
element.scrollIntoView({block: 'center', behavior: 'instant'});
window.isClicked = false;
element.addEventListener('click', () => { window.isClicked = true; }, {capture: true, once: true});
const before = place();
requestAnimationFrame(() => requestAnimationFrame(() => done(place() === before ? element : null)));
"""
)
AXE = support.ROOT / ".tools/node_modules/axe-core/axe.min.js"
FAULTS = """
const [within, done] = arguments;
axe.run(within, {resultTypes: ['violations']}).then(result => done(
  result.violations.filter(one => ['serious', 'critical'].includes(one.impact))
    .map(one => [one.id, one.nodes.map(node => node.html).slice(0, 5)])));
"""
TOO_WIDE = """
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= width) return [];
return [...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > width)
  .map(each => `${each.tagName} ${each.className} ${each.innerText}`.slice(0, 200));
"""


class WebDriverError(Exception):
    """The browser could not do it; `code` is WebDriver's."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message.splitlines()[0] if message else ''}")
        self.code = code


class Browser:
    """One session of a browser with one window. Elements are found by CSS selectors and, if given, their text.

    What is clicked or typed into is waited for, as a person would wait, for at most `support.PATIENCE` seconds.
    """

    def __init__(self, root: str):
        self._root = root
        self._session = requests.Session()

    def call(self, method: str, path: str, data: Any = None) -> Any:
        """One command of WebDriver; its value. Raises WebDriverError."""
        body = None if method != "POST" else data or {}
        value = self._session.request(method, self._root + path, json=body, timeout=120).json()["value"]
        if isinstance(value, dict) and "error" in value:
            raise WebDriverError(value["error"], value.get("message", ""))
        return value

    def open(self, url: str) -> None:
        self.call("POST", "/url", {"url": url})

    def execute(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def execute_async(self, script: str, *arguments: Any) -> Any:
        """What a script in the page gives to the function that is its last argument."""
        return self.call("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def wait(self, condition: Callable[[], Any], message: str, seconds: float = support.PATIENCE) -> Any:
        """Ask again until something true comes back. Raises AssertionError."""
        return support.wait_until(condition, seconds, message)

    def find(self, selector: str, text: str = "") -> list[str]:
        """The visible elements, as WebDriver names them."""
        return [element[ELEMENT] for element in self.execute(VISIBLE, selector, text)]

    def see(self, selector: str, text: str = "") -> str:
        """The first visible element, as soon as there is one."""
        try:
            found: list[str] = self.wait(lambda: self.find(selector, text), f"{selector} {text!r} to see")
        except AssertionError as error:
            error.add_note(f"The page says: {self.execute('return document.body.innerText')[:2000]}")
            raise
        return found[0]

    def gone(self, selector: str, text: str = "") -> None:
        """Wait until none is visible any more."""
        self.wait(lambda: not self.find(selector, text), f"{selector} {text!r} to go")

    def click(self, selector: str, text: str = "") -> None:
        """Click on it as soon as it is there, stands still and nothing lies above it."""
        self._retried(lambda: self._click(selector, text))

    def _click(self, selector: str, text: str) -> None:
        self.call("POST", f"/element/{self._still(selector, text)}/click")
        # On a busy machine, it may have moved away under the pointer. A new page knows nothing of a click.
        if self.execute("return window.isClicked === false"):
            raise WebDriverError(MISSED, selector)

    def double_click(self, selector: str, text: str = "") -> None:
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        move = {"type": "pointerMove", "origin": {ELEMENT: self._still(selector, text)}, "x": 0, "y": 0}
        pointer = {"type": "pointer", "id": "mouse", "actions": [move, *press, *press]}
        self.call("POST", "/actions", {"actions": [pointer]})

    def type(self, selector: str, text: str) -> None:
        """Replace what a field holds, with the keyboard."""
        keys = f"{CONTROL}a{RELEASE}{text}"
        self._retried(lambda: self.call("POST", f"/element/{self._still(selector)}/value", {"text": keys}))

    def _still(self, selector: str, text: str = "") -> str:
        """The first visible element, in the middle of the window, after it has slid to its place."""

        def stands() -> str | None:
            try:
                element = self.execute_async(STANDING, selector, text)
            except WebDriverError as error:
                # Another page has come in the meantime.
                if error.code != "javascript error":
                    raise
                return None
            return element[ELEMENT] if element else None

        return self.wait(stands, f"{selector} {text!r} to stand still")

    def choose(self, selector: str, value: str) -> None:
        """Choose the option of a list that has this value."""
        found = {"using": "css selector", "value": f'option[value="{value}"]'}
        option = self.call("POST", f"/element/{self.see(selector)}/element", found)[ELEMENT]
        self._retried(lambda: self.call("POST", f"/element/{option}/click"))

    def _retried(self, act: Callable[[], Any]) -> None:
        deadline = time.monotonic() + support.PATIENCE
        while True:
            try:
                return act()
            except WebDriverError as error:
                if error.code not in PASSING or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def prefer(self, scheme: str) -> None:
        """Prefer light or dark from now on."""
        self._command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def speak(self, languages: str) -> None:
        """Prefer these languages from now on, the first one most: ``de-AT,de,en``."""
        agent = self.execute("return navigator.userAgent")
        self._command("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=languages)

    def resize(self, width: int = 0) -> None:
        """Show pages this wide, in CSS pixels; 0 for as wide as the window."""
        if not width:
            self._command("Emulation.clearDeviceMetricsOverride")
            return
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
        self._command("Emulation.setDeviceMetricsOverride", **size)

    def begin_pages_with(self, script: str) -> None:
        """Run a script in each page from now on, before those of the page."""
        self._command("Page.addScriptToEvaluateOnNewDocument", source=script)

    def _command(self, name: str, **parameters: Any) -> None:
        """A command of the DevTools protocol."""
        self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def too_wide(self) -> list[str]:
        """What makes the page wider than the window."""
        found: list[str] = self.execute(TOO_WIDE)
        return found

    def accessibility_faults(self, within: str = "html") -> list[Any]:
        """What axe-core finds serious or critical there: names of rules with some elements. Skips without axe-core."""
        if not AXE.exists():
            pytest.skip("axe-core is not installed (`make tools`)")
        self.call("POST", "/timeouts", {"script": 110_000})
        found: list[Any] = self.execute_async(AXE.read_text("utf-8") + FAULTS, within)
        return found

    def screenshot(self, path: Path) -> None:
        """Save what is to see as a PNG."""
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def console(self) -> list[str]:
        """The errors that were written to the console since it was last asked for."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def network(self) -> list[dict[str, Any]]:
        """The events of the network, as the DevTools protocol tells them, since it was last asked for."""
        entries = self.call("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [message for message in messages if message["method"].startswith("Network.")]


@contextlib.contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[Browser]:
    """A browser with a profile in this folder, for a test that is skipped where there is none."""
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium and chromedriver are not installed (`make tools`)")
    port = support.free_port()
    driver = support.Server([CHROMEDRIVER, f"--port={port}"], f"http://127.0.0.1:{port}").start()
    try:
        with _session(driver.url, [*FLAGS, *flags, f"--user-data-dir={profile}"]) as root:
            yield Browser(root)
    finally:
        driver.stop()


@contextlib.contextmanager
def _session(driver: str, arguments: list[str]) -> Iterator[str]:
    options = {"binary": CHROMIUM, "args": arguments, "perfLoggingPrefs": {"enableNetwork": True}}
    logs = {"browser": "ALL", "performance": "ALL"}
    name = "chrome-headless-shell" if CHROMIUM == HEADLESS_SHELL else "chrome"
    wanted = {"browserName": name, "goog:chromeOptions": options, "goog:loggingPrefs": logs}
    answer = requests.post(f"{driver}/session", json={"capabilities": {"alwaysMatch": wanted}}, timeout=120).json()
    assert "sessionId" in answer["value"], answer
    root = f"{driver}/session/{answer['value']['sessionId']}"
    try:
        yield root
    finally:
        requests.delete(root, timeout=120)
