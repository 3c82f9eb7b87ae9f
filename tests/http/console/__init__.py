"""The console in a real browser: what people do with trunks, by mouse and by keyboard.

The functions here do what several tests do.
"""

from app.documents.names import account_db, number_db
from tests import support
from tests.browser import Browser

AXE = support.ROOT / ".tools/node_modules/axe-core/axe.min.js"


def fill_in(page: Browser, person: support.Person, form: str = "form") -> None:
    """The form for logging in, and its button."""
    page.type("#account", person.realm)
    page.type("#user", person.user["username"])
    page.type("#password", support.PASSWORD)
    page.click(f"{form} button", "Log in")


def log_in(page: Browser, person: support.Person) -> None:
    fill_in(page, person)
    page.see("h1", "Trunks")


def field(path: str) -> str:
    """The selector of the control of a member."""
    return f'[data-path="{path}"] input, [data-path="{path}"] select, [data-path="{path}"] textarea'


def stored(world: support.World, person: support.Person, doc_id: str) -> dict:
    return world.store.open_doc(account_db(person.account_id), doc_id)


def open_trunk(page: Browser, base: str, doc_id: str, name: str) -> None:
    page.open(f"{base}/console#/trunks/{doc_id}")
    page.see("#save")
    page.see("main h1", name)


def is_seen(page: Browser, url: str, selector: str, text: str) -> None:
    """A page that is loaded anew shows this."""
    page.open("about:blank")
    page.open(url)
    page.see(selector, text)


def write_json(page: Browser, text: str) -> None:
    """Replace the JSON of the trunk that is open."""
    page.click("#tab-json")
    page.execute(
        "const json = document.getElementById('json'); json.value = arguments[0];"
        "json.dispatchEvent(new Event('input'))",
        text,
    )


def read_json(page: Browser) -> str:
    page.click("#tab-json")
    return page.execute("return document.getElementById('json').value")


def with_number(world: support.World, person: support.Person, prefix: str) -> str:
    """A number of the account that no other account has."""
    number = f"+1{prefix}{int(person.account_id[:8], 16) % 10**4:04}"
    world.store.create_db(number_db(number))
    assert number in support.run(world.environment, "add-number", person.account_id, number)
    return number


def answers_late_or_not_at_all(page: Browser, script: str) -> None:
    """From now on, requests go through this: a function of `send`, `url` and `options`."""
    page.execute(f"const send = window.fetch; window.fetch = async (url, options) => {{ {script} }};")


def accessibility_faults(page: Browser) -> list:
    """What axe-core finds that is serious or critical: the rule, and some of the elements."""
    return page.execute_async(
        AXE.read_text("utf-8") + "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then("
        "result => done(result.violations.filter(one => ['serious', 'critical'].includes(one.impact))"
        ".map(one => [one.id, one.nodes.map(node => node.html).slice(0, 3)])))"
    )


def prefer(page: Browser, scheme: str) -> None:
    """Prefer light or dark from now on."""
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": feature})


def narrow(page: Browser, width: int = 0) -> None:
    """Show the page this wide; 0 for as wide as the window is."""
    if not width:
        page.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.clearDeviceMetricsOverride", "params": {}})
        return
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    page.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})


def speak(page: Browser, languages: str) -> None:
    """Prefer these languages from now on."""
    agent = page.execute("return navigator.userAgent")
    override = {"userAgent": agent, "acceptLanguage": languages}
    page.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setUserAgentOverride", "params": override})


def too_wide(page: Browser) -> list[str]:
    """What makes the page wider than the screen."""
    return page.execute(
        "if (document.documentElement.scrollWidth <= innerWidth) return [];"
        "return [...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > innerWidth)"
        ".map(each => `${each.tagName} ${each.className} ${each.innerText}`.slice(0, 200))"
    )
