"""A Flask view that returns a constant, served as this service is: `python -m tests.load.bench.bare PORT WORKERS SIZE`."""

import sys
from dataclasses import replace
from typing import Any

from flask import Flask

from app.auth.buckets import Buckets
from app.commands.serve import GunicornApplication
from app.settings import Settings


class Bare(GunicornApplication):
    """The same gunicorn settings, another application."""

    size = 0

    def load(self) -> Any:
        app, text = Flask("bare"), "x" * self.size

        @app.get("/<path:path>")
        def constant(path: str) -> tuple[str, int, dict[str, str]]:
            return text, 200, {"content-type": "application/json"}

        return app


if __name__ == "__main__":
    port, size = map(int, sys.argv[1:])
    Bare.size = size
    Bare(replace(Settings(), port=port, workers=1, log_level="WARNING"), Buckets()).run()
