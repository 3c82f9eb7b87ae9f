"""`/openapi.json` describes the API, and `/docs` shows it in Swagger UI. Other methods get crossbar's answer."""

import json
from functools import partial
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app

from app import web_page
from app.blueprint import leave_to_crossbar
from app.openapi.document import build

STATIC = Path(__file__).parent / "static"
SWAGGER_UI = Path(flask_swagger_ui.__file__).parent / "dist"
# Files by their path under /docs. Swagger UI's own files are served unchanged.
_FILES = {
    "": (STATIC / "docs.html", "text/html; charset=utf-8"),
    "/docs.css": (STATIC / "docs.css", "text/css; charset=utf-8"),
    "/docs.js": (STATIC / "docs.js", "text/javascript; charset=utf-8"),
    "/mend.js": (STATIC / "mend.js", "text/javascript; charset=utf-8"),
    "/swagger-ui-bundle.js": (SWAGGER_UI / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "/swagger-ui.css": (SWAGGER_UI / "swagger-ui.css", "text/css; charset=utf-8"),
    "/favicon.png": (SWAGGER_UI / "favicon-32x32.png", "image/png"),
}
# Swagger UI uses inline styles, and data URLs for its images.
_POLICY = web_page.policy(style=" 'unsafe-inline'", img=" data:")

openapi = Blueprint("openapi", __name__)
openapi.before_request(leave_to_crossbar)


@openapi.get("/openapi.json", provide_automatic_options=False)
def answer_document() -> Response:
    """The OpenAPI document. Each process builds it when it first needs it."""
    extensions = current_app.extensions
    if "openapi" not in extensions:
        document = build(extensions["services"])
        extensions["openapi"] = web_page.encodings(json.dumps(document, ensure_ascii=False).encode())
    return web_page.respond(extensions["openapi"], "application/json", _POLICY)


def _answer_file(file: Path, content_type: str) -> Response:
    return web_page.respond(web_page.read(file), content_type, _POLICY)


for _path, (_file, _content_type) in _FILES.items():
    openapi.add_url_rule(
        f"/docs{_path}",
        f"docs{_path.replace('/', '_').replace('.', '_')}",
        partial(_answer_file, _file, _content_type),
        methods=["GET"],
        provide_automatic_options=False,
    )
