"""A person at an unmodified Monster UI whose only API is this service: what they do, and what they get to see.

The UI is not part of this repository: MONSTER_UI_DIR names a checkout of Monster UI 4.3 (its `src` folder, or a built
`dist`) with the PBX Connector in `apps/pbxs`.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.documents.names import account_db, number_db
from tests import support
from tests.browser import Browser, WebDriverError, chromium

pytestmark = pytest.mark.slow

SASS = support.ROOT / ".tools/node_modules/.bin/sass"
HQ_NUMBER, MOVED_NUMBER, SPARE, CARRIERS = "+14155550101", "+14155550102", "+14155550103", "+14155550104"
# What the dialogs of the UI must say where this service leaves the work to Kazoo.
NO_E911 = "the address for emergency calls (e911) was not saved"
NEW_PASSWORD = "another password 1"
NO_RELEASE = "only Kazoo can tell the carrier"
# Requests that a Kazoo without these optional applications refuses as well, and that the UI expects to fail.
EXPECTED = (
    r"404 GET .*/whitelabel/localhost(/logo|/icon)?",
    r"404 GET .*/accounts/\w+/braintree/customer",
    r"404 GET .*/accounts/\w+/access_lists",
)
# What answers say is read from the network; and without a configured socket, the UI tries one that is none.
IGNORED = "Failed to load resource|WebSocket connection to 'ws://[^/]*/undefined' failed"


def folder_of_the_ui() -> Path:
    """The folder with the UI's `index.html`; the test is skipped where none is named."""
    named = os.environ.get("MONSTER_UI_DIR")
    if not named:
        pytest.skip("MONSTER_UI_DIR names no checkout of Monster UI 4.3 with the PBX Connector in apps/pbxs")
    for folder in (Path(named), Path(named, "src")):
        if (folder / "index.html").is_file() and (folder / "js/main.js").is_file():
            assert (folder / "apps/pbxs/app.js").is_file(), f"the PBX Connector is missing in {folder}/apps/pbxs"
            return folder
    raise AssertionError(f"MONSTER_UI_DIR={named} is no Monster UI")


def compiled_styles(folder: Path, target: Path) -> None:
    """Compile the SCSS of a UI that is not built, since without styles everything lies in everything's way."""
    if not next(folder.rglob("*.scss"), None):
        return
    if not SASS.exists() or not shutil.which("node"):
        pytest.skip("sass is not installed: `make tools` with MONSTER_UI_DIR set")
    subprocess.run([SASS, "--no-source-map", "--quiet", f"{folder}:{target}"], check=True, timeout=120)


class Ui(SimpleHTTPRequestHandler):
    """The files of the UI, and those that only its build would make.

    The browser sends here what it would send to other hosts, too: fonts, and Google's search for an address.
    """

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments, styles: Path, generated: dict[str, str], **named):
        self.styles, self.generated = styles, generated
        super().__init__(*arguments, **named)

    def do_GET(self):
        path = urlsplit(self.path).path.lstrip("/")
        text = self.generated.get(path)
        if text is None:
            super().do_GET()
            return
        body = text.encode()
        self.send_response(200)
        self.send_header("content-type", "application/json" if "json" in path else "text/plain")
        self.send_header("access-control-allow-origin", "*")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def translate_path(self, path):
        found = Path(super().translate_path(path))
        compiled = self.styles / found.relative_to(self.directory)
        return str(compiled if compiled.suffix == ".css" and not found.exists() else found)

    def log_message(self, *_):
        pass

    def handle(self):
        # The browser may have gone already.
        with contextlib.suppress(ConnectionError):
            super().handle()


def generated_files(api: str) -> dict[str, str]:
    """What is not in the sources: the configuration, and what the build says of itself."""
    config = {"api": {"default": api}, "whitelabel": {"companyName": "2600Hz", "applicationTitle": "Monster UI"}}
    return {
        "js/config.js": f"define({json.dumps(config)});",
        "VERSION": "4.3.0",
        "build-config.json": json.dumps({"type": "development", "preloadedApps": [], "proApps": []}),
        "css": "",
        "favicon.ico": "",
        "maps/api/geocode/json": json.dumps({"results": [], "status": "ZERO_RESULTS"}),
    }


def add_number(world: support.World, owner: support.Person, number: str, module: str = "knm_local") -> None:
    """A number of this account, in its number database and in the account's."""
    document = {
        "_id": number,
        "pvt_type": "number",
        "pvt_state": "in_service",
        "pvt_module_name": module,
        "pvt_assigned_to": owner.account_id,
    }
    world.store.create_db(number_db(number))
    for db in (number_db(number), account_db(owner.account_id)):
        world.store.save_doc(db, dict(document))


class Visit:
    """The steps of one visit, and the problems of each."""

    def __init__(self, browser: Browser, url: str, api: str, pictures: Path):
        self.browser, self.url, self.api, self.pictures = browser, url, api, pictures
        self.problems: dict[str, list[str]] = {}
        self._open: dict[str, tuple[str, str]] = {}

    def step(self, name: str, act: Callable[[Browser], None], shows: str = "") -> None:
        """Do it, and note what a person would complain about.

        `shows` is what an error dialog must say, where one is meant to come.
        """
        problems = []
        try:
            act(self.browser)
            if shows:
                self.browser.see(".monster-alert", shows)
        except (AssertionError, WebDriverError) as error:
            problems.append(f"{type(error).__name__}: {error}")
        problems += self._complaints(shows)
        if problems:
            self.problems[name] = problems
            self.browser.screenshot(self.pictures / f"{len(self.problems)}.png")
        if problems or shows:
            self._close_dialogs()

    def _complaints(self, shows: str) -> list[str]:
        found = self.browser.execute(ALERTS)
        complaints = [text for text in found if not shows or shows.lower() not in text.lower()]
        complaints += [f"console: {line}" for line in self.browser.console() if not re.search(IGNORED, line)]
        return complaints + [line for line in self._refusals() if not shows]

    def _refusals(self) -> list[str]:
        """The requests of this step that failed although they should not."""
        answers = []
        for message in self.browser.network():
            answers += self._read(message)
        return [line for line in answers if not any(re.fullmatch(expected, line) for expected in EXPECTED)]

    def _read(self, message: dict) -> list[str]:
        event, data = message["method"], message["params"]
        if event == "Network.requestWillBeSent":
            self._open[data["requestId"]] = (data["request"]["method"], data["request"]["url"].split("?")[0])
        elif event == "Network.responseReceived" and data["requestId"] in self._open:
            method, url = self._open.pop(data["requestId"])
            if data["response"]["status"] >= 400:
                return [f"{data['response']['status']} {method} {url}"]
        return []

    def _close_dialogs(self) -> None:
        """Leave the page to the next step as a person would who gives up on this one."""
        for _ in range(5):
            if not self.browser.find(".ui-dialog"):
                return
            self.browser.execute("[...document.querySelectorAll('.ui-dialog-titlebar-close')].at(-1).click()")
            # It fades away, and what it was about may go on, and fail as well.
            time.sleep(0.5)


# The visible error dialogs and error toasts.
ALERTS = """
return [...document.querySelectorAll('.monster-alert, .toast-error')]
  .filter(element => element.getClientRects().length
    && (element.matches('.toast-error') || element.querySelector('.fa-times-circle')
        || element.innerText.toLowerCase().includes('oops')))
  .map(element => element.innerText.replace(/\\s+/g, ' ').trim());
"""

PBX_LIST = "#pbxs_manager_listpanel .pbx-wrapper"
MY_ACCOUNT = "#myaccount.myaccount-open"
PAGES = ("user", "account", "balance", "servicePlan", "transactions", "errorTracker")


def number(phone: str) -> str:
    """A number in the list of the PBX that is shown."""
    return f'.number-wrapper[data-phone_number="{phone}"]'


def spare(phone: str) -> str:
    """A number in the list of those that ring nowhere."""
    return f'.unassigned-number[data-phone_number="{phone}"]'


def log_in(browser: Browser, url: str, person: support.Person, password: str = support.PASSWORD) -> None:
    browser.open(url)
    browser.type("#form_login #login", person.user["username"])
    browser.type("#form_login #password", password)
    browser.type("#form_login #account_name", person.account["name"])
    browser.click("#form_login .login")
    browser.see("#main_topbar_myaccount")


def close_the_greeting(browser: Browser) -> None:
    for _ in range(3):
        with contextlib.suppress(AssertionError):
            browser.wait(lambda: browser.find(".greetings-walkthrough-container"), "the greeting", 2)
            break
        # The application, when it comes late, hides "my account" with its greeting. This shows it again.
        browser.click("#main_topbar_myaccount")
    browser.see(".greetings-walkthrough-container")
    while browser.find(".ui-dialog"):
        # One that was hidden comes a second time.
        browser.click(".ui-dialog-titlebar-close")
        time.sleep(0.5)


def saved(browser: Browser, kind: str = "success") -> None:
    """The UI says that it did it; the word is clicked away, since it lies above buttons."""
    browser.click(f".toast-{kind}")
    browser.gone(f".toast-{kind}")


def reload(browser: Browser, url: str) -> None:
    """Monster UI hides the way to the apps when its styles arrive after the log-in's answer: reload again."""
    for _ in range(5):
        browser.open(url)
        browser.see("#pbxs_manager_view > *")
        assert not browser.find("#form_login, .greetings-walkthrough-container")
        if browser.find("#main_topbar_apploader_link"):
            return


def open_the_apps(browser: Browser) -> None:
    browser.click("#main_topbar_apploader_link")
    # They fade in, and what lies below goes when that has ended.
    browser.gone("#monster_content")


def open_the_app(browser: Browser) -> None:
    open_the_apps(browser)
    browser.click("#apploader .right-div .app-element", "PBX Connector")
    browser.see("#pbxs_manager_view > *")


def open_the_store(browser: Browser) -> None:
    open_the_apps(browser)
    browser.click("#launch_appstore")
    browser.click("#monster_content .app-element", "PBX Connector")
    browser.see(".ui-dialog", "PBX Connector")
    browser.click(".ui-dialog-titlebar-close")
    browser.gone(".ui-dialog")


def name_a_pbx(browser: Browser, brand: str, name: str) -> None:
    browser.click(f".pbx-brand-list .{brand}")
    browser.type("#server_name", name)
    browser.click(".next-step")


def save_the_pbx(browser: Browser, name: str) -> None:
    browser.click(".next-step")
    browser.click(".submit-btn")
    saved(browser)
    browser.see(PBX_LIST, name)


def add_with_a_password(browser: Browser) -> None:
    name_a_pbx(browser, "freepbx", "HQ PBX")
    browser.click('[name="auth.auth_method"][value="Password"]')
    browser.type('[name="auth.auth_user"]', "hq")
    # The UI puts a field that shows the text in the place of the field that has the focus.
    browser.type("#auth_password, [data-protected=auth_password]", "a long password")
    save_the_pbx(browser, "HQ PBX")


def add_with_an_address(browser: Browser) -> None:
    browser.click("#add_pbx")
    name_a_pbx(browser, "asterisk", "Branch PBX")
    browser.click('[name="auth.auth_method"][value="IP"]')
    browser.type("#auth_ip", "192.0.2.10")
    save_the_pbx(browser, "Branch PBX")


def show(browser: Browser, name: str) -> None:
    """Have this PBX and its numbers shown."""
    browser.click(PBX_LIST, name)
    browser.see(".pbx-title", name)


def change_settings(browser: Browser) -> None:
    show(browser, "HQ PBX")
    browser.click(".pbx-title .dropdown-toggle")
    browser.click('.settings-pbx-link[data-step="3"]')
    browser.choose('[name="options.inbound_format"]', "npan")
    browser.click(".wizard-content-step .switch label")
    browser.double_click(".available .item-selector", "G711u")
    browser.see(".selected .item-selector", "G711u")
    browser.click(".submit-btn")
    saved(browser)
    browser.see(".pbx-title", "HQ PBX")


def assign(browser: Browser) -> None:
    show(browser, "HQ PBX")
    browser.click("#unassigned_numbers_header")
    browser.click(spare(HQ_NUMBER))
    browser.click(spare(MOVED_NUMBER))
    browser.click(".link-box.assign")
    saved(browser)
    browser.see(number(HQ_NUMBER))
    browser.see(number(MOVED_NUMBER))
    browser.gone(spare(MOVED_NUMBER))
    browser.click("#unassigned_numbers_header")


def move(browser: Browser) -> None:
    show(browser, "HQ PBX")
    browser.click(f"{number(MOVED_NUMBER)} .phone-number")
    browser.click("#move_numbers")
    browser.click(".pbx-dropdown", "Branch PBX")
    browser.click("#confirm_button")
    saved(browser)
    browser.gone(number(MOVED_NUMBER))
    show(browser, "Branch PBX")
    browser.see(number(MOVED_NUMBER))


def open_a_feature(browser: Browser, feature: str) -> None:
    if not browser.find(number(HQ_NUMBER)):
        show(browser, "HQ PBX")
    browser.click(f"{number(HQ_NUMBER)} .number-options .dropdown-toggle")
    browser.click(f"{number(HQ_NUMBER)} .{feature}-number")


def save_a_feature(browser: Browser, save: str) -> None:
    browser.click(save)
    saved(browser)
    browser.gone(".trunkstore_popup")


def set_failover(browser: Browser) -> None:
    open_a_feature(browser, "failover")
    browser.type(".failover_number", "+14155550199")
    save_a_feature(browser, ".failover .submit_btn")


def set_prepend(browser: Browser) -> None:
    open_a_feature(browser, "prepend")
    browser.type("#number_prepend_value", "Sales")
    save_a_feature(browser, ".number-prepend .save")


def set_caller_id(browser: Browser) -> None:
    open_a_feature(browser, "cnam")
    browser.type("#outbound_caller_id", "ACME")
    save_a_feature(browser, ".cnam .save")


def set_e911(browser: Browser) -> None:
    open_a_feature(browser, "e911")
    address = {"postal_code": "94107", "street_address": "1 Main St", "locality": "San Francisco", "region": "CA"}
    for field, text in address.items():
        browser.type(f"#e911 #{field}", text)
    browser.click("#e911 #submit_btn")


def read_about_buying(browser: Browser, kind: str) -> None:
    show(browser, "HQ PBX")
    browser.click("#buy_numbers")
    browser.click(f'.buy-numbers-link[data-type="{kind}"]')
    browser.see("#buy_number button")
    browser.click(".ui-dialog-titlebar-close")
    browser.gone(".ui-dialog")


def read_about_porting(browser: Browser) -> None:
    show(browser, "HQ PBX")
    browser.click("#port_numbers")
    browser.see("#port_wizard", "Port Request Name")
    browser.click("#port_wizard .cancel", "Cancel Port Request")
    browser.gone("#port_wizard")
    # The UI may leave an empty page behind.
    open_the_app(browser)
    browser.see(PBX_LIST, "HQ PBX")


def delete_a_spare_number(browser: Browser, phone: str) -> None:
    if not browser.find("#unassigned_numbers .content"):
        browser.click("#unassigned_numbers_header")
    browser.click(spare(phone))
    browser.click(".link-box.delete")
    browser.click("#confirm_button")


def delete_own_spare_number(browser: Browser) -> None:
    delete_a_spare_number(browser, SPARE)
    browser.gone(spare(SPARE))


def open_my_account(browser: Browser) -> None:
    if not browser.find(MY_ACCOUNT):
        browser.click("#main_topbar_myaccount")
        browser.see(f"{MY_ACCOUNT} .myaccount-content > *")
        browser.gone("#monster_content")


def read_a_page(browser: Browser, page: str) -> None:
    open_my_account(browser)
    browser.click(f"{MY_ACCOUNT} .myaccount-element{page}")
    browser.see(f"{MY_ACCOUNT} .myaccount-element.active{page}")
    browser.see(f"{MY_ACCOUNT} .myaccount-content > *")


def open_a_setting(browser: Browser, page: str, name: str) -> str:
    """Have the form of a setting shown. Returns its selector."""
    read_a_page(browser, f'[data-module="{page}"]')
    item = f'{MY_ACCOUNT} .settings-item[data-name="{name}"]'
    browser.click(f"{item} .settings-link")
    return item


def change_the_contact(browser: Browser) -> None:
    item = open_a_setting(browser, "account", "technical_contact")
    browser.type("#technical_contact_email", "jörg@example.com")
    browser.type("#technical_contact_number", "+14155550177")
    browser.click(f"{item} .change")
    browser.see(f"{item} .description", "jörg@example.com")


def change_the_privacy(browser: Browser) -> None:
    item = open_a_setting(browser, "account", "account_outbound_privacy")
    browser.choose("#account_outbound_privacy", "name")
    browser.click(f"{item} .change")
    browser.see(f"{item} .changes-saved", "")


def change_the_email(browser: Browser) -> None:
    item = open_a_setting(browser, "user", "email")
    browser.type(f"{MY_ACCOUNT} #email", "person@example.com")
    browser.click(f"{item} .change")
    browser.see(f"{item} .description", "person@example.com")


def change_the_password(browser: Browser) -> None:
    item = open_a_setting(browser, "user", "password")
    browser.type(f"{MY_ACCOUNT} #password", NEW_PASSWORD)
    browser.type(f"{MY_ACCOUNT} #confirm_password", NEW_PASSWORD)
    browser.click(f"{item} .change")


def sync_a_number(browser: Browser) -> None:
    if not browser.find(number(HQ_NUMBER)):
        show(browser, "HQ PBX")
    open_a_feature(browser, "sync")
    saved(browser)


def search_an_account(browser: Browser, child: support.Person) -> None:
    browser.click("#main_topbar_account_toggle_link")
    browser.type(".account-browser-search", child.account["name"][:9].lower())
    browser.click(".account-search-link")
    browser.see("#main_topbar_account_toggle_container .account-link", child.account["name"])
    browser.click("#main_topbar_account_toggle_link")
    browser.gone(".account-browser-search")


def change_the_clock(browser: Browser, wanted: str) -> None:
    item = open_a_setting(browser, "user", "datetime")
    browser.click(f"{item} .monster-checkbox, {item} .monster-custom-checkbox")
    browser.click(f"{item} .change")
    browser.see(f"{item} .description", wanted)


def leave_my_account(browser: Browser) -> None:
    browser.click(f"{MY_ACCOUNT} .myaccount-close button")
    browser.see("#monster_content")


def go_to_the_child(browser: Browser, child: support.Person) -> None:
    browser.click("#main_topbar_account_toggle_link")
    browser.click("#main_topbar_account_toggle_container .account-link", child.account["name"])
    saved(browser, "info")
    browser.see("#main_topbar_myaccount_accountname", child.account["name"])
    browser.see(".pbx-brand-list")


def come_back(browser: Browser, person: support.Person) -> None:
    browser.click("#main_topbar_account_toggle_link")
    browser.click(".home-account-link")
    saved(browser, "info")
    browser.see(PBX_LIST, "HQ PBX")
    assert browser.find("#main_topbar_myaccount_accountname", person.account["name"])


def log_out(browser: Browser) -> None:
    browser.click("#main_topbar_signout_link")
    browser.click("#confirm_button")
    browser.see("#form_login")


def walk(visit: Visit, person: support.Person, child: support.Person) -> None:
    """The whole visit, step by step; a step that fails does not end it."""
    visit.step("log in", lambda browser: log_in(browser, visit.url, person))
    visit.step("close the greeting", close_the_greeting)
    visit.step("reload", lambda browser: reload(browser, visit.url))
    visit.step("open the app", open_the_app)
    visit.step("add a PBX with a password", add_with_a_password)
    visit.step("add a PBX with an address", add_with_an_address)
    visit.step("change settings", change_settings)
    visit.step("assign numbers", assign)
    visit.step("move a number", move)
    visit.step("failover", set_failover)
    visit.step("prepend", set_prepend)
    visit.step("caller id", set_caller_id)
    visit.step("sync a number", sync_a_number)
    visit.step("e911", set_e911, shows=NO_E911)
    visit.step("read about buying numbers", lambda browser: read_about_buying(browser, "regular"))
    visit.step("read about toll-free numbers", lambda browser: read_about_buying(browser, "tollfree"))
    visit.step("read about porting numbers", read_about_porting)
    visit.step("delete a spare number", delete_own_spare_number)
    visit.step("delete a carrier's number", lambda browser: delete_a_spare_number(browser, CARRIERS), NO_RELEASE)
    for page in PAGES:
        visit.step(f"my account: {page}", partial(read_a_page, page=f'[data-module="{page}"]'))
    for key in ("outbound", "inbound", "twoway"):
        visit.step(f"my account: {key} trunks", partial(read_a_page, page=f'[data-key="{key}"]'))
    visit.step("12 hours", partial(change_the_clock, wanted="12 hours"))
    visit.step("24 hours", partial(change_the_clock, wanted="24 hours"))
    visit.step("contact", change_the_contact)
    visit.step("caller-id privacy", change_the_privacy)
    visit.step("e-mail", change_the_email)
    visit.step("leave my account", leave_my_account)
    visit.step("search an account", partial(search_an_account, child=child))
    visit.step("switch to a child account", partial(go_to_the_child, child=child))
    visit.step("come back", partial(come_back, person=person))
    visit.step("the app store", open_the_store)
    visit.step("log out", log_out)
    visit.step("log in again", lambda browser: log_in(browser, visit.url, person))
    # The old token has ended, and so has the password that the UI logs in with.
    visit.step("a new password", change_the_password, shows="Your session expired")
    visit.step("log in with it", lambda browser: log_in(browser, visit.url, person, NEW_PASSWORD))


@pytest.fixture
def world(tmp_path):
    """A store of its own, where local numbers have every feature."""
    world = support.embedded_world(tmp_path / "data").populate()
    world.configure("number_manager", local_feature_override=True)
    return world


@pytest.fixture
def visit(world, tmp_path):
    """A browser, the UI on one port and this service on another."""
    folder = folder_of_the_ui()
    compiled_styles(folder, tmp_path / "styles")
    port = support.free_port()
    api = f"http://127.0.0.1:{port}/v2/"
    service = support.service({**world.environment, "PBXS_API_URL": api}, port)
    handler = partial(Ui, directory=folder, styles=tmp_path / "styles", generated=generated_files(api))
    with contextlib.ExitStack() as stack:
        ui = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=ui.serve_forever, daemon=True).start()
        stack.callback(ui.shutdown)
        # Nothing of this leaves the machine: every other host is the UI's server.
        hosts = f"MAP * 127.0.0.1:{ui.server_port},EXCLUDE localhost,EXCLUDE 127.0.0.1"
        browser = stack.enter_context(chromium(tmp_path / "profile", f"--host-resolver-rules={hosts}"))
        stack.callback(service.start().stop)
        yield Visit(browser, f"http://localhost:{ui.server_port}/", api, tmp_path)


def test_a_person_finds_nothing_to_complain_about(visit, world):
    person = world.person("Acme", "acme.example.com", world.master)
    child = world.person("Acme Branch", "branch.example.com", person)
    for phone in (HQ_NUMBER, MOVED_NUMBER, SPARE):
        add_number(world, person, phone)
    add_number(world, person, CARRIERS, "knm_bandwidth2")
    walk(visit, person, child)
    account = world.store.open_doc("accounts", person.account_id)
    assert account["contact"]["technical"]["email"] == "jörg@example.com"
    assert account["caller_id_options"] == {"outbound_privacy": "name"}
    user = world.store.open_doc(account_db(person.account_id), person.user["_id"])
    assert user["email"] == "person@example.com" and "password" not in user
    told = [f"{name}:\n    " + "\n    ".join(problems) for name, problems in visit.problems.items()]
    assert not told, "\n".join([f"pictures: {visit.pictures}", *told])
