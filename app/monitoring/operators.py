"""What the console shows to operators: metrics, the requests of the last hour, and the last report of `audit`.

Only superduper admins have access.
"""

import os
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from flask import Blueprint, Response, current_app, request

from app import last_hour, metrics
from app.auth import hierarchy
from app.blueprint import leave_to_crossbar
from app.kazoo import json_text
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


@operators.get("/console/operators/requests")
def show_requests() -> Response:
    """JSON: the time `now`, when this instance `started`, and its requests in the last hour by minute.

    Times are in Unix seconds. A minute has the members of `last_hour.Minute`; those without requests are left out.
    """
    refusal = _refusal()
    if refusal:
        return refusal
    told = {"now": int(time.time()), "started": last_hour.started()}
    body = json_text.dumps({**told, "minutes": [asdict(minute) for minute in last_hour.minutes()]})
    return Response(body, content_type="application/json")


@operators.get("/console/operators/audit")
def show_audit() -> Response:
    """The file that AUDIT_REPORT names, which is the output of `audit --json`; 404 if there is none.

    `Last-Modified` is the time at which it was written.
    """
    refusal = _refusal()
    if refusal:
        return refusal
    path = _services().settings.audit_report
    if path is None:
        return _error(404, "no report")
    try:
        text, changed_at = _start_of(path)
    except OSError:
        return _error(404, "no report")
    response = Response(text, content_type="application/jsonl")
    response.last_modified = changed_at
    return response


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


def _start_of(path: Path) -> tuple[bytes, datetime]:
    """The complete lines in the first MOST_BYTES, and when the file was last changed. Raises OSError."""
    with path.open("rb") as file:
        changed_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
        text = file.read(MOST_BYTES + 1)
    return text if len(text) <= MOST_BYTES else text[: text.rfind(b"\n", 0, MOST_BYTES) + 1], changed_at


def _error(status: int, message: str) -> Response:
    return Response(f"{message}\n", status, content_type="text/plain; charset=UTF-8")
