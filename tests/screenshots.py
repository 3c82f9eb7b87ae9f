"""`make screenshots`: pictures of each page of the console, light and dark, in docs/console/."""

import tempfile
from pathlib import Path

from tests import support
from tests.browser import Browser, chromium

FOLDER = support.ROOT / "docs/console"
NUMBERS = ("+14155550100", "+14155550101", "+14155550102", "+14155550103")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "audit.jsonl")
        world = support.embedded_world(Path(directory)).populate()
        person = world.person("Example Telephony", "pbx.example.com", world.master)
        environment = {**world.environment, "HISTORY": "true", "AUDIT_REPORT": str(report)}
        server = support.service(environment).start()
        try:
            support.run(world.environment, "add-number", person.account_id, *NUMBERS)
            doc_id = _made(support.Api(server.url, person))
            support.Api(server.url, world.master).create({"name": "Master's own"})
            report.write_text(support.command_ended(world.environment, "audit", "--all", "--json").stdout)
            with chromium(Path(directory, "profile"), "--window-size=1280,900") as browser:
                for scheme in ("light", "dark"):
                    _shoot_all(browser, server.url, world, person, doc_id, scheme)
        finally:
            server.stop()


def _made(api: support.Api) -> str:
    """Some trunks, the first one with an earlier version; its id."""
    office = support.server_with(*NUMBERS[:3], auth_user="office", auth_password="a long secret")
    office |= {"server_name": "Office", "options": {"failover": {"e164": "+14155550199"}}}
    address = {"auth_method": "IP", "ip": "203.0.113.7", "auth_user": "branch"}
    branch = {"server_name": "Branch", "auth": address, "options": {}, "DIDs": {}}
    for name in ("Warehouse", "Fax", "Call centre"):
        api.create({"name": name, "servers": [support.server_with(auth_user=name.lower())]})
    doc_id = api.create({"name": "HQ", "servers": [{**office, "DIDs": {}}]})
    api.call("PATCH", f"/{doc_id}", {"name": "Headquarters", "servers": [office, branch], "account": {"trunks": 4}})
    return doc_id


def _shoot_all(
    browser: Browser, url: str, world: support.World, person: support.Person, doc_id: str, scheme: str
) -> None:
    browser.prefer(scheme)

    def shoot(name: str) -> None:
        browser.screenshot(FOLDER / f"{name}-{scheme}.png")

    def log_in(who: support.Person) -> None:
        browser.open("about:blank")
        browser.open(f"{url}/console")
        for field, text in (("account", who.realm), ("user", who.user["username"]), ("password", support.PASSWORD)):
            browser.type(f"#{field}", text)
        browser.click("form button", "Log in")
        browser.see("h1", "Trunks")

    browser.open(f"{url}/console")
    browser.execute("sessionStorage.clear()")
    browser.open(f"{url}/")
    browser.see("h1")
    shoot("landing")
    browser.open(f"{url}/docs")
    browser.see(".opblock-tag")
    shoot("docs")
    browser.open(f"{url}/console")
    browser.see("h1", "Log in")
    shoot("log-in")
    log_in(person)
    browser.see("th a", "Headquarters")
    browser.wait(lambda: browser.execute("return document.querySelector('.time').textContent"), "the times")
    shoot("trunks")
    browser.open(f"{url}/console#/trunks/{doc_id}")
    browser.see("#changes", "Everything is saved.")
    shoot("trunk")
    browser.click("#tab-versions")
    browser.see(".versions li", "The first version")
    shoot("versions")
    _shoot_phone(browser, f"{url}/console#/trunks/{doc_id}", FOLDER / f"phone-{scheme}.png")
    browser.click("header button", "Log out")
    log_in(world.master)
    browser.click("header a", "Account")
    browser.see("li button", "Example")
    shoot("accounts")
    browser.click("header a", "Operation")
    browser.see("summary", "Example")
    shoot("operation")
    browser.click("header button", "Log out")


def _shoot_phone(browser: Browser, address: str, picture: Path) -> None:
    browser.resize(390)
    browser.open("about:blank")
    browser.open(address)
    browser.click("summary", "Where calls go")
    browser.see(".picture")
    browser.screenshot(picture)
    browser.resize()


if __name__ == "__main__":
    main()
