"""Which members of documents and answers are secret, and how they are masked."""

from typing import Any
from urllib.parse import unquote_plus

SECRETS = frozenset(
    {
        "auth_password",
        "password",
        "auth_token",
        "shared_token",
        "authorization",
        "md5_auth",
        "credentials",
        "api_key",
        "pvt_api_key",
        "pvt_md5_auth",
        "pvt_sha1_auth",
        "pvt_signature_secret",
    }
)
MASK = "(secret)"
_WORDS = (
    "token",
    "password",
    "passwd",
    "pwd",
    "secret",
    "apikey",
    "credential",
    "authorization",
    "md5auth",
    "sha1auth",
    "signature",
)


def names_secret(text: str) -> bool:
    """Whether a text from a URL, still encoded, contains the name of a secret in any spelling."""
    letters = "".join(filter(str.isalnum, unquote_plus(unquote_plus(text)).lower()))
    return any(word in letters for word in _WORDS)


def masked(value: Any) -> Any:
    """A copy of a JSON value with each secret replaced by MASK."""
    if isinstance(value, dict):
        return {name: MASK if name in SECRETS else masked(member) for name, member in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value
