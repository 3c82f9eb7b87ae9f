"""The wall between tenants, tokens of all kinds, and limits (docs/kazoo/auth.md)."""

import base64
import hashlib
import hmac
import itertools
import json
import time

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from app.auth.credentials import credential_hash
from app.documents.clock import GREGORIAN_EPOCH, gregorian_now
from app.documents.names import account_db, month_db
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]


@pytest.fixture(scope="module")
def family(world, base):
    """grandparent > parent > own > child, a sibling of own, a stranger beside them, and the master above all."""
    grandparent = make_person(world, "grandparent")
    parent = make_person(world, "parent", grandparent)
    own = make_person(world, "own", parent, level="user")
    people = {
        "own": own,
        "parent": parent,
        "grandparent": grandparent,
        "child": make_person(world, "child", own),
        "sibling": make_person(world, "sibling", parent),
        "stranger": make_person(world, "stranger"),
        "superduper": world.master,
    }
    return {name: support.Api(base, person) for name, person in people.items()}


MAY = {"own", "parent", "grandparent", "superduper"}


def snapshot(world, account_id):
    """All that an account's database holds."""
    return {document["_id"]: document for document in world.store.dump_docs(account_db(account_id))}


@pytest.mark.parametrize("who", ["own", "parent", "grandparent", "child", "sibling", "stranger", "superduper", None])
def test_the_wall(world, base, family, who):
    """Every verb and route on the account `own`, with the token of each relation and with none."""
    target = family["own"]
    account_id = target.person.account_id
    doc_id = target.create({"name": "mine"})
    token = family[who].token if who else None
    headers = {"X-Auth-Token": token} if token else {}
    root = f"{base}/v2/accounts/{account_id}"
    if world.store.find_doc(account_db(account_id), "main") is None:
        world.store.save_doc(account_db(account_id), {"_id": "main", "pvt_type": "callflow", "numbers": []})
    before = snapshot(world, account_id)
    allowed = who in MAY
    refusal = 401 if who is None else 403
    for method, path, body, success in (
        ("GET", "/connectivity", None, 200),
        ("GET", f"/connectivity/{doc_id}", None, 200),
        ("PUT", "/connectivity", {"name": "x"}, 201),
        ("POST", f"/connectivity/{doc_id}", {"name": "x"}, 200),
        ("PATCH", f"/connectivity/{doc_id}", {"name": "y"}, 200),
        ("POST", f"/connectivity/{doc_id}?verb=PATCH", {"name": "z"}, 200),
        ("POST", "/connectivity?verb=PUT", {"name": "x"}, 201),
        ("DELETE", f"/connectivity/{doc_id}", None, 200),
        ("GET", "", None, 200),
        ("POST", "", {"name": target.person.account["name"], "ui_metadata": {"by": str(who)}}, 200),
        ("PATCH", "", {"ui_metadata": {"by": str(who)}}, 200),
        ("GET", "/search?t=user&q=name&v=x", None, 200),
        ("POST", "/phone_numbers/fix/+14155550100", {"x": 1}, 200),
        ("GET", "/users", None, 200),
        ("GET", f"/users/{target.person.user['_id']}", None, 200),
        ("GET", "/phone_numbers", None, 200),
        ("GET", "/callflows", None, 200),
        ("GET", "/callflows/main", None, 200),
        ("GET", "/limits", None, 200),
        ("GET", "/apps_store", None, 200),
        ("GET", "/alerts", None, 200),
        ("GET", "/about", None, 200),
        ("GET", "/schemas", None, 200),
    ):
        for version in ("v1", "v2"):
            if version == "v1" and method != "GET":
                continue
            url = root.replace("/v2/", f"/{version}/") + path
            answer = requests.request(
                method, url, headers=headers, json={"data": body} if body else None, timeout=120
            )
            assert answer.status_code == (success if allowed else refusal), (who, method, path, answer.text)
    if not allowed:
        assert snapshot(world, account_id) == before


def test_the_wall_around_documents_of_others(family):
    """An id of another account, asked for through one's own."""
    theirs = family["sibling"].create({"name": "theirs"})
    for method, data in (("GET", None), ("POST", {}), ("PATCH", {}), ("DELETE", None)):
        assert family["own"].call(method, f"/{theirs}", data).status_code == 404


def b64(data):
    return (
        base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()
    )


def system_key(world):
    config = world.store.open_doc("system_config", "auth")["default"]
    pem = world.store.open_attachment("system_auth", config["system_key"], "private_key.pem")
    return config["system_key"], serialization.load_pem_private_key(pem, None)


def forged(world, api):
    """Tokens that nobody may get in with, by name."""
    key_id, key = system_key(world)
    claims = jwt.decode(api.token, options={"verify_signature": False})
    header, payload, signature = api.token.split(".")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def signed(changes=(), algorithm="RS256", with_key=key, kid=key_id):
        changed = {**claims, **dict(changes)}
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode({k: v for k, v in changed.items() if v is not ...}, with_key, algorithm, headers)

    def hmac_with(secret):
        text = f"{b64({'alg': 'HS256', 'typ': 'JWT', 'kid': key_id})}.{payload}"
        return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    return {
        "none": f"{b64({'alg': 'none', 'typ': 'JWT', 'kid': key_id})}.{payload}.",
        "none in capitals": f"{b64({'alg': 'NONE', 'kid': key_id})}.{payload}.{signature}",
        "hmac with the public key": hmac_with(public),
        "hmac with nothing": hmac_with(b""),
        "another key": signed(with_key=other),
        "another key's id": signed(with_key=other, kid="f" * 32),
        "unknown kid": signed(kid="f" * 32),
        "kid that is a path": signed(kid="../system_config/auth"),
        "kid of a design document": signed(kid="_design/x"),
        "no kid": signed(kid=None),
        "PSS": signed(algorithm="PS256"),
        "payload of another": f"{header}.{b64({**claims, 'account_id': 'f' * 32})}.{signature}",
        "truncated": api.token[:-4],
        "two parts": f"{header}.{payload}",
        "four parts": f"{api.token}.x",
        "expired by a second": signed({"exp": int(time.time()) - 1}),
        "expiry as text": signed({"exp": "9999999999"}),
        "expiry null": signed({"exp": None}),
        "no issuer": signed({"iss": ...}),
        "another issuer": signed({"iss": "accounts.google.com"}),
        "no account": signed({"account_id": ...}),
        "short account": signed({"account_id": "abc"}),
        "wrong identity_sig": signed({"identity_sig": "x" * 43}),
        "empty identity_sig": signed({"identity_sig": ""}),
        "identity_sig null": signed({"identity_sig": None}),
        "another owner": signed({"owner_id": "f" * 32}),
        "oversized": signed({"x": "y" * 4000}),
        "embedded key": jwt.encode(
            claims, other, "RS256", {"kid": key_id, "jwk": json.loads(RSAAlgorithm.to_jwk(other.public_key()))}
        ),
        "opaque": "0123456789abcdef0123456789abcdef",
        "undefined": "undefined",
        "empty": "",
        "JSON": '{"alg":"none"}',
        "spaces": "a b",
        "not ASCII": "é.é.é",
    }


def test_forged_tokens(world, base, api, person):
    before = (snapshot(world, person.account_id), list(map(str, world.store.dump_docs("system_auth"))))
    for name, token in forged(world, api).items():
        for method, data in (("GET", None), ("PUT", {"data": {}})):
            answer = requests.request(
                method, api.url(), json=data, headers={"X-Auth-Token": token.encode()}, timeout=120
            )
            assert answer.status_code == 401, (name, answer.text)
            body = answer.json()
            assert body["data"] == {"message": "invalid credentials"} and body["message"] == "invalid_credentials"
            assert "www-authenticate" not in answer.headers
    assert (snapshot(world, person.account_id), list(map(str, world.store.dump_docs("system_auth")))) == before
    assert api.call("GET").status_code == 200


def test_good_tokens_of_other_shapes(world, api):
    """What Kazoo accepts besides its own: other RSA hashes, no identity_sig, no expiry."""
    key_id, key = system_key(world)
    claims = jwt.decode(api.token, options={"verify_signature": False})
    for changes, algorithm in (
        ({}, "RS384"),
        ({}, "RS512"),
        ({"identity_sig": ...}, "RS256"),
        ({"exp": ...}, "RS256"),
    ):
        changed = {k: v for k, v in {**claims, **changes}.items() if v is not ...}
        token = jwt.encode(changed, key, algorithm, {"kid": key_id})
        assert requests.get(api.url(), headers={"X-Auth-Token": token}, timeout=120).status_code == 200


def test_where_a_token_may_stand(base, api):
    url, token = api.url(), api.token

    def status(**request):
        return requests.request(
            request.pop("method", "GET"), request.pop("url", url), timeout=120, **request
        ).status_code

    assert status(headers={"X-Auth-Token": token}) == 200
    assert status(params={"auth_token": token}) == 200
    assert status(method="PUT", json={"data": {}, "auth_token": token}) == 201
    assert status(method="PUT", json={"data": {"auth_token": token}}) == 201
    assert status(headers={"X-Auth-Token": ""}, params={"auth_token": token}) == 401
    assert status(headers={"X-Auth-Token": "x"}, params={"auth_token": token}) == 401
    assert status(headers={"Authorization": f"Bearer {token}"}) == 401
    assert status(headers={"Authorization": token}) == 401
    assert status(headers={"X-Auth-Token": token, "X-Auth-Account-ID": api.person.account_id}) == 200
    assert status(headers={"X-Auth-Token": token, "X-Auth-Account-ID": "f" * 32}) == 401


def test_basic_credentials(world, base, api, person):
    def status(text):
        credential = base64.b64encode(text.encode()).decode()
        return requests.get(api.url(), headers={"Authorization": f"Basic {credential}"}, timeout=120).status_code

    assert status(f"{person.account_id}:{person.credentials}") == 200
    assert status(f"{person.account_id}:{person.credentials[:-1]}x") == 401
    assert status(f"{world.master.account_id}:{person.credentials}") == 401
    assert status(person.account_id) == 401 and status("") == 401 and status(":") == 401
    twin = {**person.user, "_id": "twin"}
    twin.pop("_rev", None)
    world.store.save_doc(account_db(person.account_id), twin)
    assert status(f"{person.account_id}:{person.credentials}") == 401


def test_the_alias(base, api):
    url = f"{base}/v2/account/connectivity"
    created = requests.put(url, json={"data": {}}, headers={"X-Auth-Token": api.token}, timeout=120)
    assert created.headers["location"] == f"/v2/account/connectivity/{created.json()['data']['id']}"
    refused = requests.get(url, timeout=120)
    assert refused.status_code == 401 and refused.json()["data"] == {}
    assert refused.json()["message"] == "invalid credentials"


def test_api_keys(base, api, person):
    login = requests.put(
        f"{base}/v2/api_auth", json={"data": {"api_key": person.account["pvt_api_key"]}}, timeout=120
    )
    assert login.status_code == 201 and login.headers["location"] == f"/v2/api_auth/{person.account_id}"
    claims = jwt.decode(login.json()["auth_token"], options={"verify_signature": False})
    assert claims["method"] == "cb_api_auth" and "owner_id" not in claims and claims["identity_sig"]
    assert "owner_id" not in login.json()["data"]
    headers = {"X-Auth-Token": login.json()["auth_token"]}
    assert requests.get(api.url(), headers=headers, timeout=120).status_code == 200
    unknown = requests.put(f"{base}/v2/api_auth", json={"data": {"api_key": "0" * 64}}, timeout=120)
    assert unknown.status_code == 404 and unknown.json()["data"] == ["0" * 64]


def test_acting_as_a_descendant(base, family):
    parent, own, stranger = family["parent"].person, family["own"].person, family["stranger"].person

    def token(account_id, owner_id=own.user["_id"]):
        data = {
            "credentials": parent.credentials,
            "account_realm": parent.realm,
            "as": {"account_id": account_id, "owner_id": owner_id},
        }
        return requests.put(f"{base}/v2/user_auth", json={"data": data}, timeout=120).json()["auth_token"]

    def status(token, account_id):
        url = f"{base}/v2/accounts/{account_id}/connectivity"
        return requests.get(url, headers={"X-Auth-Token": token}, timeout=120).status_code

    as_own = token(own.account_id)
    assert status(as_own, own.account_id) == 200
    assert status(as_own, parent.account_id) == 403
    assert status(token(stranger.account_id), parent.account_id) == 401
    assert status(token(own.account_id, None), parent.account_id) == 200

    def by_alias(token):
        url = f"{base}/v2/account/connectivity"
        answer = requests.get(url, headers={"X-Auth-Token": token}, timeout=120)
        return answer.status_code, answer.json().get("data")

    trunk = family["own"].create({"name": "of the descendant"})
    status_code, data = by_alias(as_own)
    assert status_code == 200 and trunk in data
    assert by_alias(token(stranger.account_id))[0] == 401


@pytest.mark.parametrize("noun", ["connectivity", "connectivity/x", "users", "users/x", "phone_numbers", "limits"])
def test_a_path_without_its_account(base, family, noun):
    def status(who):
        headers = {"X-Auth-Token": family[who].token}
        return requests.get(f"{base}/v2/{noun}", headers=headers, timeout=120).status_code

    assert (status("own"), status("superduper")) == (403, 404)


def test_shared_tokens(base, api, person, family):
    def login(**data):
        return requests.put(f"{base}/v1/shared_auth", json={"data": data}, timeout=120)

    good = login(realm=person.realm, account_id=person.account_id, shared_token=api.token)
    assert good.status_code == 201 and good.json()["data"]["account_id"] == person.account_id
    fresh = good.json()["auth_token"]
    assert jwt.decode(fresh, options={"verify_signature": False})["owner_id"] == person.user["_id"]
    assert requests.get(api.url(), headers={"X-Auth-Token": fresh}, timeout=120).status_code == 200
    assert login(realm="other.example", account_id=person.account_id, shared_token=api.token).status_code == 401
    assert login(realm=person.realm, account_id="f" * 32, shared_token=api.token).status_code == 401
    assert login(realm=person.realm, account_id=person.account_id, shared_token="x").status_code == 401
    assert login(account_id=person.account_id, shared_token=family["own"].token).status_code == 401
    assert login(account_id=person.account_id).status_code == 404


def test_who_am_i(base, api, person):
    data = requests.get(f"{base}/v2/token_auth", headers={"X-Auth-Token": api.token}, timeout=120).json()["data"]
    assert data["account_id"] == person.account_id and data["owner_id"] == person.user["_id"]
    assert data["method"] == "cb_user_auth" and data["reseller_id"] and data["iss"] == "kazoo"
    assert requests.get(f"{base}/v2/token_auth", timeout=120).status_code == 401


def test_login_by_name_realm_and_hash(base, person):
    sha = credential_hash(person.user["username"], support.PASSWORD, "sha")
    for data in (
        {"credentials": person.credentials, "account_name": person.account["name"].upper()},
        {"credentials": person.credentials, "realm": person.realm.upper()},
        {"credentials": sha, "method": "sha", "account_realm": person.realm},
        {"credentials": person.credentials, "account_realm": "no.such.realm", "account_name": person.account["name"]},
    ):
        assert requests.put(f"{base}/v2/user_auth", json={"data": data}, timeout=120).status_code == 201, data
    for data in (
        {"credentials": person.credentials},
        {"credentials": sha, "account_realm": person.realm},
        {"credentials": person.credentials, "account_name": "nobody"},
        {"credentials": person.credentials, "account_name": "!!!"},
    ):
        assert requests.put(f"{base}/v2/user_auth", json={"data": data}, timeout=120).status_code == 401, data
    action = {
        "data": {"credentials": person.credentials, "account_realm": person.realm},
        "action": "impersonate_user",
    }
    assert requests.put(f"{base}/v2/user_auth", json=action, timeout=120).status_code == 403


def test_a_second_factor_is_never_skipped(world, base, person):
    modules = {"cb_user_auth": {"multi_factor": {"enabled": True}}}
    world.store.save_doc(account_db(person.account_id), {"_id": "configs_crossbar.auth", "auth_modules": modules})
    data = {"credentials": person.credentials, "account_realm": person.realm}
    assert requests.put(f"{base}/v2/user_auth", json={"data": data}, timeout=120).status_code == 401


def test_an_expired_trial_is_switched_off(world, base, person):
    api = support.Api(base, person)
    for db in (account_db(person.account_id), "accounts"):
        account = world.store.open_doc(db, person.account_id)
        world.store.save_doc(db, {**account, "pvt_trial_expires": gregorian_now() - 1})
    time.sleep(2.2)
    refused = api.call("GET")
    assert refused.status_code == 400 and list(refused.json()["data"]["account"]) == ["expired"]
    for db in (account_db(person.account_id), "accounts"):
        assert world.store.open_doc(db, person.account_id)["pvt_enabled"] is False


def test_a_trial_that_was_extended_is_left_on(world, base, person):
    api = support.Api(base, person)
    databases = (account_db(person.account_id), "accounts")

    def set_expiry(seconds):
        for db in databases:
            account = world.store.open_doc(db, person.account_id)
            expiry = {"pvt_trial_expires": gregorian_now() + seconds, "pvt_enabled": True}
            world.store.save_doc(db, {**account, **expiry})

    set_expiry(-1)
    time.sleep(2.2)
    assert api.call("GET").status_code == 400
    # Every worker remembers the account as expired now; it is looked at anew before it is written over.
    set_expiry(3600)
    for _ in range(10):
        assert requests.get(api.url(), headers={"X-Auth-Token": api.token}, timeout=120).status_code in (200, 400)
    for db in databases:
        assert world.store.open_doc(db, person.account_id)["pvt_enabled"] is True


def test_a_token_of_a_new_secret_is_good_at_once_and_stays_so(world, base, person):
    api = support.Api(base, person)
    assert api.call("GET").status_code == 200
    db = account_db(person.account_id)
    user = world.store.open_doc(db, person.user["_id"])
    world.store.save_doc(db, {**user, "pvt_signature_secret": "a" * 32})
    api.token = api.login().json()["auth_token"]

    def statuses():
        """Each request on a connection of its own, so that both workers are asked."""
        headers = {"X-Auth-Token": api.token}
        return {requests.get(api.url(), headers=headers, timeout=120).status_code for _ in range(20)}

    assert statuses() == {200}
    time.sleep(2.2)
    assert statuses() == {200}


def test_attempts_are_recorded_where_the_month_has_a_database(world, base, person):
    db, before = month_db(person.account_id), int(time.time())
    data = {"credentials": person.credentials, "account_realm": person.realm}
    url, headers = f"{base}/v2/user_auth", {"X-Auth-Token": "s3cret-token", "Cookie": "s3cret", "X-Thing": "seen"}
    assert requests.put(url, json={"data": data}, timeout=120).status_code == 201
    assert not world.store.has_db(db)
    world.store.create_db(db)
    assert requests.put(url, json={"data": data}, headers=headers, timeout=120).status_code == 201
    assert (
        requests.put(url, json={"data": {**data, "credentials": "wr0ng"}}, headers=headers, timeout=120).status_code
        == 401
    )
    found = list(world.store.dump_docs(db))
    attempts = {document["status"]: document for document in found}
    assert len(found) == 2 and set(attempts) == {"success", "failed"}
    good = attempts["success"]
    assert good["pvt_type"] == "login_attempt" and good["auth_module"] == "cb_user_auth"
    assert good["metadata"] == {"account_id": person.account_id, "owner_id": person.user["_id"]}
    assert good["client_headers"]["x-thing"] == "seen" and good["client_ip"] == "127.0.0.1"
    assert before <= good["timestamp"] - GREGORIAN_EPOCH <= time.time()
    assert good["pvt_account_db"].endswith(time.strftime("-%Y%m", time.gmtime()))
    text = json.dumps(list(attempts.values()))
    assert "s3cret" not in text and "wr0ng" not in text and person.credentials not in text


class TestAServiceOfItsOwn:
    """What needs other settings or a rate limit that counts."""

    @pytest.fixture
    def limited(self, tmp_path):
        return support.embedded_world(tmp_path).populate(rate_limited=True)

    def test_a_new_secret_refuses_the_old_token_on_every_worker(self, world):
        server = support.service(world.environment, workers=4).start()
        try:
            person = make_person(world, "revoked")
            token = support.Api(server.url, person).token
            url = f"{server.url}/v2/accounts/{person.account_id}/connectivity"

            def statuses():
                return {
                    requests.get(url, headers={"X-Auth-Token": token}, timeout=120).status_code for _ in range(40)
                }

            assert statuses() == {200}
            user = world.store.open_doc(account_db(person.account_id), person.user["_id"])
            world.store.save_doc(account_db(person.account_id), {**user, "pvt_signature_secret": "f" * 32})
            support.wait_until(lambda: statuses() == {401}, message="the old token to end on each worker")
        finally:
            server.stop()

    def test_a_hundred_requests_whichever_worker_answers(self, limited):
        """The bucket fills once a day here; `test_buckets.py` moves a clock."""
        limited.configure("token_buckets", crossbar={"tokens_fill_time": "day"})
        server = support.service(limited.environment, workers=4).start()
        try:
            person = limited.person("Limited", "limited.example.com", limited.master)
            api = support.Api(server.url, person)
            headers = {"X-Auth-Token": api.token}
            statuses = [requests.get(api.url(), headers=headers, timeout=120).status_code for _ in range(101)]
            assert statuses == [200] * 100 + [429]
            refused = api.call("GET")
            assert refused.status_code == 429 and refused.json()["data"] == {"message": "too many requests"}
            assert "retry-after" not in refused.headers
        finally:
            server.stop()

    def test_addresses_of_proxies(self, limited):
        limited.configure("token_buckets", crossbar={"tokens_fill_time": "day"})
        limited.configure("crossbar", token_costs=50)
        server = support.service(limited.environment).start()
        try:
            person = limited.person("Proxied", "proxied.example.com", limited.master)
            api = support.Api(server.url, person)
            numbers = itertools.count()

            def status(address):
                headers = {"X-Auth-Token": api.token, "X-Forwarded-For": address}
                return requests.get(api.url(), headers=headers, timeout=120).status_code

            assert [status("10.0.0.1") for _ in range(3)] == [200, 200, 429]
            assert status("10.0.0.2") == 200
            limited.configure("crossbar", reverse_proxies=["192.0.2.0/24"])
            # Settings are read again after two seconds. Then they all come from one address.
            support.wait_until(
                lambda: [status(f"10.0.1.{next(numbers)}") for _ in range(4)][-1] == 429,
                message="the setting to count",
            )
        finally:
            server.stop()

    def test_strict_tokens(self, limited):
        limited.configure("crossbar", token_costs=0)
        server = support.service({**limited.environment, "STRICT_TOKENS": "true"}).start()
        try:
            person = limited.person("Strict", "strict.example.com", limited.master)
            api = support.Api(server.url, person)
            key_id, key = system_key(limited)
            claims = jwt.decode(api.token, options={"verify_signature": False})
            del claims["identity_sig"]
            unsigned = jwt.encode(claims, key, "RS256", {"kid": key_id})
            assert requests.get(api.url(), headers={"X-Auth-Token": unsigned}, timeout=120).status_code == 401
            assert api.call("GET").status_code == 200
            db = account_db(person.account_id)
            limited.store.save_doc(db, {**limited.store.open_doc(db, person.account_id), "enabled": False})
            support.wait_until(lambda: api.call("GET").status_code == 401, message="the account to be disabled")
        finally:
            server.stop()

    def test_no_secret_is_logged(self, limited, tmp_path):
        log = tmp_path / "log"
        environment = {**limited.environment, "LOG_LEVEL": "DEBUG", "ACCESS_LOG": "true", "TEST_LOG": str(log)}
        server = support.service(environment).start()
        try:
            person = limited.person("Logged", "logged.example.com", limited.master)
            api = support.Api(server.url, person)
            api.call("PUT", data={"servers": [support.server_with("4155550100", auth_password="pa55w0rd")]})
            for name in ("auth_token", "Auth-Token", "auth%5Ftoken"):
                requests.get(f"{api.url()}?{name}={api.token}&page_size=3&filter_auth_password=pa55w0rd", timeout=120)
            requests.get(f"{server.url}/v2/user_auth/{api.token}", headers={"X-Auth-Token": api.token}, timeout=120)
            requests.get(api.url(), headers={"Authorization": "Basic czNjcmV0OnMzY3JldA=="}, timeout=120)
        finally:
            server.stop()
        text = log.read_text()
        assert api.url().partition("/v2")[2] in text
        secrets = (api.token, api.token.split(".")[2], person.credentials, "pa55w0rd", "czNjcmV0", support.PASSWORD)
        assert not [secret for secret in secrets if secret in text]
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        assert any(line.get("request_id") for line in lines)
        by_path = {line["path"]: line for line in lines if "path" in line}
        trunks = api.url().partition(server.url)[2]
        listed = by_path[f"{trunks}?auth_token=(secret)&page_size=3&filter_auth_password=(secret)"]
        assert {name: listed[name] for name in ("method", "status", "account", "user", "client")} == {
            "method": "GET",
            "status": 200,
            "account": person.account_id,
            "user": person.user["_id"],
            "client": "127.0.0.1",
        }
        assert listed["bytes"] > 100 and 0 < listed["seconds"] < 20 and len(listed["request_id"]) == 32
        assert listed["time"].endswith("Z") and "/v2/user_auth/…" in by_path
