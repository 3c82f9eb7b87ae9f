"""Tokens, identity signatures, restrictions and buckets (docs/kazoo/auth.md)."""

import base64
import concurrent.futures
import hashlib
import itertools
import json
import multiprocessing
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.auth import AuthDoc, attempts, buckets, configuration, hierarchy, identity, keys, restrictions, trial
from app.auth.buckets import Buckets, Size, cost_of, size_for
from app.auth.configuration import module_settings, token_seconds
from app.auth.credentials import accounts_by_api_key, accounts_by_name, accounts_by_realm, credential_hash, users_with
from app.auth.keys import KeyRing, KeysMissing
from app.auth.tokens import Tokens
from app.context import Context, Request
from app.documents.fields import Author
from app.documents.names import account_db, month_db
from app.settings import Settings
from app.store import Unavailable
from app.store.design import documents_for
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


@pytest.mark.parametrize(
    ("account_id", "allowed", "is_denied"),
    [
        (ACCOUNT, None, False),
        (ACCOUNT, ["_"], False),
        (ACCOUNT, [ACCOUNT], False),
        (ACCOUNT, ["{AUTH_ACCOUNT_ID}"], False),
        (ACCOUNT, ["{DESCENDANT_ACCOUNT_ID}"], True),
        (ACCOUNT, [], True),
        (ACCOUNT, [5, None], True),
        ("c" * 32, ["{DESCENDANT_ACCOUNT_ID}"], False),
        ("c" * 32, ["{AUTH_ACCOUNT_ID}"], True),
        ("c" * 32, ["c" * 32], False),
        ("d" * 32, ["{DESCENDANT_ACCOUNT_ID}"], True),
        ("d" * 32, ["d" * 32, "x"], False),
        ("d" * 32, ["_", "x"], False),
        (None, ["{AUTH_ACCOUNT_ID}"], True),
        (None, ["_", "x"], False),
    ],
)
def test_a_rule_holds_for_the_accounts_it_names(store, account_id, allowed, is_denied):
    """`c…` is a descendant of the caller's account, `d…` is a stranger."""
    for other, tree in (("c" * 32, [ACCOUNT]), ("d" * 32, ["e" * 32])):
        store.load_docs(account_db(other), [{"_id": other, "pvt_type": "account", "pvt_tree": tree}])
    entry = {"rules": {"#": ["_"]}} | ({} if allowed is None else {"allowed_accounts": allowed})
    rules = {"_": {"_": {"connectivity": [entry]}}}
    assert denied(store, rules, [], "GET", account_id=account_id) is is_denied


def test_the_first_entry_for_the_account_decides(store):
    entries = [
        {"allowed_accounts": ["x"], "rules": {"#": ["_"]}},
        {"rules": {"#": ["GET"]}},
        {"rules": {"#": ["PUT"]}},
    ]
    rules = {"_": {"_": {"_": entries}}}
    assert not denied(store, rules, [], "GET") and denied(store, rules, [], "PUT")
    for nothing in ([], {}, None, [{}], [{"rules": []}], [{"rules": {"#": None}}]):
        assert denied(store, {"_": {"_": {"_": nothing}}}, [], "GET")
    assert denied(store, {"_": {"_": {"connectivity": [], "_": [{"rules": {"#": ["_"]}}]}}}, [], "GET")
    assert not denied(store, {"_": {"user": None, "_": {}}}, [], "GET")
    assert denied(store, {"_": {"_": {"users": [{"rules": {"#": ["_"]}}]}}}, [], "GET")


@pytest.mark.parametrize(
    ("path", "params", "matches"),
    [("/", [], True), ("", [], True), ("x//", ["x"], True), ("x/*", ["x", "y"], True), ("/x", ["x"], False)],
)
def test_paths_of_rules(store, path, params, matches):
    assert denied(store, {"_": {"_": {"_": [{"rules": {path: ["GET"]}}]}}}, params, "GET") is not matches


def test_a_method_s_own_rules_come_before_those_for_all(store):
    everything, nothing = {"_": {"_": [{"rules": {"#": ["_"]}}]}}, {"_": {"_": []}}
    assert not denied(store, {"cb_user_auth": everything, "_": nothing}, [], "GET")
    assert denied(store, {"cb_user_auth": nothing, "_": everything}, [], "GET")
    assert not denied(store, {"cb_api_auth": nothing}, [], "GET")
    store.load_docs("system_config", [{"_id": "crossbar.token_restrictions", "default": {"_": nothing}}])
    assert not denied(store, {"_": everything}, [], "GET")
    assert denied(store, {}, [], "GET")
    without_method = AuthDoc(ACCOUNT, OWNER)
    assert denied(store, {"_": everything}, [], "GET", auth=without_method)


def test_levels_of_callers(store):
    reads = {"connectivity": [{"rules": {"#": ["GET"]}}]}
    by_level = dict.fromkeys(("user", "admin", "manager"), reads) | {"_": {"_": [{"rules": {"#": ["_"]}}]}}
    rules = {"_": by_level}
    store.load_docs(
        account_db(ACCOUNT),
        [
            {"_id": "boss", "_rev": "1-" + "0" * 32, "pvt_type": "user", "priv_level": "manager"},
            {"_id": "chief", "_rev": "1-" + "0" * 32, "pvt_type": "user", "priv_level": "chief"},
            {"_id": "plain", "_rev": "1-" + "0" * 32, "pvt_type": "user"},
        ],
    )

    def may_put(owner_id, method="m"):
        return not denied(store, rules, [], "PUT", auth=AuthDoc(ACCOUNT, owner_id, method))

    assert [may_put(owner) for owner in ("boss", "chief", "plain", "gone", None)] == [
        False,
        True,
        False,
        False,
        False,
    ]
    store.load_docs("system_config", [{"_id": "crossbar.token_restrictions", "default": {"default_priv_level": "x"}}])
    assert may_put("gone") and may_put(None) and not may_put("plain") and not may_put("boss")


def test_superduper_admins_are_not_restricted(store):
    nothing = {"_": {"_": {"_": []}}}
    assert denied(store, nothing, [], "GET")
    for value, is_free in ((True, True), ("true", True), (False, False), ("yes", False), (1, False)):
        account = store.open_doc(account_db(ACCOUNT), ACCOUNT)
        store.save_doc(account_db(ACCOUNT), {**account, "pvt_superduper_admin": value})
        assert denied(store, nothing, [], "GET") is not is_free


@pytest.mark.parametrize(
    ("caller", "requested", "allowed"),
    [
        (ACCOUNT, {"_id": ACCOUNT}, True),
        (ACCOUNT, {"_id": "c" * 32, "pvt_tree": ["e" * 32, ACCOUNT]}, True),
        (ACCOUNT, {"_id": "c" * 32, "pvt_tree": [ACCOUNT, "e" * 32]}, True),
        (ACCOUNT, {"_id": "c" * 32, "pvt_tree": ["e" * 32]}, False),
        (ACCOUNT, {"_id": "c" * 32, "pvt_tree": ACCOUNT}, False),
        (ACCOUNT, {"_id": "c" * 32}, False),
        (ACCOUNT, None, False),
        ("b" * 32, {"_id": ACCOUNT}, True),
        ("b" * 32, None, True),
        ("0" * 32, {"_id": ACCOUNT}, False),
    ],
)
def test_who_may_act_on_whom(store, caller, requested, allowed):
    """`b…` is a superduper admin; `0…` is gone."""
    store.load_docs(account_db("b" * 32), [{"_id": "b" * 32, "pvt_superduper_admin": True}])
    assert hierarchy.is_allowed(Recent(store), caller, requested) is allowed


def test_trees_are_lists_of_texts():
    assert hierarchy.tree({"pvt_tree": ["a", 5, "b", None]}) == ["a", "b"]
    assert hierarchy.tree({"pvt_tree": "a"}) == hierarchy.tree({}) == hierarchy.tree(None) == []


AUTHOR = Author("req-1", True, ACCOUNT, OWNER)


@pytest.mark.parametrize(
    ("succeeded", "kind", "status", "owner_id", "metadata"),
    [
        (True, "jwt_auth_token", "success", OWNER, {"account_id": ACCOUNT, "owner_id": OWNER}),
        (False, "credentials", "failed", None, {"account_id": ACCOUNT}),
    ],
)
def test_an_attempt_is_recorded(tmp_path, monkeypatch, succeeded, kind, status, owner_id, metadata):
    """2026-11-24T10:00:00Z is 1795514400 in Unix seconds."""
    monkeypatch.setattr("time.time", lambda: 1795514400.7)
    store = EmbeddedStore(tmp_path)
    db = "account/a1/b2/c3d4e5f60718293a4b5c6d7e8f90-202611"
    store.create_db(db)
    headers = {"x-thing": "seen", **dict.fromkeys(attempts.SECRET_HEADERS, "s3cret")}
    attempts.record(store, ACCOUNT, owner_id, "cb_user_auth", succeeded, "why", "192.0.2.1", headers.items(), AUTHOR)
    (attempt,) = store.dump_docs(db)
    assert attempt.pop("_id").startswith("202611-") and attempt.pop("_rev")
    assert attempt == {
        "auth_type": kind,
        "status": status,
        "auth_module": "cb_user_auth",
        "message": "why",
        "client_headers": {"x-thing": "seen"},
        "client_ip": "192.0.2.1",
        "crossbar_request_id": "req-1",
        "timestamp": 1795514400 + 62167219200,
        "metadata": metadata,
        "pvt_type": "login_attempt",
        "pvt_account_db": "account%2Fa1%2Fb2%2Fc3d4e5f60718293a4b5c6d7e8f90-202611",
        "pvt_account_id": ACCOUNT,
        "pvt_vsn": "1",
        "pvt_created": 1795514400 + 62167219200,
        "pvt_modified": 1795514400 + 62167219200,
        "pvt_request_id": "req-1",
        "pvt_is_authenticated": True,
        "pvt_auth_user_id": OWNER,
        "pvt_auth_account_id": ACCOUNT,
    }


def test_an_attempt_without_a_month_s_database_or_a_store_is_no_fault(tmp_path, monkeypatch, caplog):
    store = EmbeddedStore(tmp_path)

    def record():
        attempts.record(store, ACCOUNT, None, "m", False, "why", "ip", [], AUTHOR)

    record()
    assert not store.has_db(month_db(ACCOUNT)) and not caplog.records

    def fail(db, document):
        raise Unavailable("gone")

    monkeypatch.setattr(store, "save_doc", fail)
    record()
    assert f"a login attempt on account {ACCOUNT} was not recorded: gone" in caplog.text


@pytest.mark.parametrize(
    ("members", "since", "enabled"),
    [
        ({}, None, True),
        ({"pvt_trial_expires": 5}, 5, True),
        ({"pvt_trial_expires": "5"}, None, True),
        ({"pvt_trial_expires": 2**40}, None, True),
        ({"enabled": False}, None, False),
        ({"pvt_enabled": False}, None, False),
        ({"enabled": True, "pvt_enabled": None}, None, True),
    ],
)
def test_trials_and_switches(members, since, enabled):
    assert trial.expired_since(members) == since and trial.is_enabled(members) is enabled


def test_a_trial_ends_at_its_second(monkeypatch):
    monkeypatch.setattr("app.auth.trial.gregorian_now", lambda: 100)
    assert trial.expired_since({"pvt_trial_expires": 100}) == 100
    assert trial.expired_since({"pvt_trial_expires": 101}) is None
    assert trial.expired_since(None) is None and trial.is_enabled(None)


class Heard:
    """Notices that only remember what they were told."""

    def __init__(self):
        self.edits = []

    def edited(self, db, document):
        self.edits.append((db, document["_rev"]))


def test_an_expired_account_is_disabled_in_both_places_once(store):
    notices, recent, db = Heard(), Recent(store, seconds=100), account_db(ACCOUNT)
    account = {"_id": ACCOUNT, "_rev": "9-" + "0" * 32, "pvt_trial_expires": 5, "name": "kept"}
    for place in (db, "accounts"):
        store.load_docs(place, [account])
    assert "pvt_enabled" not in recent.find_doc(db, ACCOUNT)
    trial.disable_expired(store, recent, notices, ACCOUNT)
    for place in (db, "accounts"):
        stored = store.open_doc(place, ACCOUNT)
        assert (stored["pvt_enabled"], stored["name"], stored["pvt_trial_expires"]) == (False, "kept", 5)
        assert stored["_rev"].startswith("10-")
    assert notices.edits == [(place, store.open_doc(place, ACCOUNT)["_rev"]) for place in (db, "accounts")]
    assert recent.find_doc(db, ACCOUNT)["pvt_enabled"] is False
    trial.disable_expired(store, recent, notices, ACCOUNT)
    assert len(notices.edits) == 2


def test_one_place_that_cannot_be_written_keeps_the_other_from_nothing(store, monkeypatch):
    notices, db = Heard(), account_db(ACCOUNT)
    for place in (db, "accounts"):
        store.load_docs(place, [{"_id": ACCOUNT, "_rev": "9-" + "0" * 32, "pvt_trial_expires": 5}])
    save = store.save_doc

    def save_elsewhere(place, document):
        if place == db:
            raise Unavailable("gone")
        return save(place, document)

    monkeypatch.setattr(store, "save_doc", save_elsewhere)
    trial.disable_expired(store, Recent(store), notices, ACCOUNT)
    assert store.open_doc("accounts", ACCOUNT)["pvt_enabled"] is False and len(notices.edits) == 1
    trial.disable_expired(store, Recent(store), notices, "f" * 32)
    assert len(notices.edits) == 1


def test_credential_hashes():
    assert credential_hash("John@Example.com", "m32c6NfqYEt") == "82a2dc91686ec828a67152d45a5c5ef7"
    assert credential_hash("A", "B", "sha") == hashlib.sha1(b"a:B").hexdigest()
    assert credential_hash("Ü", "é") == hashlib.md5("ü:é".encode()).hexdigest()


def test_look_ups_of_accounts_and_users(tmp_path):
    store = EmbeddedStore(tmp_path)
    store.create_db("accounts", documents_for("accounts"))
    account = {"pvt_type": "account", "name": "Acme, Inc. (NY) #1", "realm": "Acme.Example.com", "pvt_api_key": "k"}
    store.save_doc("accounts", {**account, "_id": ACCOUNT, "pvt_account_id": ACCOUNT})
    store.save_doc("accounts", {**account, "_id": "b" * 31, "pvt_account_id": "b" * 31})
    assert accounts_by_name(store, "acme inc ny 1") == accounts_by_realm(store, "ACME.example.com") == [ACCOUNT]
    assert accounts_by_api_key(store, "k") == [ACCOUNT] and accounts_by_api_key(store, "K") == []
    db = account_db(ACCOUNT)
    assert users_with(store, ACCOUNT, "h", "md5") == []
    store.create_db(db)
    assert users_with(store, ACCOUNT, "h", "md5") == []
    for document in documents_for(db):
        store.save_doc(db, document)
    for name, members in (
        ("u1", {"pvt_md5_auth": "h", "pvt_sha1_auth": "s", "enabled": True}),
        ("u2", {"pvt_md5_auth": "h", "enabled": True}),
        ("u3", {"pvt_md5_auth": "h", "enabled": False}),
    ):
        store.save_doc(db, {"_id": name, "pvt_type": "user", **members})
    assert users_with(store, ACCOUNT, "h", "md5") == [AuthDoc(ACCOUNT, "u1"), AuthDoc(ACCOUNT, "u2")]
    assert users_with(store, ACCOUNT, "s", "sha") == [AuthDoc(ACCOUNT, "u1")]


def test_new_keys_are_in_kazoo_s_form():
    pem = keys.generate_pem()
    assert pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n") and pem.endswith(b"-----END RSA PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(pem, None)
    assert key.key_size == 2048 and key.public_key().public_numbers().e == 65537
    key_id, secret = keys.new_secrets()
    assert key_id != secret and all(len(one) == 32 and int(one, 16) >= 0 for one in (key_id, secret))


def test_what_is_no_key(store, monkeypatch):
    monkeypatch.setattr("app.auth.keys.SECONDS", 0)
    ring = KeyRing(store, Recent(store), NODES)
    assert ring.private_key(VECTORS["kid"]) is not None
    assert ring.private_key("f" * 32) is None and "f" * 32 not in [
        row["_id"] for row in store.dump_docs("system_auth")
    ]
    for strange in ("", "_design/x", "x" * 129):
        assert ring.private_key(strange) is None
    assert ring.private_key("x" * 128) is None

    def attach(name, content):
        data = base64.b64encode(content).decode()
        attachment = {"private_key.pem": {"content_type": "application/x-pem-file", "data": data}}
        store.load_docs("system_auth", [{"_id": name, "_rev": "1-" + "0" * 32, "_attachments": attachment}])

    attach("rubbish", b"no PEM")
    with pytest.raises(Unavailable, match="a signing key is no PEM"):
        ring.private_key("rubbish")
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    attach("elliptic", elliptic)
    assert ring.private_key("elliptic") is None


def test_a_key_is_remembered_for_a_moment_and_is_the_same_object_as_long_as_it_does_not_change(store, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    ring = KeyRing(store, Recent(store), NODES)
    first, reads = ring.private_key(VECTORS["kid"]), []
    read = store.open_attachment
    monkeypatch.setattr(store, "open_attachment", lambda *names: reads.append(names) or read(*names))
    now[0] += 1.9
    assert ring.private_key(VECTORS["kid"]) is first and not reads
    now[0] += 0.2
    assert ring.private_key(VECTORS["kid"]) is first and len(reads) == 1
    monkeypatch.setattr(keys, "MOST_KEY_IDS", 3)
    for number in range(5):
        ring.private_key(f"unknown{number}")
    assert len(ring._keys) <= 3


def test_a_system_key_without_its_pem_is_named(store):
    store.load_docs("system_config", [{"_id": "auth", "_rev": "9-" + "0" * 32, "default": {"system_key": "gone"}}])
    with pytest.raises(KeysMissing, match="system_auth/gone has no private_key.pem"):
        KeyRing(store, Recent(store), NODES).check()
    good = {"system_key": VECTORS["kid"]}
    store.load_docs("system_config", [{"_id": "auth", "_rev": "99-" + "0" * 32, "default": good}])
    with pytest.raises(KeysMissing, match="system_config/auth has no default.secret_for_user_signature"):
        KeyRing(store, Recent(store), NODES).check()


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


def names_of_one_slot(count):
    """Names of buckets that all begin their search at the same slot."""
    by_slot = {}
    for number in map(str, itertools.count()):
        digest = hashlib.blake2b(number.encode(), digest_size=16).digest()
        found = by_slot.setdefault(int.from_bytes(digest[:8], "big") % buckets.SLOTS, [])
        found.append(number)
        if len(found) == count:
            break
    return found


def test_where_all_slots_are_taken_the_one_used_longest_ago_gives_way(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    first, second, *others, late = names_of_one_slot(9)
    own, size = Buckets(), Size(most=1, period=1000, idle=1000)
    for name in (first, second, *others):
        now[0] += 1
        assert own.take(name, 1, size)
    now[0] += 1
    assert not own.take(first, 1, size)
    now[0] += 1
    assert own.take(late, 1, size)
    assert not own.take(first, 1, size) and not own.take(late, 1, size)
    assert not any(own.take(name, 1, size) for name in others)
    assert own.take(second, 1, size)


def test_a_bucket_fills_in_whole_periods_up_to_its_capacity(monkeypatch):
    now = [5.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    own, size = Buckets(), Size(most=10, added=3, period=2, idle=100)
    assert own.take("a", 10, size) and not own.take("a", 1, size)
    now[0] += 1.9
    assert not own.take("a", 1, size)
    now[0] += 0.2
    assert take_many(own, "a", size, 5) == 3
    now[0] += 2.0
    assert take_many(own, "a", size, 5) == 3
    now[0] += 50
    assert take_many(own, "a", size, 20) == 10
    now[0] += 100
    assert take_many(own, "a", size, 20) == 10


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, Size(100, 10, 1.0, 600)),
        (
            {"crossbar": {"max_bucket_tokens": 1, "tokens_fill_rate": 2, "tokens_fill_time": "hour"}},
            Size(1, 2, 3600, 600),
        ),
        ({"default": {"max_bucket_tokens": 7}, "max_bucket_tokens": 8}, Size(7, 10, 1, 600)),
        ({"max_bucket_tokens": 8, "tokens_fill_rate": 4, "tokens_fill_time": "day"}, Size(8, 4, 86400, 600)),
        ({"tokens_fill_time": "second", "inactivity_timeout_s": 30}, Size(100, 10, 1, 30)),
        ({"crossbar": {"tokens_fill_time": "minute"}, "tokens_fill_time": "hour"}, Size(100, 10, 60, 600)),
        ({"max_bucket_tokens": 0, "tokens_fill_rate": -1, "inactivity_timeout_s": "x"}, Size(100, 10, 1, 600)),
        ({"max_bucket_tokens": 1.5, "tokens_fill_time": 5}, Size(100, 10, 1, 600)),
        ({"tokens_fill_time": "fortnight"}, Size(100, 10, 1, 600)),
    ],
)
def test_sizes_of_buckets(tmp_path, settings, size):
    assert size_for(config_store(tmp_path, token_buckets=settings), NODES) == size


@pytest.mark.parametrize(
    ("costs", "cost"),
    [
        (None, 1),
        (0, 0),
        (5, 5),
        (-1, 1),
        ("5", 1),
        (True, 1),
        ({}, 35),
        ({"acc": 2}, 2),
        ({"acc": {"noun": 3}}, 3),
        ({"acc": {"noun": {"PUT": 4}}, "noun": 9}, 4),
        ({"acc": {"noun": {"GET": 4}}, "noun": 9}, 9),
        ({"acc": {"other": 4}, "noun": {"PUT": 6}}, 6),
        ({"noun": {"GET": 6}}, 35),
        ({"noun": 0}, 0),
        ({"noun": -1}, 35),
    ],
)
def test_costs_of_requests(tmp_path, costs, cost):
    recent = config_store(tmp_path, crossbar={} if costs is None else {"token_costs": costs})
    assert cost_of(recent, NODES, "acc", "noun", "PUT", advertised=35) == cost


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


def test_settings_of_log_ins_come_from_the_reseller_down_to_the_account(tmp_path):
    """root > reseller > parent > own: the root's do not count below a reseller."""
    store, names = EmbeddedStore(tmp_path), {name: name[0] * 32 for name in ("top", "reseller", "parent", "own")}
    tree = list(names.values())
    for depth, account_id in enumerate(tree):
        modules = {"m": {"from": account_id[0], account_id[0]: depth}}
        rows = [
            {"_id": account_id, "pvt_tree": tree[:depth]},
            {"_id": "configs_crossbar.auth", "auth_modules": modules, "pvt_x": 1},
        ]
        store.load_docs(account_db(account_id), rows)
    store.load_docs("services", [{"_id": names["reseller"], "pvt_reseller": True}])
    store.load_docs("system_config", [{"_id": "crossbar.auth", "default": {"auth_modules": {"m": {"system": 1}}}}])
    recent = Recent(store, seconds=0)
    assert module_settings(recent, NODES, names["own"], "m") == {"system": 1, "from": "o", "r": 1, "p": 2, "o": 3}
    assert module_settings(recent, NODES, names["reseller"], "m") == {"system": 1, "from": "r", "r": 1}
    assert module_settings(recent, NODES, names["own"], "other") == {}
    assert module_settings(recent, NODES, names["own"], None) == {}
    assert module_settings(recent, NODES, "0" * 32, "m") == {"system": 1}
    store.load_docs("services", [{"_id": names["own"], "pvt_reseller": "true", "pvt_reseller_id": names["reseller"]}])
    assert not configuration.is_reseller(recent, names["own"]) and configuration.is_reseller(
        recent, names["reseller"]
    )
    assert configuration.reseller_id(recent, names["own"]) == names["reseller"]
    assert configuration.reseller_id(recent, names["top"]) is None


@pytest.mark.parametrize(
    ("own", "system", "seconds"),
    [
        (5, 9, 5),
        (0, 9, 9),
        (-1, 9, 9),
        (None, 9, 9),
        ("5", 9, 9),
        (None, None, 3600),
        (None, "9", 3600),
        (None, 0, 0),
    ],
)
def test_how_long_a_token_lives(tmp_path, own, system, seconds):
    recent = config_store(tmp_path, crossbar__auth={} if system is None else {"token_auth_expiry_s": system})
    assert token_seconds(recent, NODES, {} if own is None else {"token_auth_expiry_s": own}) == seconds


def claims_of(token, **changes):
    claims = {**jwt.decode(token, options={"verify_signature": False}), **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def test_what_a_signature_does_not_save(store):
    """Claims that are signed well but say too little, or the wrong thing."""
    tokens = tokens_of(store)
    key = serialization.load_pem_private_key(VECTORS["private_key_pem"].encode(), None)

    def is_good(kid=VECTORS["kid"], **changes):
        claims = claims_of(VECTORS["kazoo_minted"], **changes)
        return tokens.verify(jwt.encode(claims, key, "RS256", {} if kid is None else {"kid": kid})) is not None

    assert is_good() and is_good(exp=...) and is_good(exp=time.time() + 1.5) and is_good(identity_sig=...)
    assert not is_good(exp=None) and not is_good(exp="9999999999") and not is_good(exp=True)
    assert not is_good(exp=int(time.time()))
    assert not is_good(iss="x") and not is_good(iss=...)
    assert not is_good(account_id=5) and not is_good(account_id="x") and not is_good(account_id=...)
    assert not is_good(identity_sig=5) and not is_good(owner_id="f" * 32) and not is_good(owner_id="_design/users")
    assert not is_good(owner_id=5) and not is_good(kid=None)
    padding = "x" * 4096
    assert not is_good(padding=padding)


def test_an_identity_that_is_deleted_signs_nothing(store):
    db = account_db(ACCOUNT)
    user = store.open_doc(db, OWNER)
    store.save_doc(db, {**user, "pvt_deleted": True})
    assert tokens_of(store).verify(VECTORS["kazoo_minted"]) is None


def test_remembered_signatures_are_bounded(store, monkeypatch):
    monkeypatch.setattr("app.auth.tokens.MOST_REMEMBERED", 3)
    tokens = tokens_of(store)
    minted = [tokens.mint({"account_id": ACCOUNT, "n": n}, 60) for n in range(5)]
    assert all(tokens.verify(token) for token in minted * 2) and len(tokens._signed) <= 3


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
