"""The application without a server in front of it, for tests that are run many times over."""

import io
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

from app.documents import Document
from app.factory import create_app
from app.kazoo.json_text import loads
from app.services import Services, make_services
from app.settings import Settings
from app.store.design import documents_for
from app.store.embedded.store import EmbeddedStore


class InProcess:
    """Sends requests as `tests.recordings.replay` has them, to an application in this process."""

    def __init__(self, services: Services):
        self.services = services
        self._app = create_app(services=services)

    def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by lower-case name, and body."""
        sent = io.BytesIO()
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status, response_headers):
            told.append((status, response_headers))
            return sent.write

        for part in self._app(_environ(method, path, headers, body or b""), start_response):
            sent.write(part)
        ((status, response_headers),) = told
        return int(status.split()[0]), {name.lower(): value for name, value in response_headers}, sent.getvalue()


def _environ(method: str, path: str, headers: dict[str, str], body: bytes) -> dict:
    """What gunicorn makes of a request."""
    target, _, query_string = path.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "RAW_URI": path,
        "PATH_INFO": unquote_to_bytes(target).decode("latin-1"),
        "QUERY_STRING": query_string,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def services_with(directory: Path, fixtures: list[tuple[str, Document]], **settings) -> Services:
    """Services on a new embedded store that holds these documents."""
    store = EmbeddedStore(directory)
    for db, document in fixtures:
        store.create_db(db, documents_for(db))
        store.load_docs(db, [document])
    return make_services(Settings(data_dir=directory, **settings), store=store)


def read_fixtures(path: Path) -> list[tuple[str, Document]]:
    """The documents of a file of fixtures, each with the name of its database."""
    rows = map(loads, path.read_bytes().splitlines())
    return [(row["db"], row["doc"]) for row in rows]
