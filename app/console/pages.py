"""Serves the console's files, and the landing page for browsers at `/`."""

from pathlib import Path

from flask import Blueprint, Response, current_app, render_template, request, send_from_directory
from werkzeug.exceptions import HTTPException

from app.accounts.system import DEMO_FILE
from app.blueprint import answer, leave_to_crossbar

STATIC = Path(__file__).parent / "static"
PAGE = "index.html"
# No inline scripts or styles, nothing from other sites, and no frames.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


console = Blueprint("console", __name__, template_folder="templates")
console.before_request(leave_to_crossbar)


@console.get("/console", strict_slashes=False)
def show_console() -> Response:
    """The console's only HTML page."""
    return _file(PAGE)


@console.get("/console/<path:name>")
def show_file(name: str) -> Response:
    """A file of the console."""
    return _file(name)


@console.get("/")
def show_landing_page() -> Response:
    """This service's landing page for browsers, and crossbar's for all other clients."""
    if not _wants_html():
        return answer()
    settings = current_app.extensions["services"].settings
    has_demo = not settings.couchdb_urls and (settings.data_dir / DEMO_FILE).exists()
    html = render_template("landing.html", root=request.host_url.rstrip("/"), has_demo=has_demo)
    return _with_headers(Response(html))


def _file(name: str) -> Response:
    try:
        return _with_headers(send_from_directory(STATIC, name))
    except HTTPException as error:
        # There is no such file, or the requested range does not exist.
        return Response(f"{error.name}\n", error.code, content_type="text/plain; charset=UTF-8")


def _wants_html() -> bool:
    """Whether the client explicitly accepts HTML, as browsers do. `*/*` does not count."""
    return any(mimetype == "text/html" and quality > 0 for mimetype, quality in request.accept_mimetypes)


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response
