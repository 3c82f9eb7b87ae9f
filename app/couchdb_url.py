"""COUCHDB_URL: the address of a server, or of each node in a cluster, with a name and password."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_BETWEEN_NODES = re.compile(r"\s*,\s*(?=https?://)|\s*,\s*$")
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?|[0-9a-f]*:[0-9a-f:.]+(%[\w.-]+)?", re.IGNORECASE | re.ASCII)
_ENCODE = "in a name or password, write @ as %40, / as %2F, : as %3A, % as %25, and a comma before http as %2C"


class InvalidAddress(ValueError):
    """An invalid address. The text says what is wrong, without the password."""


@dataclass(frozen=True)
class Address:
    """A server: its URL without credentials, and the credentials, which are a name and a password."""

    url: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)


def split_addresses(text: str) -> list[str]:
    """The addresses in a comma-separated list. A comma belongs to an address unless another address follows."""
    return [part for part in _BETWEEN_NODES.split(text.strip()) if part]


def parse_address(text: str) -> Address:
    """Parse ``http://name:password@host:port/path``. Raises InvalidAddress.

    The name ends at the first colon, and the password at the last `@`. Both may have percent escapes.
    """
    scheme, separator, rest = text.partition("://")
    if scheme not in ("http", "https") or not separator:
        raise InvalidAddress("must be http://… or https://…")
    user_info, has_user, host = rest.rpartition("@")
    name, has_password, password = user_info.partition(":")
    if has_user and not (name and has_password):
        raise InvalidAddress("must have a password after the name: http://name:password@host")
    url = f"{scheme}://{host.rstrip('/')}"
    if not _has_host(url):
        raise InvalidAddress(f"must have a valid host and port; {_ENCODE}")
    return Address(url, (unquote(name), unquote(password)) if has_user else None)


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        return False
