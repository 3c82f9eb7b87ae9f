"""The layers of `app/`: a module imports modules of its own room and of layers below, never one above."""

import ast

from tests.support import ROOT
from tests.unit.test_repository import imported_by

# From the top. A name is a folder or a file of `app/`.
LAYERS = (
    ("commands", "factory", "server", "__main__", "__init__"),
    ("console", "openapi", "monitoring"),
    ("blueprint",),
    ("pipeline",),
    ("resources",),
    ("crossbar",),
    ("audit", "compare"),
    ("services",),
    ("trunks", "routing"),
    ("history", "numbers", "auth", "accounts", "events"),
    ("store",),
    ("schema", "logs"),
    ("documents",),
    ("kazoo",),
    (
        "settings",
        "couchdb_url",
        "files",
        "version",
        "deadline",
        "contention",
        "last_hour",
        "later",
        "metrics",
        "words",
        "web_page",
        "ending",
    ),
)
LEVEL = {name: len(LAYERS) - number for number, names in enumerate(LAYERS) for name in names}
# These compute, and read and write nothing.
PURE = ("documents", "schema", "kazoo", "routing")
WITH_IO = {"socket", "sqlite3", "threading", "subprocess", "requests", "couchdb", "pika", "flask", "httptools"}


def modules():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.glob("app/**/*.py")}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


def room_of(module):
    return module.split(".")[1] if "." in module else "__init__"


def test_every_room_has_a_layer():
    assert {room_of(module) for module in modules()} == LEVEL.keys()


def test_no_import_climbs():
    known = modules()
    climbing = [
        (importing, imported)
        for importing, path in known.items()
        for imported in imported_by(path, known)
        if LEVEL[room_of(imported)] > LEVEL[room_of(importing)]
    ]
    assert climbing == []


def test_pure_rooms_do_no_io():
    faults = []
    for module, path in modules().items():
        if room_of(module) not in PURE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            faults += [(module, name) for name in names if name.split(".")[0] in WITH_IO]
    assert faults == []


def test_resources_know_no_flask_and_the_store_no_http_of_ours():
    for module, path in modules().items():
        if room_of(module) in ("resources", "crossbar", "pipeline", "audit", "trunks", "history", "numbers", "store"):
            text = path.read_text("utf-8")
            assert "flask" not in text.lower() and "werkzeug" not in text.lower(), module
