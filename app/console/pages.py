"""Serves the console's files, and the landing page for browsers at `/`."""

import json
import mimetypes
from pathlib import Path

from flask import Blueprint, Response, current_app, render_template, request

from app import web_page
from app.accounts.system import DEMO_FILE
from app.blueprint import answer, leave_to_crossbar

STATIC = Path(__file__).parent / "static"
PAGE = "index.html"
POLICY = web_page.policy()
# Every file by its name below /console. What is not here does not exist.
FILES = {file.name: file for file in STATIC.iterdir()}
FILES |= {"bootstrap.css": web_page.BOOTSTRAP, "theme.js": web_page.THEME}
READERS = {".js": web_page.read_script, ".css": web_page.read_style_sheet}
# The texts of the landing page, one file a language. The first language is for browsers that want none of them.
LANGUAGES = ("en", "de")
TEXTS = {
    language: json.loads((Path(__file__).parent / "landing" / f"{language}.json").read_text("utf-8"))
    for language in LANGUAGES
}

console = Blueprint("console", __name__, template_folder="templates")
console.before_request(leave_to_crossbar)


@console.get("/console", strict_slashes=False)
def show_console() -> Response:
    """The console's only HTML page."""
    return show_file(PAGE)


@console.get("/console/<path:name>")
def show_file(name: str) -> Response:
    """A file of the console."""
    if name not in FILES:
        return Response("Not Found\n", 404, content_type="text/plain; charset=UTF-8")
    file = FILES[name]
    body = READERS.get(file.suffix, web_page.read)(file)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return web_page.respond(body, f"{kind}; charset=utf-8", POLICY)


@console.get("/")
def show_landing_page() -> Response:
    """This service's landing page for browsers, and crossbar's for all other clients."""
    if not _wants_html():
        return answer()
    settings = current_app.extensions["services"].settings
    has_demo = not settings.couchdb_urls and (settings.data_dir / DEMO_FILE).exists()
    language = _wanted_language()
    html = render_template(
        "landing.html",
        root=request.host_url.rstrip("/"),
        has_demo=has_demo,
        language=language,
        text=TEXTS[language],
    )
    response = web_page.respond(web_page.encodings(html.encode()), "text/html; charset=utf-8", POLICY)
    response.vary.update(("accept", "accept-language"))
    return response


def _wants_html() -> bool:
    """Whether the client explicitly accepts HTML, as browsers do. `*/*` does not count."""
    return any(mimetype == "text/html" and quality > 0 for mimetype, quality in request.accept_mimetypes)


def _wanted_language() -> str:
    """The best language for the browser. Werkzeug's `best_match` prefers `de;q=0.1` to `en-GB`, which is English."""
    wanted = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((language for language in wanted if language in LANGUAGES), LANGUAGES[0])
