"""The GETs of an access log of nginx or HAProxy, in their default formats, without other people's tokens."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

# Both have the request in quotes. In nginx's it is the first quoted text, in HAProxy's the last.
_REQUEST = re.compile(r'"GET (\S+) HTTP/[0-9.]+"')
_API = re.compile(r"/v[12]/")
# nginx writes bytes that are not printable, quotes and backslashes like this.
_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})")
_WITH_TOKEN = ("auth_token", "md5_auth", "api_key")
# Paths whose segments are tokens.
_SKIPPED = ("/user_auth/", "/token_auth")
MOST_REMEMBERED = 2_000_000


def targets(lines: Iterable[str]) -> Iterator[str]:
    """The paths with query of the API's GETs, each once, in the order of the log."""
    seen: set[bytes] = set()
    for line in lines:
        match = _REQUEST.search(line)
        target = _cleaned(match.group(1)) if match else None
        if target is None:
            continue
        key = hashlib.blake2b(target.encode(), digest_size=8).digest()
        if key not in seen:
            if len(seen) < MOST_REMEMBERED:
                seen.add(key)
            yield target


def _cleaned(target: str) -> str | None:
    """The path and the query of the API without tokens; None for a request that is not to be sent."""
    target = _ESCAPED.sub(r"%\1", target)
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        target = parts.path + (f"?{parts.query}" if parts.query else "")
    path, mark, query = target.partition("?")
    if not _API.match(path) or any(part in path for part in _SKIPPED) or not target.isascii():
        return None
    kept = [part for part in query.split("&") if part.partition("=")[0] not in _WITH_TOKEN]
    return path + (mark + "&".join(kept) if kept and query else "")
