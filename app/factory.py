"""Makes the WSGI application of one worker process."""

from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from app import metrics
from app.blueprint import crossbar
from app.health import health
from app.services import Services


class Application(Flask):
    """Flask without the parts that cost time here: our views handle every error, and our rules ignore the host."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Matches a request by its path alone."""
        if request is None:
            return None
        environ = request.environ
        return self.url_map.bind("", path_info=environ["PATH_INFO"] or "/", default_method=environ["REQUEST_METHOD"])

    def full_dispatch_request(self) -> Any:
        """The view's answer, a WSGI application. Hooks, signals and error pages are left out."""
        return self.dispatch_request()


def create_app(services: Services) -> Flask:
    """The Flask application around these services."""
    metrics.start_counting()
    app = Application("app", static_folder=None)
    app.extensions["services"] = services
    app.register_blueprint(health)
    app.register_blueprint(crossbar)
    return app
