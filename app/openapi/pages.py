"""`/openapi.json` describes the API, and `/docs` shows it in Swagger UI. Other methods get crossbar's answer."""

import gzip
import json
from functools import cache, partial
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app, request

from app.blueprint import leave_to_crossbar
from app.openapi.document import build

STATIC = Path(__file__).parent / "static"
SWAGGER_UI = Path(flask_swagger_ui.__file__).parent / "dist"
# Files by their path under /docs. Swagger UI's own files are served unchanged.
_FILES = {
    "": (STATIC / "docs.html", "text/html; charset=utf-8"),
    "/docs.js": (STATIC / "docs.js", "text/javascript; charset=utf-8"),
    "/swagger-ui-bundle.js": (SWAGGER_UI / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "/swagger-ui.css": (SWAGGER_UI / "swagger-ui.css", "text/css; charset=utf-8"),
    "/favicon.png": (SWAGGER_UI / "favicon-32x32.png", "image/png"),
}
# Swagger UI uses inline styles, and data URLs for its images.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "accept-encoding",
}

openapi = Blueprint("openapi", __name__)
openapi.before_request(leave_to_crossbar)


@openapi.get("/openapi.json", provide_automatic_options=False)
def answer_document() -> Response:
    """The OpenAPI document. Each process builds it when it first needs it."""
    extensions = current_app.extensions
    if "openapi" not in extensions:
        document = build(extensions["services"])
        extensions["openapi"] = _encodings(json.dumps(document, ensure_ascii=False).encode())
    return _response(extensions["openapi"], "application/json")


def _answer_file(file: Path, content_type: str) -> Response:
    return _response(_read(file), content_type)


for _path, (_file, _content_type) in _FILES.items():
    openapi.add_url_rule(
        f"/docs{_path}",
        f"docs{_path.replace('/', '_').replace('.', '_')}",
        partial(_answer_file, _file, _content_type),
        methods=["GET"],
        provide_automatic_options=False,
    )


@cache
def _read(file: Path) -> tuple[bytes, bytes]:
    return _encodings(file.read_bytes())


def _encodings(body: bytes) -> tuple[bytes, bytes]:
    """A body, plain and compressed."""
    return body, gzip.compress(body, mtime=0)


def _response(encodings: tuple[bytes, bytes], content_type: str) -> Response:
    plain, compressed = encodings
    response = Response(plain, headers=_HEADERS, content_type=content_type)
    if request.accept_encodings.quality("gzip") > 0:
        response.set_data(compressed)
        response.content_encoding = "gzip"
    response.add_etag()
    response.make_conditional(request)
    return response
