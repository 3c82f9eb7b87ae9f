"""Kazoo's signing keys and server secret, read from where Kazoo stores them (docs/kazoo/auth.md, section 2.2).

This service creates them only in a new embedded store. In CouchDB, only Kazoo may create them: its nodes cache the
values and would not notice new ones.
"""

import secrets
import threading
import time
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.documents.names import SYSTEM_AUTH, SYSTEM_CONFIG, new_id
from app.store import NotFound, Store, Unavailable, is_document_id
from app.store.cache import DocumentCache

ATTACHMENT = "private_key.pem"
CONTENT_TYPE = "application/x-pem-file"
SECONDS = 2.0
MOST_KEY_IDS = 1000
LONGEST_KEY_ID = 128


class KeysMissing(Exception):
    """The store lacks a key or secret that Kazoo creates when it first starts. The text names it."""


class KeyRing:
    """The RSA keys, by id, and the secrets in `system_config/auth`. Safe with threads."""

    def __init__(self, store: Store, cache: DocumentCache):
        self._store = store
        self._cache = cache
        self._keys: dict[str, tuple[float, bytes, rsa.RSAPrivateKey | None]] = {}
        self._lock = threading.Lock()

    def private_key(self, key_id: str) -> rsa.RSAPrivateKey | None:
        """The key, which may be SECONDS out of date; None for an unknown id.

        The object stays the same until the stored key changes. Raises Unavailable if the stored data is not a key.
        That result is not cached, because the token may be valid.
        """
        if not is_document_id(key_id) or len(key_id) > LONGEST_KEY_ID:
            return None
        now = time.monotonic()
        cached = self._keys.get(key_id)
        if cached and now - cached[0] < SECONDS:
            return cached[2]
        pem = self._stored_pem(key_id)
        key = cached[2] if cached and cached[1] == pem else _load(pem)
        with self._lock:
            if len(self._keys) >= MOST_KEY_IDS:
                self._keys.clear()
            self._keys[key_id] = (now, pem, key)
        return key

    def signing_key(self) -> tuple[str, rsa.RSAPrivateKey]:
        """The current key and its id. Raises KeysMissing."""
        key_id = self._secret("system_key")
        key = self.private_key(key_id)
        if key is None:
            raise KeysMissing(f"{SYSTEM_AUTH}/{key_id} has no {ATTACHMENT}")
        return key_id, key

    def server_secret(self) -> str:
        """The system's part of the key to identity signatures. Raises KeysMissing."""
        return self._secret("secret_for_user_signature")

    def check(self) -> None:
        """Check that the store has everything needed to mint and verify tokens. Raises KeysMissing."""
        self.signing_key()
        self.server_secret()

    def _secret(self, name: str) -> str:
        value = self._cache.setting("auth", name)
        if not isinstance(value, str) or not value:
            raise KeysMissing(f"{SYSTEM_CONFIG}/auth has no default.{name}")
        return value

    def _stored_pem(self, key_id: str) -> bytes:
        try:
            return self._store.open_attachment(SYSTEM_AUTH, key_id, ATTACHMENT)
        except NotFound:
            return b""


@lru_cache(maxsize=8)
def _load(pem: bytes) -> rsa.RSAPrivateKey | None:
    """The key in a PEM file. Checking it takes a moment, so workers inherit what was loaded at the start."""
    if not pem:
        return None
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unavailable("a signing key is not a PEM file") from None
    return key if isinstance(key, rsa.RSAPrivateKey) else None


def generate_pem() -> bytes:
    """A new 2048-bit key in the format that Kazoo stores (PKCS#1)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def new_secrets() -> tuple[str, str]:
    """A new key id and a new server secret, for a store that has none yet."""
    return new_id(), secrets.token_hex(16)
