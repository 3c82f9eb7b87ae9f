"""The identity signature in tokens. When the secret changes, all older tokens become invalid.

Spec: docs/kazoo/auth.md, section 2.3.
"""

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import Any

SECRET_FIELD = "pvt_signature_secret"


def identity_of(claims: dict[str, Any]) -> Any:
    """The id of the document with the identity's secret: a device, a user or an account.

    Another signer may have put any JSON value here.
    """
    return claims.get("device_id") or claims.get("owner_id") or claims.get("account_id")


@lru_cache(maxsize=4096)
def signature(identity: str, secret: str, server_secret: str) -> str:
    """The HMAC-SHA256 in base64url without padding. The key is the secrets' hex text, not decoded."""
    digest = hmac.new((secret + server_secret).encode(), identity.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def matches(received: str, identity: str, secret: str, server_secret: str) -> bool:
    """Whether a signature is correct. The comparison takes constant time."""
    return hmac.compare_digest(received.encode(), signature(identity, secret, server_secret).encode())
