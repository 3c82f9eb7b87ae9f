"""Creates the Flask application."""

import atexit

from flask import Flask

from app import metrics
from app.blueprint import crossbar
from app.console.pages import console
from app.logs import cut_long_segments
from app.monitoring.access_log import log_requests
from app.monitoring.health import health
from app.monitoring.operators import operators
from app.openapi.pages import openapi
from app.services import Services, make_services
from app.settings import Settings


def create_app(settings: Settings | None = None, services: Services | None = None) -> Flask:
    """The application, with settings from the environment unless settings or services are given.

    Raises SettingsError.
    """
    if services is None:
        services = make_services(settings or Settings.from_environment())
        # Send notices that are still queued.
        atexit.register(services.close)
    metrics.start_counting()
    app = Flask("app", static_folder=None)
    # Flask logs the path of a failed request, which may contain a token.
    app.logger.addFilter(cut_long_segments)
    app.extensions["services"] = services
    if services.settings.access_log:
        log_requests(app)
    app.register_blueprint(health)
    if services.settings.console:
        app.register_blueprint(console)
        app.register_blueprint(operators)
        app.register_blueprint(openapi)
    app.register_blueprint(crossbar)
    return app
