"""Tokens, identity signatures, restrictions and buckets (docs/kazoo/auth.md)."""

import base64
import concurrent.futures
import json
import multiprocessing
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from app.auth import AuthDoc, identity, restrictions
from app.auth.buckets import Buckets, Size, cost_of, size_for
from app.auth.configuration import module_settings, token_seconds
from app.auth.keys import KeyRing, KeysMissing
from app.auth.tokens import Tokens
from app.context import Context, Request
from app.documents.names import account_db
from app.settings import Settings
from app.store.embedded import EmbeddedStore
from app.store.recent import Recent

VECTORS = json.loads(Path(__file__).with_name("auth_vectors.json").read_text())
ACCOUNT = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
OWNER = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
NODES = ("default",)


@pytest.fixture
def store(tmp_path):
    """The documents of the vectors."""
    store = EmbeddedStore(tmp_path)
    store.load_docs("system_config", [VECTORS["docs"]["system_config/auth"]])
    key = dict(VECTORS["docs"][f"system_auth/{VECTORS['kid']}"])
    pem = base64.b64encode(VECTORS["private_key_pem"].encode()).decode()
    key["_attachments"] = {"private_key.pem": {"content_type": "application/x-pem-file", "data": pem}}
    store.load_docs("system_auth", [key])
    store.load_docs(account_db(ACCOUNT), VECTORS["docs"]["account%2Fa1%2Fb2%2Fc3d4e5f60718293a4b5c6d7e8f90"])
    return store


def tokens_of(store, strict=False, seconds=2.0):
    recent = Recent(store, seconds)
    return Tokens(KeyRing(store, recent, NODES), recent, strict)


@pytest.mark.parametrize("name", sorted(VECTORS["tokens"]))
def test_the_verdict_of_the_real_verifier(store, name):
    vector = VECTORS["tokens"][name]
    accepted = tokens_of(store).verify(vector["token"]) is not None
    assert accepted == (vector["kazoo_result"] == "accept")


def test_a_token_minted_by_kazoo(store):
    claims = tokens_of(store).verify(VECTORS["kazoo_minted"])
    assert claims["account_id"] == ACCOUNT and claims["owner_id"] == OWNER and claims["method"] == "cb_user_auth"


def test_identity_signature_vectors():
    server = VECTORS["server_secret"]
    user = identity.signature(OWNER, "0f0e0d0c0b0a09080706050403020100", server)
    account = identity.signature(ACCOUNT, "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", server)
    assert user == "lG6MAhSNHdZO7T6xT73cK9b59AT8EI9xn9ml9MKourk"
    assert account == "MANVL3TZLR4sjHYDwdX4jpzMgU0tpVCP2-EMeZnxsMM"


def test_minted_as_kazoo_mints(store):
    tokens = tokens_of(store)
    token = tokens.mint({"account_id": ACCOUNT, "owner_id": OWNER, "as": None, "method": "cb_user_auth"}, 60)
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": VECTORS["kid"]}
    key = serialization.load_pem_private_key(VECTORS["private_key_pem"].encode(), None).public_key()
    claims = jwt.decode(token, key, algorithms=["RS256"])
    assert claims.pop("exp") - time.time() == pytest.approx(60, abs=2)
    assert claims == {
        "iss": "kazoo",
        "identity_sig": "lG6MAhSNHdZO7T6xT73cK9b59AT8EI9xn9ml9MKourk",
        "account_id": ACCOUNT,
        "owner_id": OWNER,
        "method": "cb_user_auth",
    }
    assert tokens.verify(token)
    assert "exp" not in jwt.decode(tokens.mint({"account_id": ACCOUNT}, 0), key, algorithms=["RS256"])


def test_minted_without_signature_where_there_is_no_secret(store):
    store.load_docs(account_db(ACCOUNT), [{"_id": "nosecret", "pvt_type": "user"}])
    tokens = tokens_of(store)
    token = tokens.mint({"account_id": ACCOUNT, "owner_id": "nosecret"}, 60)
    assert "identity_sig" not in tokens.verify(token)
    assert "pvt_signature_secret" not in store.open_doc(account_db(ACCOUNT), "nosecret")
    assert tokens_of(store, strict=True).verify(token) is None


def test_a_new_secret_revokes(store):
    tokens = tokens_of(store, seconds=0)
    assert tokens.verify(VECTORS["kazoo_minted"])
    user = store.open_doc(account_db(ACCOUNT), OWNER)
    store.save_doc(account_db(ACCOUNT), {**user, "pvt_signature_secret": "1" * 32})
    assert tokens.verify(VECTORS["kazoo_minted"]) is None


def test_a_new_key_under_the_same_id_revokes(store, monkeypatch):
    monkeypatch.setattr("app.auth.keys.SECONDS", 0)
    tokens = tokens_of(store)
    assert tokens.verify(VECTORS["kazoo_minted"])
    store.load_docs("system_auth", [{"_id": VECTORS["kid"], "_rev": "2-" + "0" * 32, "pvt_type": "system_key"}])
    assert tokens.verify(VECTORS["kazoo_minted"]) is None


def test_strict_refuses_disabled_users(store):
    user = store.open_doc(account_db(ACCOUNT), OWNER)
    store.save_doc(account_db(ACCOUNT), {**user, "enabled": False})
    assert tokens_of(store).verify(VECTORS["kazoo_minted"])
    assert tokens_of(store, strict=True).verify(VECTORS["kazoo_minted"]) is None


def test_missing_secrets_are_named(tmp_path):
    store = EmbeddedStore(tmp_path)
    with pytest.raises(KeysMissing, match="system_config/auth has no default.system_key"):
        KeyRing(store, Recent(store), NODES).check()


@pytest.mark.parametrize(
    ("pattern", "params", "matches"),
    [
        ([], [], True),
        ([], ["x"], False),
        (["*"], ["x"], True),
        (["*"], [], False),
        (["*"], ["x", "y"], False),
        (["#"], [], True),
        (["#"], ["x", "y"], True),
        (["x", "#"], ["x"], True),
        (["#", "y"], ["x", "y"], True),
        (["x"], ["y"], False),
    ],
)
def test_rule_paths(pattern, params, matches):
    assert restrictions.path_matches(pattern, params) is matches


def denied(store, rules, params, verb, auth=None, account_id=ACCOUNT, noun="connectivity"):
    store.load_docs(
        account_db(ACCOUNT),
        [{"_id": "token_restrictions", "_rev": f"{time.time_ns()}-" + "0" * 32, "restrictions": rules}],
    )
    auth = auth or AuthDoc(ACCOUNT, OWNER, "cb_user_auth")
    return restrictions.is_denied(Recent(store), NODES, auth, account_id, noun, params, verb)


def test_restrictions(store):
    rules = {
        "cb_user_auth": {
            "user": {
                "connectivity": [
                    {"allowed_accounts": ["{AUTH_ACCOUNT_ID}"], "rules": {"/": ["GET"], "*": ["GET", "PATCH"]}}
                ]
            }
        }
    }
    assert not denied(store, rules, [], "GET")
    assert denied(store, rules, [], "PUT")
    assert not denied(store, rules, ["x"], "PATCH")
    assert denied(store, rules, ["x"], "DELETE")
    assert denied(store, rules, [], "GET", account_id="b" * 32)
    assert denied(store, rules, [], "GET", noun="users")
    assert not denied(store, rules, [], "PUT", auth=AuthDoc(ACCOUNT, OWNER, "cb_other"))
    assert not denied(store, rules, [], "PUT", auth=AuthDoc(ACCOUNT, None, "cb_user_auth"))
    first_match = {"_": {"_": {"_": [{"rules": {"#": ["GET"], "*": ["DELETE"]}}]}}}
    assert denied(store, first_match, ["x"], "DELETE")
    assert not denied(store, first_match, ["x"], "GET")
    assert not denied(store, {}, ["x"], "DELETE")


def test_restrictions_of_the_system_hold_where_the_account_has_none(store):
    rules = {"_": {"admin": {}, "_": {"connectivity": [{"rules": {"#": ["GET"]}}]}}}
    store.load_docs("system_config", [{"_id": "crossbar.token_restrictions", "default": rules}])
    auth = AuthDoc(ACCOUNT, OWNER, "cb_user_auth")
    assert restrictions.is_denied(Recent(store), NODES, auth, ACCOUNT, "connectivity", [], "PUT")
    assert not restrictions.is_denied(Recent(store), NODES, auth, ACCOUNT, "connectivity", [], "GET")


def take_many(buckets, name, size, count):
    return sum(buckets.take(name, 1, size) for _ in range(count))


def test_a_bucket_holds_a_hundred_and_fills_by_ten_a_second():
    buckets, size = Buckets(), Size()
    assert take_many(buckets, "a", size, 150) == 100
    assert not buckets.take("a", 1, size)
    assert buckets.take("b", 1, size)
    time.sleep(1.05)
    assert take_many(buckets, "a", size, 150) == 10


def test_a_refusal_takes_nothing_and_a_drain_everything():
    buckets, size = Buckets(), Size(most=5)
    assert not buckets.take("a", 6, size) and buckets.take("a", 5, size)
    buckets.drain("b", size)
    assert not buckets.take("b", 1, size)


def test_a_bucket_is_forgotten_when_idle():
    buckets, size = Buckets(), Size(most=1, period=1000, idle=0.1)
    assert buckets.take("a", 1, size) and not buckets.take("a", 1, size)
    time.sleep(0.15)
    assert buckets.take("a", 1, size)


def test_a_bucket_in_use_is_not_forgotten():
    buckets, size = Buckets(), Size(most=5, period=1000, idle=0.2)
    taken = 0
    for _ in range(10):
        taken += take_many(buckets, "a", size, 2)
        time.sleep(0.05)
    assert taken == 5


def test_processes_and_threads_share_a_bucket():
    buckets, size = Buckets(), Size(most=1000, period=1000)
    context = multiprocessing.get_context("fork")
    taken = context.Queue()

    def work():
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            taken.put(sum(pool.map(lambda _: take_many(buckets, "a", size, 100), range(4))))

    workers = [context.Process(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert sum(taken.get(timeout=20) for _ in workers) == 1000
    for worker in workers:
        worker.join()


def test_more_names_than_slots_do_not_fail():
    buckets, size = Buckets(), Size()
    assert all(buckets.take(f"10.0.{number}", 1, size) for number in range(40_000))


def config_store(tmp_path, **documents):
    store = EmbeddedStore(tmp_path)
    rows = [{"_id": name.replace("__", "."), "default": default} for name, default in documents.items()]
    store.load_docs("system_config", rows)
    return Recent(store)


def test_costs_and_sizes_come_from_the_configuration(tmp_path):
    recent = config_store(
        tmp_path,
        crossbar={"token_costs": {"acc": {"connectivity": {"PUT": 7}}, "schemas": 0}},
        token_buckets={"crossbar": {"max_bucket_tokens": 50}, "tokens_fill_rate": 3, "tokens_fill_time": "minute"},
    )
    assert cost_of(recent, NODES, "acc", "connectivity", "PUT") == 7
    assert cost_of(recent, NODES, "other", "schemas", "GET") == 0
    assert cost_of(recent, NODES, "other", "user_auth", "PUT", advertised=35) == 35
    assert size_for(recent, NODES) == Size(most=50, added=3, period=60, idle=600)


def test_token_life_comes_from_account_reseller_and_system(store):
    store.load_docs(
        "system_config",
        [
            {
                "_id": "crossbar.auth",
                "default": {"auth_modules": {"m": {"token_auth_expiry_s": 5}}, "token_auth_expiry_s": 9},
            }
        ],
    )
    recent = Recent(store, seconds=0)
    assert token_seconds(recent, NODES, module_settings(recent, NODES, ACCOUNT, "m")) == 5
    store.load_docs(
        account_db(ACCOUNT),
        [{"_id": "configs_crossbar.auth", "auth_modules": {"m": {"token_auth_expiry_s": 0, "enabled": False}}}],
    )
    module = module_settings(recent, NODES, ACCOUNT, "m")
    assert module["enabled"] is False and token_seconds(recent, NODES, module) == 9


def test_nothing_secret_in_a_repr():
    auth = AuthDoc(ACCOUNT, OWNER, "m", {"identity_sig": "s3cret"})
    headers = {"x-auth-token": "s3cret"}
    request = Request("GET", "/v2/x", "auth_token=s3cret", headers, "127.0.0.1", lambda size: b"")
    context = Context(request, None, "id", query=[("auth_token", "s3cret")], token="s3cret", new_token="s3cret")
    context.data = context.envelope = context.doc = context.stored = context.account = {"auth_password": "s3cret"}
    context.resp_data, context.auth = context.data, auth
    settings = Settings(couchdb_urls=["http://u:s3cret@host"], amqp_url="amqp://u:s3cret@host")
    for thing in (auth, request, context, settings):
        assert "s3cret" not in repr(thing)
