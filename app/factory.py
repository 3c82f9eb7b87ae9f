"""Makes the WSGI application of one worker process."""

from flask import Flask

from app import metrics
from app.blueprint import crossbar
from app.health import health
from app.services import Services


def create_app(services: Services) -> Flask:
    """The Flask application around these services."""
    metrics.start_counting()
    app = Flask("app", static_folder=None)
    app.extensions["services"] = services
    app.register_blueprint(health)
    app.register_blueprint(crossbar)
    return app
