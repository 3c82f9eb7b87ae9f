"""`GET /health`: whether this instance works, for load balancers and operators. It is not part of Kazoo's API."""

from typing import Any

from flask import Blueprint, Response, current_app, request

from app.auth.keys import KeysMissing
from app.blueprint import leave_to_crossbar
from app.documents.names import ACCOUNTS, account_db, is_account_id
from app.kazoo import json_text
from app.services import Services
from app.store import StoreError
from app.store.replicated import Replicated

health = Blueprint("health", __name__)
health.before_request(leave_to_crossbar)


@health.get("/health")
def answer_health() -> Response:
    """200 if the store answers and has its keys, otherwise 503. The broker's state does not affect the status."""
    services: Services = current_app.extensions["services"]
    store = _store_state(services)
    healthy = store["state"] == "ok"
    body = {"status": "ok" if healthy else "error", "store": store, "broker": services.broker_state()}
    return Response(json_text.dumps(body), 200 if healthy else 503, content_type="application/json")


def _store_state(services: Services) -> dict[str, Any]:
    try:
        engine = services.store.engine()
        services.keys.check()
    except (StoreError, KeysMissing) as error:
        return {"state": "error", "message": type(error).__name__}
    state: dict[str, Any] = {"state": "ok", "engine": engine}
    if isinstance(services.store, Replicated):
        state |= _cluster_state(services.store)
    return state


def _cluster_state(store: Replicated) -> dict[str, Any]:
    """The state of each node, and who coordinates which database; nothing if there is only one node."""
    nodes = store.nodes()
    if len(nodes) == 1:
        return {}
    return {
        "nodes": {name: "up" if is_up else "down" for name, is_up in nodes.items()},
        "coordinator": {db: store.coordinator(db) for db in _databases()},
    }


def _databases() -> list[str]:
    """The databases whose coordinator is shown: `accounts`, and the database of the account in the query."""
    account_id = request.args.get("account_id", "")
    return [ACCOUNTS, account_db(account_id)] if is_account_id(account_id) else [ACCOUNTS]
