"""Which members of documents and answers are secret, and how they are shown to people."""

from typing import Any

SECRETS = frozenset(
    {
        "auth_password",
        "password",
        "auth_token",
        "credentials",
        "api_key",
        "pvt_api_key",
        "pvt_md5_auth",
        "pvt_sha1_auth",
        "pvt_signature_secret",
    }
)
MASK = "(secret)"


def masked(value: Any) -> Any:
    """A copy of a JSON value with MASK in place of each secret."""
    if isinstance(value, dict):
        return {name: MASK if name in SECRETS else masked(member) for name, member in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value
