"""What each client sends, in its order and with its odd headers (docs/kazoo/clients.md)."""

import hashlib

import pytest
import requests

from app.documents.names import account_db, number_db
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

MONSTER = {"Content-Type": "application/json", "Accept": "application/json, text/javascript, */*; q=0.01"}
ORIGIN = {"Origin": "http://ui.example"}


class Browser:
    """A UI's transport: its headers on every call, cache busters on reads."""

    def __init__(self, base, version, envelope):
        self.root = f"{base}/{version}"
        self.envelope = envelope
        self.token = "undefined"

    def call(self, method, path, data=None, **params):
        headers = {**MONSTER, **ORIGIN, "X-Auth-Token": self.token}
        body = self.envelope(method, data) if data is not None else None
        if method == "GET":
            params["_"] = "1448812345678"
        answer = requests.request(
            method, f"{self.root}/{path}", headers=headers, json=body, params=params, timeout=120
        )
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["content-type"] == "application/json"
        return answer

    def data(self, method, path, data=None, **params):
        answer = self.call(method, path, data, **params)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()["data"]


def monster_envelope(method, data):
    return {"data": {**data, "ui_metadata": {"version": "4.3", "ui": "monster-ui", "origin": "pbxs"}}}


def kazoo_ui_envelope(method, data):
    return {"data": {**data, "ui_metadata": {"ui": "kazoo-ui"}}, "verb": method}


def new_server(name, auth, **more):
    return {
        "DIDs": {},
        "options": {
            "enabled": True,
            "inbound_format": "e164",
            "international": False,
            "caller_id": {},
            "e911_info": {},
            "failover": {},
            "media_handling": "bypass",
            **more.pop("options", {}),
        },
        "permissions": {"users": []},
        "monitor": {"monitor_enabled": False},
        "server_name": name,
        "auth": auth,
        "server_type": "FreeSWITCH",
        **more,
    }


@pytest.fixture
def numbers(world, person):
    """Two numbers that the account owns, in both databases."""
    numbers = [f"+1415{int(person.account_id[:6], 16) % 1000000:06}{last}" for last in "12"]
    for number in numbers:
        document = {
            "_id": number,
            "pvt_type": "number",
            "pvt_state": "in_service",
            "pvt_module_name": "knm_local",
            "pvt_assigned_to": person.account_id,
            "pvt_features": {"local": {}},
        }
        world.store.create_db(number_db(number))
        world.store.save_doc(number_db(number), document)
        world.store.save_doc(account_db(person.account_id), document)
    return numbers


def test_pbx_connector(base, person, numbers):
    """Monster UI's app, on v2: log in, set up, add a PBX, give it a number, move it, take it away, delete it."""
    ui = Browser(base, "v2", monster_envelope)
    for path in ("whitelabel/ui.example", "whitelabel/ui.example/logo", "whitelabel/ui.example/icon"):
        assert ui.call("GET", path).status_code == 404
    credentials = hashlib.md5(f"{person.user['username']}:{support.PASSWORD}".encode()).hexdigest()
    login = ui.call("PUT", "user_auth", {"credentials": credentials, "account_name": person.account["name"]})
    assert login.status_code == 201
    ui.token = login.json()["auth_token"]
    account, user = login.json()["data"]["account_id"], login.json()["data"]["owner_id"]
    assert {"language", "is_reseller", "reseller_id", "apps"} <= login.json()["data"].keys()
    root = f"accounts/{account}"

    assert ui.data("GET", root)["id"] == account
    assert ui.data("GET", f"{root}/users/{user}")["priv_level"] == "admin"
    assert ui.data("GET", f"{root}/apps_store") == []
    assert ui.data("GET", f"{root}/limits")["id"] == "limits"
    assert ui.data("GET", f"{root}/alerts") == []
    assert ui.call("GET", f"{root}/ledgers/total").json()["data"] == {"amount": 0.0}
    for path in (f"{root}/braintree/customer", f"{root}/access_lists"):
        assert ui.call("GET", path).status_code == 404
    document = ui.data("GET", root)
    document["ui_restrictions"] = {"myaccount": {"account": {"show_tab": True}}}
    assert ui.data("POST", root, document)["ui_restrictions"]["myaccount"]["account"]["show_tab"] is True

    assert ui.data("GET", f"{root}/connectivity") == []
    realm = ui.data("GET", root)["realm"]
    blank = {
        "account": {"credits": {"prepay": "0.00"}, "trunks": 0, "inbound_trunks": 0, "auth_realm": realm},
        "billing_account_id": account,
        "DIDs_Unassigned": {},
        "servers": [],
    }
    assert ui.call("PUT", f"{root}/connectivity", blank).status_code == 201
    (doc_id,) = ui.data("GET", f"{root}/connectivity")
    one = f"{root}/connectivity/{doc_id}"

    def spare():
        listed = ui.data("GET", f"{root}/phone_numbers", filter_state='["in_service","port_in"]', paginate="false")
        return {number for number, value in listed["numbers"].items() if not value.get("used_by")}

    def save(change):
        trunks = ui.data("GET", one)
        change(trunks["servers"])
        return ui.data("POST", one, trunks)

    password = {"auth_method": "Password", "auth_user": "user_abc", "auth_password": "pw"}
    added = save(lambda servers: servers.append(new_server("pbx one", password, cfg={})))
    assert added["servers"][0]["options"]["delay"] == 0 and added["servers"][0]["cfg"] == {}
    save(
        lambda servers: servers.append(new_server("pbx two", {"auth_method": "IP", "ip": "pbx.example.net"}, cfg={}))
    )
    assert spare() == set(numbers)
    save(lambda servers: servers[0]["DIDs"].update({number: {} for number in numbers}))
    assert spare() == set()
    moved = save(lambda servers: servers[1]["DIDs"].update({numbers[0]: servers[0]["DIDs"].pop(numbers[0])}))
    assert list(moved["servers"][1]["DIDs"]) == [numbers[0]] and spare() == set()
    save(lambda servers: servers[1]["DIDs"].pop(numbers[0]))
    assert spare() == {numbers[0]}
    left = save(lambda servers: servers.pop(0))
    assert [server["server_name"] for server in left["servers"]] == ["pbx two"]
    assert spare() == set(numbers)
    assert left["billing_account_id"] == account and left["account"]["credits"] == {"prepay": "0.00"}
    assert ui.data("GET", f"{root}/callflows", paginate="false") == []
    charged = requests.post(
        f"{ui.root}/{one}",
        json={"data": left, "accept_charges": True},
        headers={"X-Auth-Token": ui.token},
        timeout=120,
    )
    assert charged.status_code == 200


def test_kazoo_ui(base, person):
    """The old UI, on v1: `verb` beside `data`, numbers as texts, shared_auth, trailing slashes."""
    ui = Browser(base, "v1", kazoo_ui_envelope)
    credentials = hashlib.md5(f"{person.user['username']}:{support.PASSWORD}".encode()).hexdigest()
    login = ui.call("PUT", "user_auth", {"credentials": credentials, "realm": person.realm})
    assert login.status_code == 201 and "page_size" not in login.json()
    token, account = login.json()["auth_token"], login.json()["data"]["account_id"]
    shared = {"realm": person.realm, "account_id": account, "shared_token": token}
    ui.token = ui.call("PUT", "shared_auth", shared).json()["auth_token"]
    root = f"accounts/{account}"
    assert ui.data("GET", f"{root}/connectivity") == []
    blank = {
        "account": {
            "credits": {"prepay": "0.00"},
            "trunks": "0",
            "inbound_trunks": "0",
            "auth_realm": ui.data("GET", root)["realm"],
        },
        "billing_account_id": account,
        "DIDs_Unassigned": {},
        "servers": [],
    }
    created = ui.data("PUT", f"{root}/connectivity", blank)
    assert created["account"]["trunks"] == 0 and created["account"]["inbound_trunks"] == "0"
    doc_id = ui.data("GET", f"{root}/connectivity/")[0]
    one = f"{root}/connectivity/{doc_id}"
    trunks = ui.data("GET", one)
    by_address = {"auth_method": "IP", "ip": "192.0.2.1"}
    trunks["servers"].append(new_server("pbx", by_address, options={"flags": ["a", "b"], "ip": "192.0.2.1"}))
    trunks["servers"].append(new_server("Hosted Platform", {}, not_editable=True, **{"": False}))
    saved = ui.data("POST", one, trunks)
    assert saved["servers"][1]["auth"] == {"auth_method": "password"} and saved["servers"][1][""] is False
    refused = ui.call("POST", one, {**saved, "name": 5})
    assert refused.status_code == 400 and isinstance(refused.json()["message"], str)
    assert refused.json()["data"]["name"]["type"]["target"] == "string"
    saved["servers"] = saved["servers"][1:]
    assert len(ui.data("POST", one, saved)["servers"]) == 1


def test_php_sdk(base, person):
    """All five verbs, with the trailing slash on PUT."""
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "kazoo-php-sdk"}
    login = {"data": {"credentials": person.credentials, "realm": person.realm}}
    token = requests.put(f"{base}/v2/user_auth", json=login, headers=headers, timeout=120).json()["auth_token"]
    headers["X-Auth-Token"] = token
    root = f"{base}/v2/accounts/{person.account_id}/connectivity"

    def call(method, url, data=None):
        answer = requests.request(method, url, json={"data": data} if data else None, headers=headers, timeout=120)
        return answer.status_code, answer.json()["data"]

    status, created = call("PUT", root + "/", {"name": "SDK", "account": {"auth_realm": "sdk.example"}})
    assert status == 201
    one = f"{root}/{created['id']}"
    assert call("GET", one) == (200, created)
    assert call("POST", one, {**created, "name": "SDK 2"})[1]["name"] == "SDK 2"
    assert call("PATCH", one, {"name": "SDK 3"})[1]["name"] == "SDK 3"
    assert call("GET", root + "/") == (200, [created["id"]])
    assert call("DELETE", one)[0] == 200
    assert call("GET", root)[1] == []


def test_kazoos_own_test_of_its_api(base, api, person):
    assert api.call("GET").json()["data"] == []
    created = api.call("PUT", data={"name": "proper", "account": {"auth_realm": "mine.example"}})
    assert created.status_code == 201 and created.json()["data"]["account"]["auth_realm"] == person.realm
    doc_id = created.json()["data"]["id"]
    assert api.call("GET").json()["data"] == [doc_id]
    changed = api.call("POST", f"/{doc_id}", {"account": {"auth_realm": "other.example"}}).json()["data"]
    assert (changed["id"], changed["account"]["auth_realm"]) == (doc_id, person.realm)
    assert api.call("DELETE", f"/{doc_id}").status_code == 200
    assert api.call("GET").json()["data"] == []


def test_only_the_uis_members_of_an_account_can_be_changed(world, base, api, person):
    url, headers = f"{base}/v2/accounts/{person.account_id}", {"X-Auth-Token": api.token}

    def post(data):
        return requests.post(url, json={"data": data}, headers=headers, timeout=120)

    name = {"name": person.account["name"]}
    assert list(post({"ui_metadata": {}}).json()["data"]) == ["name"]
    refused = post({"name": "stolen", "realm": "stolen.example", "timezone": "Europe/Paris"})
    assert refused.status_code == 403 and "not name, realm" in refused.json()["data"]["message"]
    new = post({**name, "notifications": {"a": 1}, "strange": 1})
    assert new.status_code == 403 and "not notifications, strange" in new.json()["data"]["message"]
    assert post({**name, "pvt_superduper_admin": True, "ui_metadata": {"a": 1}}).status_code == 200
    for db in (account_db(person.account_id), "accounts"):
        stored = world.store.open_doc(db, person.account_id)
        assert stored["ui_metadata"] == {"a": 1} and stored["name"] == person.account["name"]
        assert stored["pvt_superduper_admin"] is False
        assert "timezone" not in stored
    for method, path in (("PUT", ""), ("DELETE", ""), ("PUT", "/api_key")):
        refused = requests.request(method, url + path, json={"data": {}}, headers=headers, timeout=120)
        assert refused.status_code == 409 and "Kazoo" in refused.json()["data"]["accounts"]["message"]


def test_a_user_who_is_no_admin_changes_nothing_for_others(world, base, person):
    plain = support.add_user(world.store, person.account_id, "plain", support.PASSWORD, "user")
    token = support.Api(base, support.Person(person.account, plain)).token
    url = f"{base}/v2/accounts/{person.account_id}"

    def send(data, method="PATCH"):
        return requests.request(method, url, json={"data": data}, headers={"X-Auth-Token": token}, timeout=120)

    refused = send({"contact": {"billing": {"email": "x"}}, "timezone": "Europe/Paris"})
    assert refused.status_code == 403 and "contact, timezone" in refused.json()["data"]["message"]
    # So Monster UI begins in an account without restrictions.
    first = {"name": person.account["name"], "ui_restrictions": {"a": 1}, "ui_metadata": {"ui": "monster-ui"}}
    assert send(first, "POST").status_code == 200
    assert send({"ui_restrictions": {"a": 2}}).status_code == 403
    assert send({"name": person.account["name"]}, "POST").status_code == 403
    assert send(first, "POST").status_code == 200 and send({"ui_metadata": {"ui": "x"}}).status_code == 200
    assert world.store.open_doc("accounts", person.account_id)["ui_restrictions"] == {"a": 1}


def test_what_uis_keep_in_an_account(world, base, api, person):
    """The pages "my account" of Monster UI send the whole account back, with what was changed."""
    url, headers = f"{base}/v2/accounts/{person.account_id}", {"X-Auth-Token": api.token}

    def send(method, data):
        return requests.request(method, url, json={"data": data}, headers=headers, timeout=120)

    kept = {
        "contact": {"technical": {"email": "jo@example.com", "number": "+14155550100"}},
        "timezone": "Europe/Paris",
        "language": "fr-FR",
        "caller_id_options": {"outbound_privacy": "full"},
        "ui_flags": {"numbers_format": "national"},
    }
    shown = requests.get(url, headers=headers, timeout=120).json()["data"]
    answer = send("POST", shown | kept)
    assert answer.status_code == 200 and answer.json()["data"] == shown | kept
    assert requests.get(url, headers=headers, timeout=120).json()["data"] == shown | kept
    assert send("PATCH", {"contact": {"billing": {"name": "Jo"}}, "timezone": None}).status_code == 200
    copies = [world.store.open_doc(db, person.account_id) for db in (account_db(person.account_id), "accounts")]
    for document in copies:
        assert document["contact"] == {**kept["contact"], "billing": {"name": "Jo"}}
        assert "timezone" not in document and document["realm"] == person.account["realm"]
    # A POST replaces what UIs keep.
    without = {name: value for name, value in shown.items() if name != "caller_id_options"}
    assert "caller_id_options" not in send("POST", without).json()["data"]
    for data, named in (
        ({"timezone": "x"}, "timezone"),
        ({"language": 5}, "language"),
        ({"contact": {"technical": 5}}, "contact.technical"),
        ({"caller_id_options": {"outbound_privacy": "most"}}, "caller_id_options.outbound_privacy"),
        ({"ui_flags": "x"}, "ui_flags"),
        ({"ui_flags": {"x": "y" * 262_144}}, "ui_flags"),
    ):
        refused = send("PATCH", data)
        assert refused.status_code == 400 and list(refused.json()["data"]) == [named]


@pytest.fixture(scope="module")
def tolerant(tmp_path_factory):
    """A service with the settings for UIs on."""
    world = support.embedded_world(tmp_path_factory.mktemp("tolerant")).populate()
    settings = {"TOLERATE_LEGACY_VALUES": "true", "PBXS_API_URL": "https://api.example.com/v2"}
    server = support.service({**world.environment, **settings}).start()
    yield world, server.url
    server.stop()


class TestSettings:
    def test_what_is_stored_may_stay_where_it_is(self, tolerant):
        world, base = tolerant
        person = make_person(world, "legacy")
        api = support.Api(base, person)
        doc_id = api.create({"servers": [support.server_with(), support.server_with()]})
        stored = world.store.open_doc(account_db(person.account_id), doc_id)
        stored["servers"][0]["options"]["inbound_format"] = "e.164"
        stored["servers"][0]["DIDs"]["+14155550100"] = {"failover": False}
        world.store.save_doc(account_db(person.account_id), stored)
        data = api.call("GET", f"/{doc_id}").json()["data"]
        data["servers"][1]["options"]["enabled"] = "false"
        saved = api.call("POST", f"/{doc_id}", data)
        assert saved.status_code == 200
        servers = saved.json()["data"]["servers"]
        assert servers[0]["options"]["inbound_format"] == "e.164" and servers[1]["options"]["enabled"] is False
        assert api.call("PATCH", f"/{doc_id}", {"name": "x"}).status_code == 200
        for changed in ("e164x", "npanx"):
            data["servers"][0]["options"]["inbound_format"] = changed
            assert api.call("POST", f"/{doc_id}", data).status_code == 400
        data["servers"][0]["options"]["inbound_format"] = "e.164"
        data["servers"][1]["options"]["inbound_format"] = "e.164"
        refused = api.call("POST", f"/{doc_id}", data)
        assert refused.status_code == 400 and "servers.1.options.inbound_format" in refused.json()["data"]
        assert api.call("PUT", data=data).status_code == 400
        assert api.call("POST", "/nope", data).status_code == 400

    def test_the_app_is_listed(self, tolerant):
        world, base = tolerant
        person = make_person(world, "apps")
        api = support.Api(base, person)
        assert [app["api_url"] for app in api.login().json()["data"]["apps"]] == ["https://api.example.com/v2"]
        store = requests.get(
            f"{base}/v2/accounts/{person.account_id}/apps_store", headers={"X-Auth-Token": api.token}, timeout=120
        )
        (app,) = store.json()["data"]
        assert {"id", "name", "allowed_users", "masqueradable", "i18n", "icon"} <= app.keys()
        one = requests.get(f"{store.url}/{app['id']}", headers={"X-Auth-Token": api.token}, timeout=120)
        assert one.json()["data"] == app
        other = requests.get(f"{store.url}/voip", headers={"X-Auth-Token": api.token}, timeout=120)
        assert (other.status_code, other.json()["message"]) == (404, "bad_identifier")
