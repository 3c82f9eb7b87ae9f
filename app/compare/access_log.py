"""The GETs in an access log of this service, nginx or HAProxy (default formats), without other people's tokens."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from app.documents.secrets import names_secret

# nginx and HAProxy both quote the request. It is nginx's first quoted text and HAProxy's last.
_REQUEST = re.compile(r'"GET (\S+) HTTP/[0-9.]+"')
_API = re.compile(r"/v[12]/")
# How nginx and HAProxy write quotes and bytes that are not printable.
_NGINX_ESCAPE, _HAPROXY_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})"), re.compile("#([0-9A-Fa-f]{2})")
# Paths that contain a token.
_SKIPPED = ("/user_auth/", "/token_auth")
MOST_REMEMBERED = 2_000_000


def targets(lines: Iterable[str]) -> Iterator[str]:
    """The path and query of each GET to the API, without repeats, in the order of the log."""
    seen: set[bytes] = set()
    for line in lines:
        logged = _logged_target(line)
        target = _cleaned(logged) if logged else None
        if target is None:
            continue
        key = hashlib.blake2b(target.encode(), digest_size=8).digest()
        if key not in seen:
            if len(seen) < MOST_REMEMBERED:
                seen.add(key)
            yield target


def _logged_target(line: str) -> str | None:
    """The target of the GET in a line; None if the line is not a GET."""
    if not line.startswith("{"):
        match = _REQUEST.search(line)
        if match is None:
            return None
        is_haproxys = not line[match.end() :].strip()
        return (_HAPROXY_ESCAPE if is_haproxys else _NGINX_ESCAPE).sub(r"%\1", match.group(1))
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    is_get = isinstance(entry, dict) and entry.get("method") == "GET"
    return str(entry.get("path", "")) if is_get else None


def _cleaned(target: str) -> str | None:
    """The path and query without tokens; None if the request must not be sent."""
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        target = parts.path + (f"?{parts.query}" if parts.query else "")
    path, mark, query = target.partition("?")
    if not _API.match(path) or any(part in path for part in _SKIPPED) or not target.isascii():
        return None
    pairs = [pair for pair in query.split("&") if not names_secret(pair.partition("=")[0])]
    return path + (mark + "&".join(pairs) if pairs and query else "")
