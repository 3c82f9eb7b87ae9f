"""The console in a real browser: what people do with trunks, by mouse and by keyboard.

The functions here do what several tests do.
"""

from app.documents.names import account_db, number_db
from tests import support
from tests.browser import Browser


def fill_in(page: Browser, person: support.Person, form: str = "form") -> None:
    """The form for logging in, and its button."""
    page.type("#account", person.realm)
    page.type("#user", person.user["username"])
    page.type("#password", support.PASSWORD)
    page.click(f"{form} button", "Log in")


def log_in(page: Browser, person: support.Person) -> None:
    """Log in without typing, key by key, what `fill_in` types."""
    values = {"account": person.realm, "user": person.user["username"], "password": support.PASSWORD}
    page.see("form button", "Log in")
    page.execute(
        "for (const [id, value] of Object.entries(arguments[0])) document.getElementById(id).value = value;"
        "document.querySelector('form button').click()",
        values,
    )
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


def answers_late_or_not_at_all(page: Browser, script: str, first: str = "") -> None:
    """From now on, requests go through this: a function of `send`, `url` and `options`.

    `first` is a selector of what is clicked at once, so that no request that the page sends by itself comes before.
    """
    click = f"document.querySelector('{first}').click()" if first else ""
    page.execute(f"const send = window.fetch; window.fetch = async (url, options) => {{ {script} }}; {click}")
