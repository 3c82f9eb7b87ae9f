"""The stages on the way of a request, in this process (docs/kazoo/http.md and docs/kazoo/auth.md)."""

import base64
import gzip
import itertools
import json
import threading
import time
from time import gmtime

import pytest

from app import contention
from app.accounts.creation import add_user
from app.auth.credentials import credential_hash
from app.documents import start_key
from app.documents.clock import gregorian_now
from app.documents.names import account_db
from app.store import Unavailable, ViewMissing
from tests.in_process import InProcess, read_fixtures, services_with
from tests.support import PASSWORD, RECORDINGS, Person, World, logged_by

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def fixtures():
    return read_fixtures(RECORDINGS / "fixtures.jsonl")


@pytest.fixture(scope="module")
def server(fixtures, tmp_path_factory):
    """A service without a rate limit, which remembers nothing."""
    services = services_with(tmp_path_factory.mktemp("store"), fixtures)
    services.cache._seconds = 0
    server = InProcess(services)
    configure(server, "crossbar", token_costs=0)
    return server


@pytest.fixture(scope="module")
def world(server):
    store = server.services.store
    master_id = store.open_doc("system_config", "accounts")["default"]["master_account_id"]
    return World(store, {}, master=Person(store.open_doc("accounts", master_id), {}))


@pytest.fixture
def person(world):
    return make_person(world)


def make_person(world, parent=None, level="admin"):
    number = next(NUMBERS)
    return world.person(f"Person {number}", f"p{number}.example.com", parent or world.master, level)


def configure(server, document, **members):
    World(server.services.store, {}).configure(document, **members)


@pytest.fixture
def configured(server):
    """Changes a document of `system_config` for one test."""
    store, before = server.services.store, {}

    def change(document, **members):
        before.setdefault(document, store.find_doc("system_config", document) or {"_id": document, "default": {}})
        configure(server, document, **members)

    yield change
    for name, document in before.items():
        store.save_doc("system_config", {**document, "_rev": store.open_doc("system_config", name)["_rev"]})


def ask(server, method, path, data=None, **headers):
    """Status, headers and envelope."""
    body = None if data is None else json.dumps({"data": data}).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent |= {"content-type": "application/json", "content-length": str(len(body))}
    status, answered, content = server(method, path, sent, body)
    if answered.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    return status, answered, json.loads(content) if content.startswith(b"{") else content


def log_in(server, person, **data):
    credentials = {"credentials": person.credentials, "account_realm": person.realm}
    return ask(server, "PUT", "/v2/user_auth", {**credentials, **data})


def token_of(server, person, **data):
    return log_in(server, person, **data)[2]["auth_token"]


def trunks(person):
    return f"/v2/accounts/{person.account_id}/connectivity"


def status_with(server, path, **headers):
    return ask(server, "GET", path, **headers)[0]


def change(world, db, doc_id, **members):
    stored = world.store.open_doc(db, doc_id)
    world.store.save_doc(db, {**stored, **members})


# What the client takes


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0.001", True),
        ("br ,gzip ; q=1", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("gzip;q=0.00", False),
        ("gzip;q=0.000", False),
        ("deflate", False),
        ("*", False),
        ("xgzip", False),
        ("", False),
    ],
)
def test_answers_are_compressed_for_who_takes_gzip(server, accepted, compressed):
    plain = ask(server, "GET", "/v2/schemas/connectivity")
    status, headers, envelope = ask(server, "GET", "/v2/schemas/connectivity", accept_encoding=accepted)
    assert status == 200 and envelope["data"] == plain[2]["data"]
    assert (headers.get("content-encoding") == "gzip") is compressed
    assert headers["vary"] == "accept-language, accept" + (", accept-encoding" if compressed else "")
    assert headers["etag"] == plain[1]["etag"]


def test_short_answers_and_those_of_an_operator_who_does_not_want_it_are_not_compressed(server, configured):
    _, headers, envelope = ask(server, "GET", "/v2/schemas", accept_encoding="gzip")
    assert len(json.dumps(envelope, separators=(",", ":"))) < 300 and "content-encoding" not in headers
    configured("crossbar", compress_response_body=False)
    assert "content-encoding" not in ask(server, "GET", "/v2/schemas/connectivity", accept_encoding="gzip")[1]


def test_an_error_before_negotiation_varies_with_the_encoding_alone(server, person):
    path = f"/v2/accounts/{person.account_id}/nothing/" + "x" * 300
    _, headers, envelope = ask(server, "GET", path, accept_encoding="gzip", x_auth_token="t" * 300)
    assert envelope["error"] == "404" and headers["content-encoding"] == "gzip"
    assert headers["vary"] == "accept-encoding"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("*/*", 200),
        ("application/*", 200),
        ("application/json", 200),
        ("Application/JSON", 200),
        ("application/x-json", 200),
        ("application/json;q=0", 200),
        ("application/json; q=0.5", 200),
        ("text/html, application/json", 200),
        ("text/html;level=1, */*;q=0.1", 200),
        (",application/json,", 200),
        ("application/json; charset=utf-8", 406),
        ("application/json;charset=utf-8;q=1", 406),
        ("text/html", 406),
        ("text/*", 200),
        ("*/json", 406),
        ("", 406),
        ("bad", 400),
        ("application/json;", 400),
        ("application/json, b@d", 400),
    ],
)
def test_accept(server, accept, status):
    headers = {} if accept is None else {"accept": accept}
    answered, described, content = ask(server, "GET", "/v2/schemas/user_auth", **headers)
    assert answered == status
    assert ("content-language" in described) is (status == 200)
    if status != 200:
        assert content == b"" and "content-type" not in described and described["x-request-id"]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("en-GB", "en-gb"),
        ("fr-CH, fr;q=0.9, en;q=0.8", "fr-ch"),
        ("en;q=0.5,de", "en"),
        ("de;q=0.3, en-US;q=0.7", "en-us"),
        ("de;q=0, en-gb;q=0.1", "en-gb"),
        ("*", "*"),
        ("en-us;q=0.2, *;q=0.9", "en"),
        ("fr;q=0", "en"),
        ("de;q=0.123", "de"),
    ],
)
def test_the_language_is_echoed(server, header, language):
    headers = {} if header is None else {"accept_language": header}
    assert ask(server, "GET", "/v2/schemas/user_auth", **headers)[1]["content-language"] == language


@pytest.mark.parametrize("header", ["", "en;q=2", "en;q=0.1234", "toolonglanguage", "e n", "en;x=1"])
def test_a_language_that_cannot_be_read_is_a_bare_400(server, header):
    assert ask(server, "GET", "/v2/schemas/user_auth", accept_language=header) == (400, {"content-length": "0"}, b"")


# What the client sends


def test_a_body_over_the_limit_is_refused_whether_announced_or_not(server, configured):
    configured("crossbar", max_upload_size=100)
    path = "/v2/schemas/connectivity/validation"

    def status(size, **headers):
        body = json.dumps({"data": {"name": ""}}).encode()
        body = body.replace(b'""', b'"' + b"x" * (size - len(body)) + b'"')
        assert len(body) == size
        answered, _, content = server("PUT", path, {"content-type": "application/json", **headers}, body)
        return answered, json.loads(content)["data"]

    refusal = {
        "file": {"maxSize": {"target": 100, "message": "Payload or Files must not be more than 100 bytes"}},
    }
    assert status(100, **{"content-length": "100"})[0] == 201
    assert status(101, **{"content-length": "101"}) == (400, refusal)
    assert status(100, **{"transfer-encoding": "chunked"})[0] == 201
    assert status(101, **{"transfer-encoding": "chunked"}) == (400, refusal)
    configured("crossbar", max_upload_size="huge")
    assert status(101, **{"content-length": "101"})[0] == 201


def test_a_form_is_an_envelope_or_json_in_disguise(server):
    path, kind = "/v2/schemas/connectivity/validation", {"content-type": "application/x-www-form-urlencoded"}

    def answer(body):
        headers = {**kind, "content-length": str(len(body))}
        status, _, content = server("PUT", path, headers, body)
        return status, json.loads(content)["data"]

    assert answer(b'{"data":{"name":"x"}}') == (201, {"name": "x", "servers": []})
    assert answer(b'{"data":{"name":"100%"}}') == (201, {"name": "100%", "servers": []})
    wrong_type = answer(b"data=x")[1]["data"]["type"]
    assert wrong_type == {
        "message": "Value did not match type(s): object, array",
        "target": "object, array",
        "value": "x",
    }
    missing = answer(b"name=a+b%21&other")[1]["data"]["required"]
    assert missing == {"message": "Field is required but missing", "value": {"name": "a b!", "other": True}}
    assert answer(b"")[1]["data"]["required"]["value"] == {}


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("APPLICATION/X-JSON; charset=utf-8", 201),
        ("", 201),
        ("text/plain", 415),
        (";;;", 415),
    ],
)
def test_types_of_bodies(server, content_type, status):
    body = b'{"data":{}}'
    headers = {"content-type": content_type, "content-length": str(len(body))}
    assert server("PUT", "/v2/schemas/connectivity/validation", headers, body)[0] == status


@pytest.mark.parametrize(
    ("query", "status"),
    [("a=%41&b", 200), ("a=%zz", 400), ("a=%4", 400), ("%=1", 400), ("a=%e9&&x=1", 200), ("=", 200)],
)
def test_query_strings(server, query, status):
    answered, _, envelope = ask(server, "GET", f"/v2/schemas?{query}")
    assert answered == status
    if status == 400:
        wrong = query.partition("&")[0]
        assert envelope["data"] == {
            "query_string": {"invalid": {"message": "malformed percent-encoding", "value": wrong}}
        }


def test_names_of_the_envelope_are_normalised(server):
    body = b'{"DATA":{"Name-X":1},"Auth-Token":"TOK","ignored":null}'
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    status, _, content = server("PUT", "/v2/schemas/connectivity/validation", headers, body)
    envelope = json.loads(content)
    assert status == 201 and envelope["data"] == {"Name-X": 1, "servers": []} and envelope["auth_token"] == "TOK"


# Who calls


def test_a_verb_that_is_not_allowed_is_named_in_no_header(server, person):
    token = token_of(server, person)
    _, _, created = ask(server, "PUT", trunks(person), {"name": "a"}, x_auth_token=token)
    path = f"{trunks(person)}/{created['data']['id']}"
    for verb in ("put", "PUT", "nonsense"):
        status, headers, _ = ask(server, "POST", path, {"name": "b", "verb": verb}, x_auth_token=token)
        assert status == 405
        assert set(headers["access-control-allow-methods"].split(", ")) == {"DELETE", "GET", "OPTIONS", "PATCH"}
    for verb in (5, True, [], {}):
        assert ask(server, "POST", path, {"name": "b", "verb": verb}, x_auth_token=token)[0] == 405
    assert ask(server, "GET", path, x_auth_token=token)[2]["revision"] == created["revision"]


def test_a_bad_id_is_told_beside_the_other_errors(server, person):
    token = token_of(server, person)
    status, _, envelope = ask(server, "PUT", trunks(person), {"id": "_x", "servers": 5}, x_auth_token=token)
    assert status == 400 and envelope["data"]["id"]["invalid"]["value"] == "_x" and "servers" in envelope["data"]
    status, _, envelope = ask(server, "PUT", trunks(person), {"id": "_x"}, x_auth_token=token)
    assert status == 400 and envelope["data"].keys() == {"id"}


def test_a_log_in_at_an_account_s_path_needs_a_token(server, person):
    path = f"/v2/accounts/{person.account_id}"
    logins = {
        "user_auth": {"credentials": person.credentials, "account_realm": person.realm},
        "api_auth": {"api_key": person.account["pvt_api_key"]},
    }
    for noun, data in logins.items():
        assert ask(server, "PUT", f"{path}/{noun}", data)[0] == 401
        assert ask(server, "PUT", f"{path}/{noun}", data, x_auth_token=token_of(server, person))[0] == 201
        assert ask(server, "PUT", f"/v2/{noun}", data)[0] == 201


def test_limits_that_are_stored(server, world, person):
    """docs/kazoo/documents.md, section 7.4: what is private in the document is shown under two public names."""
    path, token = f"/{{}}/accounts/{person.account_id}/limits", token_of(server, person)
    limits = {"_id": "limits", "pvt_type": "limits", "twoway_trunks": 7, "pvt_allow_postpay": True}
    world.store.save_doc(account_db(person.account_id), {**limits, "pvt_max_postpay_amount": 12.5})
    shown = ask(server, "GET", path.format("v2"), x_auth_token=token)[2]["data"]
    assert shown == {"id": "limits", "twoway_trunks": 7, "allow_postpay": True, "max_postpay_amount": 12.5}
    shown = ask(server, "GET", path.format("v1"), x_auth_token=token)[2]["data"]
    assert shown == {"id": "limits", "twoway_trunks": 7}
    change(world, account_db(person.account_id), "limits", pvt_type="device")
    assert ask(server, "GET", path.format("v2"), x_auth_token=token)[0] == 404


def test_the_order_and_the_page_size_of_lists(server, world, person):
    token = token_of(server, person)
    for name in ("second", "third", "fourth"):
        add_user(world.store, person.account_id, name, PASSWORD, "user")
    db = account_db(person.account_id)
    ids = sorted(row.id for row in world.store.query_view(db, "users/crossbar_listing"))

    def listed(noun, query="", version="v2"):
        path = f"/{version}/accounts/{person.account_id}/{noun}{query}"
        return ask(server, "GET", path, x_auth_token=token)[2]

    assert [user["id"] for user in listed("users")["data"]] == ids
    assert [user["id"] for user in listed("users", version="v1")["data"]] == ids[::-1]
    page = listed("users", "?page_size=2")
    assert [user["id"] for user in page["data"]] == ids[:2] and page["page_size"] == 2 and page["next_start_key"]
    assert listed("users", "?page_size=50")["page_size"] == 4
    for name in "ab":
        ask(server, "PUT", trunks(person), {"name": name}, x_auth_token=token)
    # Only the list of trunks counts the first one of the next page.
    assert listed("connectivity", "?page_size=1")["page_size"] == 2
    children = [make_person(world, person).account_id for _ in range(3)]
    names = [child["id"] for child in listed("children")["data"]]
    assert sorted(names) == sorted(children)
    assert [child["id"] for child in listed("children", version="v1")["data"]] == names[::-1]


def test_basic_credentials(server, world, person, configured):
    def status(text, scheme="Basic "):
        return status_with(server, trunks(person), authorization=scheme + base64.b64encode(text.encode()).decode())

    name = person.user["username"]
    sha = credential_hash(name, PASSWORD, "sha")
    good = f"{person.account_id}:{person.credentials}"
    assert status(good) == 200
    _, _, envelope = ask(
        server, "GET", trunks(person), authorization="Basic " + base64.b64encode(good.encode()).decode()
    )
    assert envelope["auth_token"] == base64.b64encode(good.encode()).decode()
    assert status(good, "basic ") == 401 and status(good, "Bearer ") == 401 and status(good, "") == 401
    assert status(f"{person.account_id}:{sha}") == 401
    assert status(f"{person.account_id}:{name}:{PASSWORD}") == 401
    assert status(f"{person.account_id[:-1]}:{person.credentials}") == 401
    assert status_with(server, trunks(person), authorization="Basic !!!") == 401
    assert status_with(server, trunks(person), authorization="Basic " + base64.b64encode(b"\xff").decode()) == 401
    configured("crossbar.auth", basic_auth_type="sha")
    assert status(good) == 401 and status(f"{person.account_id}:{sha}") == 200
    own = {"_id": "configs_crossbar.auth", "basic_auth_type": "plain"}
    world.store.save_doc(account_db(person.account_id), own)
    assert status(f"{person.account_id}:{name.upper()}:{PASSWORD}") == 200
    assert status(f"{person.account_id}:{name}:{PASSWORD}x") == 401
    twin = {name: value for name, value in person.user.items() if name != "_rev"}
    world.store.save_doc(account_db(person.account_id), {**twin, "_id": "twin"})
    assert status(f"{person.account_id}:{name}:{PASSWORD}") == 401


def test_credentials_may_stand_in_the_query_and_the_data(server, person):
    token = token_of(server, person)
    credential = "Basic " + base64.b64encode(f"{person.account_id}:{person.credentials}".encode()).decode()
    quoted = credential.replace(" ", "%20").replace("=", "%3D")
    assert ask(server, "GET", f"{trunks(person)}?authorization={quoted}")[0] == 200
    assert ask(server, "PUT", trunks(person), {"authorization": credential})[0] == 201
    assert ask(server, "GET", f"{trunks(person)}?auth_token={token}")[0] == 200
    assert ask(server, "PUT", trunks(person), {"auth_token": token})[0] == 201
    assert ask(server, "GET", f"{trunks(person)}?auth_token={token}", x_auth_token="")[0] == 401


def test_basic_credentials_make_the_user_the_author(server, world, person):
    credential = base64.b64encode(f"{person.account_id}:{person.credentials}".encode()).decode()
    _, _, envelope = ask(server, "PUT", trunks(person), {"name": "x"}, authorization=f"Basic {credential}")
    stored = world.store.open_doc(account_db(person.account_id), envelope["data"]["id"])
    assert stored["pvt_auth_user_id"] == person.user["_id"]
    assert stored["pvt_auth_account_id"] == person.account_id and stored["pvt_is_authenticated"] is True


def test_acting_as_a_descendant(server, world, person):
    child, stranger = make_person(world, person), make_person(world)

    def token(**claim):
        return token_of(server, person, **{"as": claim})

    as_child = token(account_id=child.account_id, owner_id=child.user["_id"])
    assert status_with(server, trunks(child), x_auth_token=as_child) == 200
    assert status_with(server, trunks(person), x_auth_token=as_child) == 403
    _, _, created = ask(server, "PUT", trunks(child), {}, x_auth_token=as_child)
    stored = world.store.open_doc(account_db(child.account_id), created["data"]["id"])
    assert stored["pvt_auth_account_id"] == child.account_id and stored["pvt_auth_user_id"] == child.user["_id"]
    as_stranger = token(account_id=stranger.account_id, owner_id="x")
    assert status_with(server, trunks(person), x_auth_token=as_stranger) == 401
    for ignored in ({"account_id": child.account_id}, {"owner_id": "x"}, {"account_id": 5, "owner_id": "x"}):
        assert status_with(server, trunks(person), x_auth_token=token(**ignored)) == 200
    nothing = {"_": {"_": {"_": []}}}
    world.store.save_doc(account_db(child.account_id), {"_id": "token_restrictions", "restrictions": nothing})
    assert status_with(server, trunks(child), x_auth_token=as_child) == 403
    as_text = token_of(server, person, **{"as": "somebody"})
    assert status_with(server, trunks(person), x_auth_token=as_text) == 200


def test_a_token_is_verified_once_for_each_request(server, person, monkeypatch):
    token, verified = token_of(server, person), []
    verify = type(server.services.tokens).verify
    monkeypatch.setattr(
        type(server.services.tokens), "verify", lambda self, text: verified.append(text) or verify(self, text)
    )
    status, _, _ = ask(server, "PUT", trunks(person), {"name": "once"}, x_auth_token=token)
    assert status == 201 and verified == [token]


def test_the_account_that_a_client_means_must_be_the_token_s(server, person):
    token = token_of(server, person)
    for wanted, status in ((person.account_id, 200), ("f" * 32, 401), ("", 401)):
        assert status_with(server, trunks(person), x_auth_token=token, x_auth_account_id=wanted) == status


@pytest.mark.parametrize("where", ["enabled", "pvt_enabled"])
def test_strict_tokens_refuse_disabled_accounts(fixtures, tmp_path, where):
    server = InProcess(services_with(tmp_path, fixtures, strict_tokens=True))
    server.services.cache._seconds = 0
    configure(server, "crossbar", token_costs=0)
    store = server.services.store
    master_id = store.open_doc("system_config", "accounts")["default"]["master_account_id"]
    world = World(store, {}, master=Person(store.open_doc("accounts", master_id), {}))
    person = make_person(world)
    token = token_of(server, person)
    change(world, account_db(person.account_id), person.account_id, pvt_superduper_admin=True)
    assert status_with(server, trunks(person), x_auth_token=token) == 200
    assert token_info(server, token)[0] == 200
    assert server("GET", "/console/operators/metrics", {"X-Auth-Token": token}, None)[0] == 200
    change(world, account_db(person.account_id), person.account_id, **{where: False})
    assert status_with(server, trunks(person), x_auth_token=token) == 401
    assert server("GET", "/console/operators/metrics", {"X-Auth-Token": token}, None)[0] == 401
    assert token_info(server, token)[0] == 401


def test_an_expired_trial_stops_its_tokens_and_is_switched_off_in_both_places(server, world, person):
    token = token_of(server, person)
    credential = base64.b64encode(f"{person.account_id}:{person.credentials}".encode()).decode()
    databases = (account_db(person.account_id), "accounts")
    expiry = gregorian_now() - 1
    for db in databases:
        change(world, db, person.account_id, pvt_trial_expires=expiry)
    refusal = {"account": {"expired": {"message": "account expired", "cause": expiry}}}
    status, _, envelope = ask(server, "GET", trunks(person), x_auth_token=token)
    assert (status, envelope["data"], envelope["message"]) == (400, refusal, "validation error")
    for db in databases:
        stored = world.store.open_doc(db, person.account_id)
        assert stored["pvt_enabled"] is False and stored["pvt_trial_expires"] == expiry
    revisions = [world.store.open_doc(db, person.account_id)["_rev"] for db in databases]
    assert ask(server, "GET", trunks(person), authorization=f"Basic {credential}")[2]["data"] == refusal
    assert log_in(server, person)[2]["data"] == refusal
    assert [world.store.open_doc(db, person.account_id)["_rev"] for db in databases] == revisions
    for db in databases:
        change(world, db, person.account_id, pvt_trial_expires=gregorian_now() + 60)
    assert status_with(server, trunks(person), x_auth_token=token) == 200
    assert log_in(server, person)[2]["data"] == {"account": {"disabled": {"message": "account disabled"}}}


def token_info(server, token, method="POST", **headers):
    if method == "GET":
        return ask(server, "GET", f"/v2/auth/tokeninfo?token={token}", **headers)
    return ask(server, "POST", "/v2/auth/tokeninfo", {"token": token}, **headers)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_reloaded_page_finds_out_who_it_is(server, person, method):
    token = token_of(server, person)
    status, _, envelope = token_info(server, token, method)
    assert status == 200 and envelope["auth_token"] == token
    data = envelope["data"]
    assert (data["account_id"], data["owner_id"]) == (person.account_id, person.user["_id"])
    assert data["account_name"] == person.account["name"] and "identity_sig" not in data


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("x", "invalid_jwt"),
        ("xx.yy.zz", "invalid_jwt"),
        ("..", "invalid_jwt"),
        ("é.é.é", "invalid_jwt"),
        (5, "invalid_jwt"),
        ({"a": 1}, "invalid_jwt"),
        (["x"], "invalid_jwt"),
        ("x" * 5000, "invalid_jwt"),
        ("e30.e30.e30", "invalid_jwt_signature"),
        ("e30.e30.!", "invalid_jwt_signature"),
        ("W10.W10.e30", "invalid_jwt"),
    ],
)
def test_what_is_no_good_token_is_nobody_s(server, token, message):
    status, _, envelope = token_info(server, token)
    assert (status, envelope["data"], envelope["message"]) == (401, {}, message)
    assert envelope["auth_token"] == "undefined"


def test_a_token_that_is_good_no_more_is_nobody_s(server, world, person):
    token, db = token_of(server, person), account_db(person.account_id)
    change(world, db, person.user["_id"], pvt_signature_secret="0" * 32)
    assert token_info(server, token)[2]["message"] == "invalid_jwt"
    token = token_of(server, person)
    change(world, db, person.account_id, pvt_trial_expires=5)
    assert list(token_info(server, token)[2]["data"]["account"]) == ["expired"]


def test_asking_about_tokens_is_charged_and_then_refused(server, configured):
    configured("crossbar", token_costs=30)
    statuses = [token_info(server, "x", x_forwarded_for="198.51.102.1")[0] for _ in range(3)]
    assert statuses == [401, 429, 429]


@pytest.fixture(scope="module")
def line(world):
    """top > middle > low, and two more below top, one of them of the same name as the other but for case."""
    top = make_person(world)
    middle = world.person("M middle", "m.example.com", top)
    low = world.person("L low", "l.example.com", middle)
    world.person("B beside", "b.example.com", top)
    world.person("Z last", "z.example.com", top)
    return top, middle, low


def around(server, caller, account, relation, query=""):
    """Status, names of the accounts, and envelope."""
    path = f"/v2/accounts/{account.account_id}/{relation}{query}"
    status, _, envelope = ask(server, "GET", path, x_auth_token=token_of(server, caller))
    data = envelope["data"]
    return status, [one["name"] for one in data] if isinstance(data, list) else data, envelope


def test_the_accounts_around_an_account(server, world, line):
    top, middle, low = line
    assert around(server, top, top, "children")[:2] == (200, ["B beside", "M middle", "Z last"])
    assert around(server, top, top, "descendants")[1] == ["B beside", "L low", "M middle", "Z last"]
    assert around(server, top, low, "siblings")[1] == ["L low"]
    assert around(server, top, middle, "siblings")[1] == ["B beside", "M middle", "Z last"]
    assert around(server, world_master(world), low, "parents")[1][1:] == [top.account["name"], "M middle"]
    for relation in ("parents", "tree"):
        assert around(server, top, low, relation)[1] == [top.account["name"], "M middle"]
        assert around(server, middle, low, relation)[1] == ["M middle"]
        assert around(server, low, low, relation)[1] == []
    (child,) = around(server, top, middle, "children")[2]["data"]
    assert child == {
        "id": low.account_id,
        "name": "L low",
        "realm": "l.example.com",
        "descendants_count": 0,
        "flags": [],
    }
    (below,) = around(server, top, middle, "descendants")[2]["data"]
    assert below["tree"][-2:] == [top.account_id, middle.account_id]


def world_master(world):
    """The master account as somebody who can log in."""
    user = add_user(world.store, world.master.account_id, f"root{next(NUMBERS)}", PASSWORD)
    return Person(world.master.account, user)


def test_only_those_above_see_them(server, line, world):
    top, middle, low = line
    stranger = make_person(world)
    for relation in ("children", "descendants", "siblings", "parents", "tree"):
        assert around(server, stranger, middle, relation)[0] == 403
        assert around(server, low, middle, relation)[0] == 403
        assert ask(server, "GET", f"/v2/accounts/{middle.account_id}/{relation}")[0] == 401
        assert ask(server, "PUT", f"/v2/accounts/{middle.account_id}/{relation}", {})[0] == 405
    assert around(server, middle, middle, "siblings")[0] == 403
    assert ask(server, "GET", f"/v2/accounts/{middle.account_id}/cousins")[0] == 404
    assert ask(server, "GET", f"/v2/accounts/{middle.account_id}/children/x")[0] == 404


def test_siblings_may_be_switched_off(server, line, world, configured):
    top, middle, _ = line
    configured("crossbar.accounts", allow_sibling_listing=False)
    assert around(server, top, middle, "siblings")[0] == 403
    assert around(server, world_master(world), middle, "siblings")[0] == 200
    assert around(server, world_master(world), world.master, "siblings")[1] == []


def test_children_are_paged(server, line):
    top, _, _ = line
    _, names, envelope = around(server, top, top, "children", "?page_size=2")
    assert names == ["B beside", "M middle"] and envelope["page_size"] == 2
    assert start_key.decode(envelope["start_key"]) == "" and start_key.decode(envelope["next_start_key"]) == "Z last"
    _, names, envelope = around(server, top, top, "children", f"?page_size=2&start_key={envelope['next_start_key']}")
    assert names == ["Z last"] and envelope["page_size"] == 1 and "next_start_key" not in envelope
    assert start_key.decode(envelope["start_key"]) == "Z last"
    assert around(server, top, top, "children", "?page_size=3")[2].get("next_start_key") is None
    assert around(server, top, top, "children", "?start_key=N")[1] == ["Z last"]
    _, names, envelope = around(server, top, top, "children", "?paginate=false&page_size=1")
    assert len(names) == 3 and "page_size" not in envelope and "start_key" not in envelope
    _, names, envelope = around(server, top, top, "children", "?filter_name=Z last&page_size=2".replace(" ", "%20"))
    assert names == ["Z last"] and envelope["page_size"] == 1
    v1 = ask(server, "GET", f"/v1/accounts/{top.account_id}/children", x_auth_token=token_of(server, top))[2]
    assert len(v1["data"]) == 3 and "page_size" not in v1


def test_what_is_there_is_counted_and_nothing_is_billed(server, world, person, monkeypatch):
    """2026-12-31T23:59:59Z is 1798761599 in Unix seconds, 63960928799 in Gregorian ones; the next month begins then."""
    add_user(world.store, person.account_id, "second", PASSWORD, "user")
    add_user(world.store, person.account_id, "third", PASSWORD, "user")
    for number, members in (
        ("+14155559001", {"pvt_module_name": "knm_local", "pvt_features": {"local": {}, "prepend": {}}}),
        ("+14155559002", {"pvt_module_name": "knm_managed"}),
    ):
        world.store.save_doc(account_db(person.account_id), {"_id": number, "pvt_type": "number", **members})
    token = token_of(server, person)

    def get(path):
        return ask(server, "GET", f"/v2/accounts/{person.account_id}/{path}", x_auth_token=token)[2]

    monkeypatch.setattr("time.gmtime", lambda *seconds: gmtime(*seconds or (1798761599,)))
    summary = get("services/summary")["data"]
    monkeypatch.undo()
    assert summary["billing_cycle"] == {"next": 1798761600 + 62167219200, "period": 1, "unit": "month"}
    assert summary["quantities"]["account"] == {
        "users": {"admin": 1, "user": 2},
        "number_services": {"local": 1, "prepend": 1},
        "number_carriers": {"knm_local": 1, "knm_managed": 1},
    }
    assert summary["reseller"] == {"id": world.master.account_id, "is_reseller": False}
    assert get("services")["data"] == {}
    assert get("braintree/credits")["data"] == {"amount": 0.0, "billing_account_id": person.account_id}
    assert get("ledgers/total")["data"] == {"amount": 0.0} and "page_size" not in get("ledgers/total")
    assert get("ledgers")["data"]["rollovers"]["amount"] == 0.0
    before = gregorian_now()
    listed = get("transactions")
    assert (listed["data"], listed["page_size"]) == ([], 0)
    assert before <= start_key.decode(listed["start_key"]) <= gregorian_now()
    assert "page_size" not in get("transactions?paginate=false")
    entries = get("ledgers/per-minute-voip?created_from=1")
    assert entries["data"] == [] and "page_size" not in entries
    for path in ("access_lists", "braintree/customer", "storage", "ledgers/x/y", "services/x"):
        assert get(path)["message"] == "not_found"


@pytest.mark.parametrize(
    ("path", "status", "allowed"),
    [
        ("/v2/accounts/{A}/nothing", 200, "GET, OPTIONS"),
        ("/v2/accounts/{A}/nothing/at/all", 200, "GET, OPTIONS"),
        ("/v2/accounts/{A}/connectivity/x/y", 200, "GET, OPTIONS"),
        ("/v2/auth/nothing", 200, "GET, OPTIONS"),
        ("/v2/auth/tokeninfo", 200, "OPTIONS, POST, GET"),
        ("/v2/nothing", 401, "OPTIONS, GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS"),
    ],
)
def test_preflights_of_what_nobody_serves(server, person, path, status, allowed):
    path = path.replace("{A}", person.account_id)
    sent = {"origin": "http://ui.example", "access_control_request_method": "GET"}
    answered, headers, content = ask(server, "OPTIONS", path, **sent)
    assert answered == status and headers["access-control-allow-methods"] == allowed
    assert headers["access-control-allow-origin"] == "*"
    assert (content == b"") is (status == 200)
    assert ask(server, "OPTIONS", path)[0] in (401, 404, 405)


def test_restrictions_follow_the_level_of_the_user(server, world, configured):
    readers = {"connectivity": [{"rules": {"#": ["GET"]}}]}
    configured(
        "crossbar.token_restrictions", cb_user_auth={"user": readers, "manager": {}}, default_priv_level="user"
    )
    user, admin = make_person(world, level="user"), make_person(world, level="admin")

    def put(person, token):
        return ask(server, "PUT", trunks(person), {}, x_auth_token=token)

    token = token_of(server, user)
    assert status_with(server, trunks(user), x_auth_token=token) == 200
    status, _, envelope = put(user, token)
    assert status == 403 and envelope["data"] == {
        "cause": "access denied by token restrictions",
        "message": "forbidden",
    }
    assert put(admin, token_of(server, admin))[0] == 201
    db = account_db(user.account_id)
    change(world, db, user.user["_id"], priv_level="manager")
    assert status_with(server, trunks(user), x_auth_token=token) == 403
    change(world, db, user.user["_id"], priv_level=None)
    assert (status_with(server, trunks(user), x_auth_token=token), put(user, token)[0]) == (200, 403)


def test_methods_and_their_lists(server, person):
    token = token_of(server, person)

    def allowed(method, path, **headers):
        status, answered, _ = ask(server, method, path, x_auth_token=token, **headers)
        return status, answered["access-control-allow-methods"]

    item = trunks(person) + "/x"
    assert allowed("HEAD", trunks(person)) == (405, "OPTIONS, PUT, GET")
    assert allowed("PUT", item) == (405, "OPTIONS, PATCH, POST, GET, DELETE")
    asked = {"origin": "x", "access_control_request_method": "DELETE"}
    assert allowed("OPTIONS", trunks(person), **asked) == (200, "DELETE, OPTIONS, PUT, GET")
    assert allowed("OPTIONS", item, **asked) == (200, "OPTIONS, PATCH, POST, GET, DELETE")
    assert allowed("GET", f"{item}/y") == (404, "OPTIONS")
    assert allowed("GET", "/v2/nothing") == (404, "OPTIONS, GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS")
    assert ask(server, "BREW", trunks(person))[:1] == (501,) and ask(server, "TRACE", trunks(person))[1] == {
        "content-length": "0"
    }
    assert ask(server, "OPTIONS", trunks(person))[0] == 405


def test_only_post_may_carry_another_verb(server, person):
    token = token_of(server, person)
    status, headers, envelope = ask(server, "POST", f"{trunks(person)}?verb=put", {"name": "x"}, x_auth_token=token)
    assert status == 201 and headers["location"] == f"{trunks(person)}/{envelope['data']['id']}"
    item = headers["location"]
    for method, verb, status in (
        ("POST", "PATCH", 200),
        ("POST", "GET", 200),
        ("GET", "GET", 200),
        ("GET", "DELETE", 405),
        ("PATCH", "POST", 405),
        ("POST", "PUT", 405),
        ("POST", "HEAD", 405),
        ("POST", "DELETE", 200),
    ):
        assert ask(server, method, f"{item}?verb={verb}", {}, x_auth_token=token)[0] == status, (method, verb)
    assert status_with(server, item, x_auth_token=token) == 404


@pytest.mark.parametrize(
    ("path", "version"),
    [("/v1/schemas", "v1"), ("/v02/schemas", "v2"), ("/v-1/schemas/", "v2"), ("/v9/schemas//", "v2")],
)
def test_versions(server, path, version):
    status, _, envelope = ask(server, "GET", path)
    assert status == 200 and "connectivity" in envelope["data"]
    refused = ask(server, "GET", path.split("/schemas")[0] + "/token_auth")[2]["data"]
    assert refused == ("invalid credentials" if version == "v1" else {"message": "invalid credentials"})


@pytest.mark.parametrize("path", ["/", "/V2/schemas", "/v/schemas", "/v2x/schemas", "//v2/schemas", "/x"])
def test_a_path_without_a_version_gets_the_landing_page(server, path):
    status, headers, content = ask(server, "DELETE", path)
    assert status == 200 and headers["content-type"] == "text/plain; charset=UTF-8" and b"/v2/accounts" in content
    assert "x-request-id" not in headers


def test_a_number_with_a_fraction_is_a_version_without_nouns(server):
    assert ask(server, "GET", "/v1.5/schemas")[2]["message"] == "invalid_credentials"


@pytest.mark.parametrize("path", ["/v2/%", "/v2/%zz", "/v2/accounts/%4"])
def test_a_path_that_cannot_be_decoded_is_a_bare_400(server, path):
    assert ask(server, "GET", path) == (400, {"content-length": "0"}, b"")


def test_segments_are_decoded_twice(server, person):
    token = token_of(server, person)
    ask(server, "PUT", trunks(person), {"id": "a/b%"}, x_auth_token=token)
    for segment in ("a%2Fb%25", "a%252Fb%2525", "%61%2Fb%2525"):
        assert status_with(server, f"{trunks(person)}/{segment}", x_auth_token=token) == 200, segment


@pytest.mark.parametrize(
    ("account", "message", "data"),
    [
        ("abc", "bad identifier", {"message": "invalid account_id 'abc'"}),
        ("", "bad identifier", {"message": "missing account_id"}),
        ("é" * 16, "bad_identifier", {"cause": "é" * 16, "message": "bad identifier"}),
        ("0" * 32, "bad_identifier", {"cause": "0" * 32, "message": "bad identifier"}),
    ],
)
def test_accounts_are_looked_for_before_credentials(server, account, message, data):
    path = "/v2/accounts/" + "".join(f"%{byte:02X}" for byte in account.encode()) + "/connectivity"
    status, _, envelope = ask(server, "GET", path)
    assert (status, envelope["message"], envelope["data"]) == (404, message, data)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"if_none_match": '"{tag}"'}, 304),
        ("GET", {"if_none_match": 'W/"{tag}"'}, 304),
        ("GET", {"if_none_match": '"x" , "{tag}"'}, 304),
        ("GET", {"if_none_match": "*"}, 304),
        ("GET", {"if_none_match": '"x"'}, 200),
        ("GET", {"if_none_match": "{tag}"}, 400),
        ("GET", {"if_match": '"{tag}"'}, 200),
        ("GET", {"if_match": "*"}, 200),
        ("GET", {"if_match": 'W/"{tag}"'}, 412),
        ("GET", {"if_match": '"x"'}, 412),
        ("GET", {"if_match": '"{tag}"', "if_none_match": '"{tag}"'}, 304),
        ("PATCH", {"if_match": '"x"'}, 412),
        ("PATCH", {"if_none_match": "*"}, 412),
        ("PATCH", {"if_none_match": '"x"'}, 200),
        ("DELETE", {"if_match": '"x"'}, 412),
        ("DELETE", {"if_match": '"{tag}"'}, 200),
    ],
)
def test_conditions(server, person, method, headers, status):
    token = token_of(server, person)
    _, _, created = ask(server, "PUT", trunks(person), {}, x_auth_token=token)
    tag, path = created["revision"], f"{trunks(person)}/{created['data']['id']}"
    sent = {name: value.replace("{tag}", tag) for name, value in headers.items()}
    answered, described, content = ask(
        server, method, path, {} if method == "PATCH" else None, x_auth_token=token, **sent
    )
    assert answered == status
    if status in (304, 412):
        assert content == b"" and (described.get("etag") == f'"{tag}"') is (status == 304)
    if status == 412:
        assert ask(server, "GET", path, x_auth_token=token)[2]["revision"] == tag


def test_conditions_on_what_has_no_tag(server, person):
    token = token_of(server, person)

    def status(method, **headers):
        return ask(server, method, trunks(person), {} if method == "PUT" else None, x_auth_token=token, **headers)[0]

    assert status("GET", if_none_match='"x"') == 412 and status("GET", if_none_match="*") == 304
    assert status("GET", if_match='"x"') == 412 and status("GET", if_none_match="x") == 400
    assert status("PUT", if_match="*") == 412 and status("PUT", if_none_match="*") == 201


def test_pretty_answers(server):
    def text(path, **headers):
        return server("GET", path, {name.replace("_", "-"): value for name, value in headers.items()}, None)[2]

    for path, headers, is_pretty in (
        ("/v2/schemas", {"x_pretty_print": "true"}, True),
        ("/v2/schemas?pretty_print=true", {}, True),
        ("/v2/schemas?pretty_print=true", {"x_pretty_print": "no"}, False),
        ("/v2/schemas?pretty_print", {}, True),
        ("/v2/schemas?pretty_print=1", {}, False),
        ("/v2/schemas", {}, False),
    ):
        assert (b'\n  "status" : "success"' in text(path, **headers)) is is_pretty, (path, headers)


def test_without_a_token_a_success_has_none_and_an_error_says_undefined(server):
    assert "auth_token" not in ask(server, "GET", "/v2/schemas")[2]
    assert ask(server, "GET", "/v2/token_auth")[2]["auth_token"] == "undefined"
    assert ask(server, "GET", "/v2/token_auth", x_auth_token="bad")[2]["auth_token"] == "bad"


def test_the_request_id_is_the_client_s_or_made(server):
    _, headers, envelope = ask(server, "GET", "/v2/schemas", x_request_id="mine/1 ü")
    assert headers["x-request-id"].encode("latin-1").decode() == envelope["request_id"]
    made = {ask(server, "GET", "/v2/schemas")[2]["request_id"] for _ in range(3)}
    assert len(made) == 3 and all(len(one) == 32 and int(one, 16) >= 0 for one in made)


def test_a_form_has_a_limit_of_parameters(server):
    def status(count):
        body = b"data=x" + b"&a=b" * (count - 1)
        headers = {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
        status, _, content = server("PUT", "/v2/schemas/connectivity/validation", headers, body)
        return status, list(json.loads(content)["data"])

    assert status(10_000) == (400, ["data"])
    assert status(10_002) == (400, ["json"])


def test_a_document_does_not_grow_without_end(server, world, person):
    token = token_of(server, person)
    path = trunks(person)
    _, _, created = ask(server, "PUT", path, {"filled": "x" * 5_000_000}, x_auth_token=token)
    path = f"{path}/{created['data']['id']}"
    status, _, envelope = ask(server, "PATCH", path, {"note": "x" * 4_000_000}, x_auth_token=token)
    assert (status, envelope["message"]) == (400, "validation error")
    assert envelope["data"]["file"]["maxSize"]["target"] == 8_100_000
    assert "note" not in world.store.open_doc(account_db(person.account_id), created["data"]["id"])


def test_a_lost_race_is_run_again_unless_the_client_said_upon_which_revision(server, world, person, monkeypatch):
    token = token_of(server, person)
    _, _, created = ask(server, "PUT", trunks(person), {"name": "a"}, x_auth_token=token)
    path, db = f"{trunks(person)}/{created['data']['id']}", account_db(person.account_id)
    monkeypatch.setattr(contention, "SHORTEST_PAUSE", 0)
    monkeypatch.setattr(contention, "LONGEST_PAUSE", 0)
    save = world.store.save_doc

    def patch_against(others, **headers):
        """PATCH while so many other writes come between reading and writing."""
        left = list(range(others))

        def save_behind_another(saved_db, document):
            if left and saved_db == db:
                stored = world.store.open_doc(db, document["_id"])
                save(db, {**stored, "other": left.pop()})
            return save(saved_db, document)

        monkeypatch.setattr(world.store, "save_doc", save_behind_another)
        status, _, envelope = ask(server, "PATCH", path, {"name": "b"}, x_auth_token=token, **headers)
        return status, envelope

    status, envelope = patch_against(40)
    assert status == 200 and envelope["data"]["name"] == "b" and envelope["data"]["other"] == 0
    monkeypatch.setattr(contention, "PATIENCE", 0)
    status, envelope = patch_against(2)
    assert (status, envelope["message"]) == (409, "datastore_conflict")
    assert envelope["data"] == {"message": "conflicting documents"}
    monkeypatch.setattr(contention, "PATIENCE", 5)
    assert patch_against(1, if_match="*")[0] == 200
    revision = world.store.open_doc(db, created["data"]["id"])["_rev"]
    assert patch_against(1, if_match=f'"{revision}"')[0] == 412


def test_a_newcomer_waits_while_another_request_tries_again(server, world, person, monkeypatch):
    token = token_of(server, person)
    _, _, created = ask(server, "PUT", trunks(person), {"name": "a"}, x_auth_token=token)
    path = f"{trunks(person)}/{created['data']['id']}"
    save, saved, answers = world.store.save_doc, [], []
    monkeypatch.setattr(world.store, "save_doc", lambda db, document: saved.append(db) or save(db, document))
    newcomer = threading.Thread(
        target=lambda: answers.append(ask(server, "PATCH", path, {"name": "b"}, x_auth_token=token)[0])
    )
    with contention.turn(path):
        newcomer.start()
        time.sleep(0.3)
        assert saved == []
        revision = world.store.open_doc(account_db(person.account_id), created["data"]["id"])["_rev"]
        conditional = ask(server, "PATCH", path, {"name": "c"}, x_auth_token=token, if_match=f'"{revision}"')
        assert conditional[0] == 200 and len(saved) == 1
    newcomer.join(60)
    stored = world.store.open_doc(account_db(person.account_id), created["data"]["id"])
    assert answers == [200] and len(saved) == 2 and stored["name"] == "b"


def test_a_rate_limit_charges_each_address_and_account(server, world, configured):
    person, other = make_person(world), make_person(world)
    token, other_token = token_of(server, person), token_of(server, other)
    configured("crossbar", token_costs=40)

    def status(**headers):
        return status_with(server, trunks(person), x_auth_token=token, **headers)

    assert [status(x_forwarded_for="198.51.100.1") for _ in range(3)] == [200, 200, 429]
    assert status(x_forwarded_for="198.51.100.2") == 200
    assert status_with(server, trunks(other), x_auth_token=other_token, x_forwarded_for="198.51.100.1") == 200
    configured("crossbar", reverse_proxies=["10.0.0.0/8"])
    assert [status(x_forwarded_for=f"198.51.101.{n}") for n in range(3)] == [200, 200, 429]
    configured("crossbar", check_reverse_proxies=False)
    assert status(x_forwarded_for="198.51.101.9") == 200
    configured("crossbar", token_costs=0)
    assert status() == 200


def test_the_store_s_faults_are_503_in_the_envelope(server, person, monkeypatch):
    token = token_of(server, person)

    def fail_with(error):
        def fail(*arguments, **options):
            raise error

        return fail

    with monkeypatch.context() as patch:
        patch.setattr(server.services.store, "query_view", fail_with(Unavailable("gone")))
        status, _, envelope = ask(server, "GET", trunks(person), x_auth_token=token)
        assert (status, envelope["message"], envelope["data"]) == (
            503,
            "datastore_unreachable",
            {"message": "datastore timeout"},
        )
        patch.setattr(server.services.store, "query_view", fail_with(ViewMissing("v")))
        status, _, envelope = ask(server, "GET", trunks(person), x_auth_token=token)
        assert (status, envelope["message"], envelope["data"]) == (503, "datastore missing view", {})


def test_what_does_not_ring_is_logged_in_bounds_and_without_secrets(server, world, person, caplog):
    token = token_of(server, person)
    dids = {f"41555{number:05}": {} for number in range(30)}
    pbx = {"auth": {"auth_user": "pbx", "auth_password": "hush-hush"}, "options": {}, "DIDs": dids}
    assert ask(server, "PUT", trunks(person), {"servers": [pbx]}, x_auth_token=token)[0] == 201
    told = logged_by(caplog, "app.resources.connectivity")
    assert len(told) == 20 and all("never rings" in line and person.account_id in line for line in told)
    assert "hush-hush" not in caplog.text
    caplog.clear()
    by_ip = {"auth": {"auth_method": "IP", "ip": "192.0.2.1"}, "options": {}, "DIDs": {"+14155550123": {}}}
    assert ask(server, "PUT", trunks(person), {"servers": [by_ip]}, x_auth_token=token)[0] == 201
    assert logged_by(caplog, "app.resources.connectivity") == []
