"""The identity signature: what lets a changed secret revoke the tokens minted before.

Spec: docs/kazoo/auth.md, section 2.3.
"""

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import Any

SECRET_FIELD = "pvt_signature_secret"


def identity_of(claims: dict[str, Any]) -> Any:
    """The id of the document whose secret signs: the device's, the user's or the account's.

    In claims that somebody else signed it may be any JSON value.
    """
    return claims.get("device_id") or claims.get("owner_id") or claims.get("account_id")


@lru_cache(maxsize=4096)
def signature(identity: str, secret: str, server_secret: str) -> str:
    """base64url without padding of HMAC-SHA256; the secrets are used as the hex text they are."""
    digest = hmac.new((secret + server_secret).encode(), identity.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def matches(given: str, identity: str, secret: str, server_secret: str) -> bool:
    """Whether a signature is the one, compared in constant time."""
    return hmac.compare_digest(given.encode(), signature(identity, secret, server_secret).encode())
