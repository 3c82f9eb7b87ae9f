"""JSON web tokens, minted and verified as Kazoo does (docs/kazoo/auth.md, sections 2.1 to 2.5)."""

import base64
import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any

import jwt

from app.auth import hierarchy, identity
from app.auth.keys import KeyRing
from app.auth.trial import is_enabled
from app.documents.fields import is_deleted
from app.documents.names import account_db, is_account_id
from app.kazoo import json_text
from app.store import is_document_id
from app.store.cache import DocumentCache

if TYPE_CHECKING:
    from jwt.types import Options

ALGORITHMS = ("RS256", "RS384", "RS512")
ISSUER = "kazoo"
LONGEST = 4096
MOST_REMEMBERED = 10_000

# `verify` checks `iss` itself, and `exp` after the signature, as Kazoo does. Kazoo ignores the other claims below.
_SIGNATURE_ONLY: "Options" = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Tokens:
    """Mints and verifies tokens. Safe with threads.

    Only the result of checking a signature is cached. Expiry and identity are checked on every use. `strict` is the
    setting STRICT_TOKENS.
    """

    def __init__(self, keys: KeyRing, cache: DocumentCache, strict: bool = False):
        self._keys = keys
        self._cache = cache
        self._strict = strict
        self._signed: dict[bytes, tuple[str, Any, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a token; None if it is not valid. The caller must not change them. Raises Unavailable."""
        if len(token) > LONGEST:
            return None
        claims = self._signed_claims(token)
        if claims is None or claims.get("iss") != ISSUER or not _is_alive(claims):
            return None
        account_id = claims.get("account_id")
        if not isinstance(account_id, str) or not is_account_id(account_id):
            return None
        if self._strict and not is_enabled(hierarchy.account(self._cache, account_id)):
            return None
        return claims if self._has_good_identity(claims) else None

    def has_bad_signature(self, token: str) -> bool:
        """Whether this is a JSON web token that no stored key has signed."""
        return len(token) <= LONGEST and _is_web_token(token) and self._signed_claims(token) is None

    def mint(self, claims: dict[str, Any], seconds: int) -> str:
        """A token with those of these claims that are not None. Raises KeysMissing.

        It expires after this many seconds, or never if `seconds` is 0 or less. If the identity has no stored secret,
        the token has no `identity_sig` (docs/kazoo/auth.md, section 2.4).
        """
        claims = {name: value for name, value in claims.items() if value is not None}
        identity_id = identity.identity_of(claims)
        # If the cached secret has just been replaced, the new token would soon be refused.
        self._cache.forget(account_db(claims["account_id"]), identity_id)
        secret = self._identity_secret(claims["account_id"], identity_id)
        signed: dict[str, Any] = {"iss": ISSUER}
        if secret:
            signed["identity_sig"] = identity.signature(identity_id, secret, self._keys.server_secret())
        signed |= claims
        if seconds > 0:
            signed["exp"] = int(time.time()) + seconds
        key_id, key = self._keys.signing_key()
        return jwt.encode(signed, key, algorithm="RS256", headers={"kid": key_id})

    def _signed_claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that a stored key has signed; None for any other token."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        cached = self._signed.get(digest)
        if cached and self._keys.private_key(cached[0]) is cached[1]:
            return cached[2]
        try:
            header = jwt.get_unverified_header(token)
            algorithm, key_id = header.get("alg"), header.get("kid")
            if algorithm not in ALGORITHMS or not isinstance(key_id, str):
                return None
            key = self._keys.private_key(key_id)
            if key is None:
                return None
            claims = jwt.decode(token, key.public_key(), algorithms=[algorithm], options=_SIGNATURE_ONLY)
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        with self._lock:
            if len(self._signed) >= MOST_REMEMBERED:
                self._signed.clear()
            self._signed[digest] = (key_id, key, claims)
        return claims

    def _has_good_identity(self, claims: dict[str, Any]) -> bool:
        if "identity_sig" not in claims:
            return not self._strict
        signature, identity_id = claims["identity_sig"], identity.identity_of(claims)
        if not isinstance(signature, str) or not signature or not isinstance(identity_id, str):
            return False
        if self._is_signed_by(signature, claims["account_id"], identity_id):
            return True
        # Another node may have used a newer secret than the cached one (docs/kazoo/auth.md, section 10).
        self._cache.forget(account_db(claims["account_id"]), identity_id)
        return self._is_signed_by(signature, claims["account_id"], identity_id)

    def _is_signed_by(self, signature: str, account_id: str, identity_id: str) -> bool:
        secret = self._identity_secret(account_id, identity_id)
        if not secret:
            return False
        return identity.matches(signature, identity_id, secret, self._keys.server_secret())

    def _identity_secret(self, account_id: str, identity_id: str) -> str | None:
        if not is_document_id(identity_id):
            return None
        document = self._cache.find_doc(account_db(account_id), identity_id)
        if document is None or is_deleted(document):
            return None
        if self._strict and document.get("enabled") is False:
            return None
        secret = document.get(identity.SECRET_FIELD)
        return secret if isinstance(secret, str) else None


def _is_web_token(token: str) -> bool:
    """Whether the text has the three parts of a token, with JSON objects as header and payload."""
    parts = token.split(".")
    try:
        # Extra padding does no harm.
        objects = [json_text.loads(base64.urlsafe_b64decode(f"{part}==")) for part in parts[:2]]
    except ValueError:
        return False
    return len(parts) == 3 and all(isinstance(part, dict) for part in objects)


def _is_alive(claims: dict[str, Any]) -> bool:
    expires = claims.get("exp")
    if expires is None:
        return "exp" not in claims
    return type(expires) in (int, float) and expires - time.time() > 0
