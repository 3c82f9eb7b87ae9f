"""Which members of documents and answers are secret, and how they are shown to people."""

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


def is_secret_parameter(name: str) -> bool:
    """Whether a parameter of a query, as sent, has a secret value: it is named like one, or a filter of one."""
    plain = unquote_plus(name).lower().replace("-", "_")
    return any(plain.endswith(secret) for secret in SECRETS)


def masked(value: Any) -> Any:
    """A copy of a JSON value with MASK in place of each secret."""
    if isinstance(value, dict):
        return {name: MASK if name in SECRETS else masked(member) for name, member in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value
