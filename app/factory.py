"""Creates the WSGI application of one worker process."""

from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from app import metrics
from app.blueprint import crossbar
from app.health import health
from app.services import Services


class Application(Flask):
    """Flask without parts that are slow and not needed: our views handle every error, our rules ignore the host."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """An adapter that matches a request only by its path."""
        if request is None:
            return None
        environ = request.environ
        return self.url_map.bind("", path_info=environ["PATH_INFO"] or "/", default_method=environ["REQUEST_METHOD"])

    def full_dispatch_request(self) -> Any:
        """The view's answer, which is a WSGI application. Hooks, signals and error pages are skipped."""
        return self.dispatch_request()


def create_app(services: Services) -> Flask:
    """The Flask application that uses these services."""
    metrics.start_counting()
    app = Application("app", static_folder=None)
    app.extensions["services"] = services
    app.register_blueprint(health)
    app.register_blueprint(crossbar)
    return app
