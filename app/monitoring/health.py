"""`GET /health`: whether this instance works, for load balancers and operators. It is not part of Kazoo's API.

`/health/live` answers as soon as a thread is free: an instance that does not should be restarted. `/health/ready`,
the same as `/health`, also asks the store: an instance that is not ready should get no requests.
"""

from typing import Any

from flask import Blueprint, Response, current_app, request

from app import deadline
from app.auth.keys import KeysMissing
from app.blueprint import leave_to_crossbar
from app.documents.names import ACCOUNTS, account_db, is_account_id
from app.kazoo import json_text
from app.services import Services
from app.store import StoreError, Unavailable
from app.store.replicated import Replicated
from app.version import __version__

# Of the store. Load balancers ask often, and wait for few seconds.
SECONDS_TO_ANSWER = 2.0
# Leaves each node as much time as any other request does.
SECONDS_OF_A_CLUSTER = 5.0
# Without the store's own words, because everybody may ask.
_MESSAGES = {Unavailable: "the store does not answer", KeysMissing: "the store has no keys: start Kazoo on it once"}

health = Blueprint("health", __name__)
health.before_request(leave_to_crossbar)


@health.get("/health/live")
def answer_live() -> Response:
    """200."""
    return _answer({"status": "ok", "version": __version__}, 200)


@health.get("/health")
@health.get("/health/ready", endpoint="answer_ready")
def answer_health() -> Response:
    """200 if the store answers in time and has its keys, otherwise 503, whatever the state of the broker.

    An instance that will stop soon is a 503 too.
    """
    services: Services = current_app.extensions["services"]
    store = _store_state(services)
    status = "error" if store["state"] != "ok" else "stopping" if services.ending.is_near else "ok"
    body = {"status": status, "store": store, "broker": services.broker_state()}
    return _answer(body, 200 if status == "ok" else 503)


def _answer(body: dict[str, Any], status: int) -> Response:
    return Response(json_text.dumps(body), status, content_type="application/json")


def _store_state(services: Services) -> dict[str, Any]:
    is_cluster = isinstance(services.store, Replicated) and len(services.store.nodes()) > 1
    deadline.begin(SECONDS_OF_A_CLUSTER if is_cluster else SECONDS_TO_ANSWER)
    try:
        engine = services.store.engine()
        services.keys.check()
    except (StoreError, KeysMissing) as error:
        return {"state": "error", "message": _MESSAGES.get(type(error), "the store has a fault")}
    finally:
        deadline.clear()
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
