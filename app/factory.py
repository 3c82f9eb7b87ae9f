"""Creates the WSGI application of one worker process."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from app import metrics
from app.blueprint import answer_request, crossbar, handle, read_request
from app.console.pages import console_pages
from app.health import health
from app.openapi.pages import pages as openapi_pages
from app.operators import operators
from app.services import Services

# Kazoo's for certain. Werkzeug takes `//console` for `/console`.
API_PATHS = ("/v1/", "/v2/", "//")


class Application(Flask):
    """Flask without parts that are slow and not needed: our views handle every error, our rules ignore the host."""

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request. Those of the API go straight to the blueprint's handler.

        The pipeline has a context of its own, and Flask's takes a third of the time of a read.
        """
        if environ["PATH_INFO"].startswith(API_PATHS):
            return handle(read_request(environ), self.extensions["services"])(environ, start_response)
        return super().wsgi_app(environ, start_response)

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
    if services.settings.console:
        app.register_blueprint(console_pages(answer_request))
        app.register_blueprint(operators)
        app.register_blueprint(openapi_pages)
    app.register_blueprint(crossbar)
    return app
