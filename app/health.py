"""`GET /health`: whether this instance works, for load balancers and operators. It is not part of the API."""

from flask import Blueprint, Response, current_app

from app import json_text
from app.auth.keys import KeysMissing
from app.services import Services
from app.store import StoreError

health = Blueprint("health", __name__)


@health.get("/health")
def answer_health() -> Response:
    """200 if the store answers and has its keys, else 503. The broker's state is shown but has no effect on this."""
    services: Services = current_app.extensions["services"]
    store = _store_state(services)
    healthy = store["state"] == "ok"
    body = {"status": "ok" if healthy else "error", "store": store, "broker": services.broker_state()}
    return Response(json_text.dumps(body), 200 if healthy else 503, content_type="application/json")


def _store_state(services: Services) -> dict[str, str]:
    try:
        engine = services.store.engine()
        services.keys.check()
    except (StoreError, KeysMissing) as error:
        return {"state": "error", "message": type(error).__name__}
    return {"state": "ok", "engine": engine}
