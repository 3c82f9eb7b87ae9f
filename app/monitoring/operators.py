"""What the console shows to operators: the metrics of this machine and the last report of `audit`.

Only superduper admins have access.
"""

from pathlib import Path

from flask import Blueprint, Response, current_app, request

from app import metrics
from app.auth import hierarchy
from app.blueprint import leave_to_crossbar
from app.services import Services
from app.store import StoreError

# Only this much of a report is sent. Its accounts are in no particular order.
MOST_BYTES = 20_000_000

operators = Blueprint("operators", __name__)
operators.before_request(leave_to_crossbar)


@operators.get("/console/operators/metrics")
def show_metrics() -> Response:
    """The metrics of all workers, in Prometheus' format."""
    refusal = _refusal()
    if refusal:
        return refusal
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return Response(generate_latest(metrics.registry()), content_type=CONTENT_TYPE_LATEST)


@operators.get("/console/operators/audit")
def show_audit() -> Response:
    """The file that AUDIT_REPORT names, which is the output of `audit --json`; 404 if there is none."""
    refusal = _refusal()
    if refusal:
        return refusal
    path = _services().settings.audit_report
    try:
        text = _start_of(path) if path else None
    except OSError:
        text = None
    return Response(text, content_type="application/jsonl") if text is not None else _error(404, "no report")


def _services() -> Services:
    services: Services = current_app.extensions["services"]
    return services


def _refusal() -> Response | None:
    """The answer to a caller who is not an operator; None for an operator."""
    services = _services()
    try:
        claims = services.tokens.verify(request.headers.get("X-Auth-Token", ""))
        if claims is None:
            return _error(401, "invalid credentials")
        is_operator = hierarchy.is_superduper_admin(hierarchy.account(services.cache, claims["account_id"]))
    except StoreError:
        return _error(503, "datastore unreachable")
    return None if is_operator else _error(403, "forbidden")


def _start_of(path: Path) -> bytes:
    """The complete lines in the first MOST_BYTES."""
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    return text if len(text) <= MOST_BYTES else text[: text.rfind(b"\n", 0, MOST_BYTES) + 1]


def _error(status: int, message: str) -> Response:
    return Response(f"{message}\n", status, content_type="text/plain; charset=UTF-8")
