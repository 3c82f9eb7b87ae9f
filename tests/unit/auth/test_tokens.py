"""Tokens, identity signatures and signing keys (docs/kazoo/auth.md, section 2)."""

import base64
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.auth import AuthDoc, identity, keys
from app.auth.keys import KeyRing, KeysMissing
from app.auth.tokens import Tokens
from app.crossbar.context import Context
from app.documents.names import account_db
from app.settings import Settings
from app.store import Unavailable
from app.store.cache import DocumentCache
from app.store.embedded.store import EmbeddedStore
from tests.unit.auth import ACCOUNT, OWNER, VECTORS


def tokens_of(store, strict=False, seconds=2.0):
    cache = DocumentCache(store, seconds=seconds)
    return Tokens(KeyRing(store, cache), cache, strict)


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
    tokens, before = tokens_of(store), int(time.time())
    token = tokens.mint({"account_id": ACCOUNT, "owner_id": OWNER, "as": None, "method": "cb_user_auth"}, 60)
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": VECTORS["kid"]}
    key = serialization.load_pem_private_key(VECTORS["private_key_pem"].encode(), None).public_key()
    claims = jwt.decode(token, key, algorithms=["RS256"])
    assert before <= claims.pop("exp") - 60 <= time.time()
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

    assert is_good() and is_good(exp=...) and is_good(exp=int(time.time()) + 600.5) and is_good(identity_sig=...)
    # Kazoo looks at `exp` and at no other time, and at nobody's audience.
    assert is_good(nbf=time.time() + 600) and is_good(iat=time.time() + 600) and is_good(aud="x", sub=5, jti=5)
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
    store.load_docs("system_auth", [key_document(VECTORS["kid"], keys.generate_pem(), "2-" + "0" * 32)])
    assert tokens.verify(VECTORS["kazoo_minted"]) is None
    assert tokens.verify(tokens.mint({"account_id": ACCOUNT}, 60))
    store.load_docs("system_auth", [{"_id": VECTORS["kid"], "_rev": "3-" + "0" * 32, "pvt_type": "system_key"}])
    assert tokens.verify(VECTORS["kazoo_minted"]) is None


def key_document(key_id, pem, revision="1-" + "0" * 32):
    attachment = {"content_type": "application/x-pem-file", "data": base64.b64encode(pem).decode()}
    return {"_id": key_id, "_rev": revision, "_attachments": {"private_key.pem": attachment}}


def test_a_token_of_a_secret_that_is_newer_than_what_is_remembered_is_good(store):
    here = tokens_of(store, seconds=100)
    assert here.verify(VECTORS["kazoo_minted"])
    user = store.open_doc(account_db(ACCOUNT), OWNER)
    store.save_doc(account_db(ACCOUNT), {**user, "pvt_signature_secret": "1" * 32})
    minted_elsewhere = tokens_of(store).mint({"account_id": ACCOUNT, "owner_id": OWNER}, 60)
    assert here.verify(minted_elsewhere) and here.verify(VECTORS["kazoo_minted"]) is None


def test_strict_refuses_disabled_users(store):
    user = store.open_doc(account_db(ACCOUNT), OWNER)
    store.save_doc(account_db(ACCOUNT), {**user, "enabled": False})
    assert tokens_of(store).verify(VECTORS["kazoo_minted"])
    assert tokens_of(store, strict=True).verify(VECTORS["kazoo_minted"]) is None


def test_missing_secrets_are_named(tmp_path):
    store = EmbeddedStore(tmp_path)
    with pytest.raises(KeysMissing, match="system_config/auth has no default.system_key"):
        KeyRing(store, DocumentCache(store)).check()


def test_new_keys_are_in_kazoo_s_form():
    pem = keys.generate_pem()
    assert pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n") and pem.endswith(b"-----END RSA PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(pem, None)
    assert key.key_size == 2048 and key.public_key().public_numbers().e == 65537
    key_id, secret = keys.new_secrets()
    assert key_id != secret and all(len(one) == 32 and int(one, 16) >= 0 for one in (key_id, secret))


def test_what_is_no_key(store, monkeypatch):
    monkeypatch.setattr("app.auth.keys.SECONDS", 0)
    ring = KeyRing(store, DocumentCache(store))
    assert ring.private_key(VECTORS["kid"]) is not None
    assert ring.private_key("f" * 32) is None and "f" * 32 not in [
        row["_id"] for row in store.dump_docs("system_auth")
    ]
    good = VECTORS["private_key_pem"].encode()
    store.load_docs("system_auth", [key_document(name, good) for name in ("_design/x", "x" * 128, "x" * 129)])
    assert [ring.private_key(name) is None for name in ("", "_design/x", "x" * 129, "x" * 128)] == [True] * 3 + [
        False
    ]
    store.load_docs("system_auth", [key_document("rubbish", b"no PEM")])
    with pytest.raises(Unavailable, match="a signing key is not a PEM file"):
        ring.private_key("rubbish")
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    store.load_docs("system_auth", [key_document("elliptic", elliptic)])
    assert ring.private_key("elliptic") is None


def test_a_key_is_remembered_for_a_moment_and_is_the_same_object_as_long_as_it_does_not_change(store, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    ring = KeyRing(store, DocumentCache(store))
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
        KeyRing(store, DocumentCache(store)).check()
    good = {"system_key": VECTORS["kid"]}
    store.load_docs("system_config", [{"_id": "auth", "_rev": "99-" + "0" * 32, "default": good}])
    with pytest.raises(KeysMissing, match="system_config/auth has no default.secret_for_user_signature"):
        KeyRing(store, DocumentCache(store)).check()


def test_nothing_secret_in_a_repr():
    auth = AuthDoc(ACCOUNT, OWNER, "m", {"identity_sig": "s3cret"})
    context = Context(
        None,
        "id",
        target="/v2/user_auth/s3cret",
        query_string="auth_token=s3cret",
        headers={"x-auth-token": "s3cret"},
        query=[("auth_token", "s3cret")],
        token="s3cret",
        new_token="s3cret",
    )
    context.data = context.envelope = context.doc = context.stored = context.account = {"auth_password": "s3cret"}
    context.resp_data, context.auth = context.data, auth
    settings = Settings(couchdb_urls=["http://u:s3cret@host"], amqp_url="amqp://u:s3cret@host")
    for thing in (auth, context, settings):
        assert "s3cret" not in repr(thing)
