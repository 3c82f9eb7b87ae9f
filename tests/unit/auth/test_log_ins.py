"""What log-ins look up, decide and record (docs/kazoo/auth.md, sections 3 and 4)."""

import base64
import hashlib

import pytest

from app import accounts
from app.auth import AuthDoc, attempts, configuration, trial
from app.auth.configuration import module_settings, token_seconds
from app.auth.credentials import (
    accounts_by_api_key,
    accounts_by_name,
    accounts_by_realm,
    basic_auth,
    basic_credentials,
    credential_hash,
    users_with,
)
from app.documents.fields import Author
from app.documents.names import account_db, month_db
from app.store import Unavailable
from app.store.cache import DocumentCache
from app.store.design import documents_for
from app.store.embedded.store import EmbeddedStore
from tests.support import logged_by
from tests.unit.auth import ACCOUNT, OWNER, config_store

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
    attempts.record(store, ACCOUNT, owner_id, "cb_user_auth", succeeded, "why", "192.0.2.1", headers, AUTHOR)
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
        attempts.record(store, ACCOUNT, None, "m", False, "why", "ip", {}, AUTHOR)

    record()
    assert not store.has_db(month_db(ACCOUNT)) and logged_by(caplog, "app.auth.attempts") == []

    def fail(db, document):
        raise Unavailable("gone")

    monkeypatch.setattr(store, "save_doc", fail)
    record()
    told = f"a login attempt on account {ACCOUNT} was not recorded: gone"
    assert logged_by(caplog, "app.auth.attempts") == [told]


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
    notices, cache, db = Heard(), DocumentCache(store, seconds=100), account_db(ACCOUNT)
    account = {"_id": ACCOUNT, "_rev": "9-" + "0" * 32, "pvt_trial_expires": 5, "name": "kept"}
    for place in (db, "accounts"):
        store.load_docs(place, [account])
    assert "pvt_enabled" not in cache.find_doc(db, ACCOUNT)
    accounts.disable_expired(store, cache, notices, ACCOUNT)
    for place in (db, "accounts"):
        stored = store.open_doc(place, ACCOUNT)
        assert (stored["pvt_enabled"], stored["name"], stored["pvt_trial_expires"]) == (False, "kept", 5)
        assert stored["_rev"].startswith("10-")
    assert notices.edits == [(place, store.open_doc(place, ACCOUNT)["_rev"]) for place in (db, "accounts")]
    assert cache.find_doc(db, ACCOUNT)["pvt_enabled"] is False
    accounts.disable_expired(store, cache, notices, ACCOUNT)
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
    accounts.disable_expired(store, DocumentCache(store), notices, ACCOUNT)
    assert store.open_doc("accounts", ACCOUNT)["pvt_enabled"] is False and len(notices.edits) == 1
    accounts.disable_expired(store, DocumentCache(store), notices, "f" * 32)
    assert len(notices.edits) == 1


def test_an_account_whose_trial_was_extended_meanwhile_is_left_on(store):
    notices, db = Heard(), account_db(ACCOUNT)
    for place in (db, "accounts"):
        store.load_docs(place, [{"_id": ACCOUNT, "_rev": "9-" + "0" * 32, "pvt_trial_expires": 2**40}])
    accounts.disable_expired(store, DocumentCache(store), notices, ACCOUNT)
    assert notices.edits == []
    assert all("pvt_enabled" not in store.open_doc(place, ACCOUNT) for place in (db, "accounts"))


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


def test_basic_credentials_where_nothing_is_configured(tmp_path):
    """The MD5 of name and password; a name and a password in clear where the operator wants that."""
    store, db = EmbeddedStore(tmp_path), account_db(ACCOUNT)
    store.create_db(db, documents_for(db))
    user = {"_id": "u", "pvt_type": "user", "enabled": True, "pvt_md5_auth": credential_hash("jo", "pass:word")}
    store.save_doc(db, user)

    def who(text):
        token = base64.b64encode(text.encode()).decode()
        credentials = basic_credentials(token)
        return basic_auth(store, DocumentCache(store, seconds=0), *credentials) if credentials else None

    assert who(f"{ACCOUNT}:{user['pvt_md5_auth']}") == AuthDoc(ACCOUNT, "u")
    assert (
        who(f"{ACCOUNT}:jo:pass:word") is None and who(ACCOUNT) is None and who(f"x:{user['pvt_md5_auth']}") is None
    )
    store.load_docs("system_config", [{"_id": "crossbar.auth", "default": {"basic_auth_type": "plain"}}])
    assert who(f"{ACCOUNT}:Jo:pass:word") == AuthDoc(ACCOUNT, "u")
    assert basic_credentials("!" + base64.b64encode(f"{ACCOUNT}:jo:pass:word".encode()).decode()) is None


def test_token_life_comes_from_account_and_system(store):
    store.load_docs(
        "system_config",
        [
            {
                "_id": "crossbar.auth",
                "default": {"auth_modules": {"m": {"token_auth_expiry_s": 5}}, "token_auth_expiry_s": 9},
            }
        ],
    )
    cache = DocumentCache(store, seconds=0)
    assert token_seconds(cache, module_settings(cache, ACCOUNT, "m")) == 5
    store.load_docs(
        account_db(ACCOUNT),
        [{"_id": "configs_crossbar.auth", "auth_modules": {"m": {"token_auth_expiry_s": 0, "enabled": False}}}],
    )
    module = module_settings(cache, ACCOUNT, "m")
    assert module["enabled"] is False and token_seconds(cache, module) == 9


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
    cache = DocumentCache(store, seconds=0)
    assert module_settings(cache, names["own"], "m") == {"system": 1, "from": "o", "r": 1, "p": 2, "o": 3}
    assert module_settings(cache, names["reseller"], "m") == {"system": 1, "from": "r", "r": 1}
    assert module_settings(cache, names["own"], "other") == {}
    assert module_settings(cache, names["own"], None) == {}
    assert module_settings(cache, "0" * 32, "m") == {"system": 1}
    store.load_docs("services", [{"_id": names["own"], "pvt_reseller": "true", "pvt_reseller_id": names["reseller"]}])
    assert not configuration.is_reseller(cache, names["own"]) and configuration.is_reseller(cache, names["reseller"])
    assert configuration.reseller_id(cache, names["own"]) == names["reseller"]
    assert configuration.reseller_id(cache, names["top"]) is None


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
    cache = config_store(tmp_path, crossbar__auth={} if system is None else {"token_auth_expiry_s": system})
    assert token_seconds(cache, {} if own is None else {"token_auth_expiry_s": own}) == seconds
