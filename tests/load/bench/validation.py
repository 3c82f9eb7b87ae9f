"""What validation costs: documents of 1 to 1,000 servers of ten numbers each, good and bad."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from app.documents import Document
from app.schema import Invalid, Schema, Schemas
from tests.support import server_with

COUNTS = (1, 10, 100, 1000)


def measure(quick: bool) -> dict[str, Any]:
    """Seconds a server by count of servers, and ratios."""
    schema = Schemas().get("connectivity")
    result: dict[str, Any] = {"good": {}, "bad": {}, "json": {}}
    for count in COUNTS:
        rounds = max(20, (300 if quick else 3000) // count)
        good, bad = _document(count), _document(count, auth_method="digest", auth_user=5)
        result["good"][count] = _best(lambda data: schema.validate(data), good, rounds) / count
        result["bad"][count] = _best(lambda data: _refused(schema, data), bad, max(4, rounds // 5)) / count
        result["json"][count] = _best(partial(_read_and_written, good), good, rounds) / count
    result["ratios"] = {
        "good: per server at 1000 / at 10": result["good"][1000] / result["good"][10],
        "bad: per server at 1000 / at 10": result["bad"][1000] / result["bad"][10],
    }
    return result


def _document(count: int, **auth: object) -> str:
    servers = [server_with(*(f"+1{server:04}{did:06}" for did in range(10)), **auth) for server in range(count)]
    return json.dumps({"name": "HQ", "account": {"trunks": "4"} if auth else {"trunks": 4}, "servers": servers})


def _refused(schema: Schema, data: Document) -> None:
    try:
        schema.validate(data)
    except Invalid:
        return
    raise AssertionError("the bad document is good")


def _read_and_written(text: str, data: Document) -> str:
    return json.dumps(json.loads(text))


def _best(function: Callable[[Document], object], text: str, rounds: int) -> float:
    """The least seconds of several rounds; each gets the document anew, which is not counted."""
    best = float("inf")
    for _ in range(rounds):
        data = json.loads(text)
        started = time.perf_counter()
        function(data)
        best = min(best, time.perf_counter() - started)
    return best
