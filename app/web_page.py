"""Files that browsers get: compressed if they take it, checked again before each use, and with a strict policy."""

import gzip
import re
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path

from flask import Response, request
from rjsmin import jsmin

# The style sheet of all web pages, Bootstrap 5.3.
BOOTSTRAP = Path(
    str(distribution("bootstrap-flask").locate_file("flask_bootstrap/static/bootstrap5/css/bootstrap.min.css"))
)
# Sets what Bootstrap and Swagger UI want for dark mode. Include it in the head, not deferred.
THEME = Path(__file__).with_name("theme.js")
# Its images, which the policy below forbids.
_IMAGE = re.compile(rb'url\("data:[^"]*"\)')
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "accept-encoding",
}
Encodings = tuple[bytes, bytes]


def policy(**sources: str) -> str:
    """A Content-Security-Policy: nothing inline, nothing of other sites, no frames. `sources` adds to a directive."""
    allowed = " ".join(f"{name}-src 'self'{sources.get(name, '')};" for name in ("script", "style", "img", "connect"))
    return f"default-src 'none'; {allowed} base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def read(file: Path) -> Encodings:
    """A file, plain and compressed. Raises OSError."""
    return _read(file, file.stat().st_mtime_ns, bytes)


def read_script(file: Path) -> Encodings:
    """A script of ours, without comments and indentation, which browsers do not need. Raises OSError."""
    return _read(file, file.stat().st_mtime_ns, jsmin)


def read_style_sheet(file: Path) -> Encodings:
    """A style sheet without images, for which browsers may ask before the next sheet is there. Raises OSError."""
    return _read(file, file.stat().st_mtime_ns, without_images)


def without_images(css: bytes) -> bytes:
    """The same style sheet, with `none` for each image that is in it."""
    return _IMAGE.sub(b"none", css)


@lru_cache(maxsize=100)
def _read(file: Path, changed_at: int, shorten: Callable[[bytes], bytes]) -> Encodings:
    return encodings(shorten(file.read_bytes()))


def encodings(body: bytes) -> Encodings:
    """A body, plain and compressed."""
    return body, gzip.compress(body, mtime=0)


def respond(body: Encodings, content_type: str, csp: str) -> Response:
    """The answer to this request, which may be a 304."""
    plain, compressed = body
    headers = {**_HEADERS, "Content-Security-Policy": csp}
    response = Response(plain, headers=headers, content_type=content_type)
    if request.accept_encodings.quality("gzip") > 0:
        response.set_data(compressed)
        response.content_encoding = "gzip"
    response.add_etag()
    response.make_conditional(request)
    return response
