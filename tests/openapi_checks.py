"""What schemathesis asks of each answer in `tests/http/test_openapi.py`, and what it sends requests to.

schemathesis loads this module into its own process (SCHEMATHESIS_HOOKS); OPENAPI_WORLD has the test's particulars.
"""

import itertools
import json
import os
from pathlib import Path

import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi

WORLD = json.loads(os.environ["OPENAPI_WORLD"])
_SPARE_NUMBERS = itertools.cycle(WORLD["spare_numbers"])


@schemathesis.hook
def before_call(context, case, kwargs):
    """Point requests to what exists, and deletions to what nothing else needs."""
    if case.meta and case.meta.generation.mode == GenerationMode.NEGATIVE:
        return
    deletes = "DELETE" in (case.method, (case.query or {}).get("verb"))
    if "/connectivity/{id}" in case.path:
        case.path_parameters |= _new_trunk() if deletes else WORLD["trunk"]
    if (case.method, case.path) == ("POST", "/accounts/{account_id}") and isinstance(case.body, dict):
        # Another name would be refused.
        case.body["data"] = {**case.body.get("data", {}), "name": WORLD["account_name"]}
    if case.path.endswith(("/search", "/search/multi")):
        # Not every type of documents can be searched for everything.
        case.query = {**(case.query or {}), **WORLD["search"]}
    if case.path.endswith("/calls"):
        # A number and a user cannot be asked for at once.
        query = {"to": WORLD["number"], **(case.query or {})}
        case.query = {name: value for name, value in query.items() if name != "register"}
    if "{number}" in case.path:
        case.path_parameters["number"] = next(_SPARE_NUMBERS) if deletes else WORLD["number"]


def _new_trunk():
    answer = requests.put(WORLD["trunks"], headers={"X-Auth-Token": WORLD["token"]}, timeout=120).json()
    return {"id": answer["data"]["id"]}


@schemathesis.check
def is_as_documented(ctx, response, case):
    """A documented status and, if there is a body, one of the documented shape. Only 501 may be above 500."""
    with Path(WORLD["log"]).open("a", encoding="utf-8") as log:
        log.write(f"{case.method} {case.path} {response.status_code}\n")
    openapi.status_code_conformance(ctx, response, case)
    # As in Kazoo, an unknown schema is a 500 (docs/kazoo/http.md, section 10).
    if response.status_code != 501 and case.path != "/schemas/{schema}/validation":
        not_a_server_error(ctx, response, case)
    # A header that cannot be read is refused by crossbar's HTTP server, without a body.
    if response.status_code == 400 and not response.content:
        return
    openapi.content_type_conformance(ctx, response, case)
    openapi.response_headers_conformance(ctx, response, case)
    openapi.response_schema_conformance(ctx, response, case)
