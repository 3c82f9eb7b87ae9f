"""The access log: one line of JSON on standard output for each request that Flask answers."""

import json
import logging
import sys
import time
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, request

from app.auth.addresses import canonical
from app.blueprint import raw_target
from app.crossbar.admission import client_ip
from app.crossbar.context import Context
from app.logs import loggable
from app.store import StoreError

LONGEST_METHOD = 20

log = logging.getLogger("access")


def log_requests(app: Flask) -> None:
    """Log the requests to this application.

    A line has `time`, `method`, `path` (with the query; long segments are cut and secrets masked), `status`, `bytes`
    of the body, `seconds`, the token's `account` and `user`, the `client` address and `request_id`.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    app.before_request(_start_timer)
    app.after_request(_log_when_sent)


def _start_timer() -> None:
    g.started = time.perf_counter()


def _log_when_sent(response: Response) -> Response:
    """Log after the answer, so that the client does not wait for it."""
    context: Context | None = g.get("context")
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "method": request.environ["REQUEST_METHOD"][:LONGEST_METHOD],
        "path": loggable(raw_target()),
        "status": response.status_code,
        "bytes": 0 if _has_no_body(response) else response.content_length or 0,
        "seconds": round(time.perf_counter() - g.started, 4),
        **(_caller(context) if context else {"client": canonical(request.remote_addr or "")}),
    }
    if response.direct_passthrough:
        # There is no callback when a file has been sent.
        _write(line)
    else:
        response.call_on_close(partial(_write, line))
    return response


def _has_no_body(response: Response) -> bool:
    return request.method == "HEAD" or response.status_code == HTTPStatus.NOT_MODIFIED


def _caller(context: Context) -> dict[str, Any]:
    caller = {"account": context.auth.account_id, "user": context.auth.owner_id} if context.has_auth else {}
    try:
        client = client_ip(context)
    except StoreError:
        client = context.peer
    return {**caller, "client": client, "request_id": context.request_id}


def _write(line: dict[str, Any]) -> None:
    log.info(json.dumps(line, ensure_ascii=False))
