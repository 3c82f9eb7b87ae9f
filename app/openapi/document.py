"""Builds the OpenAPI document from the resources, the table, the schemas and the recorded examples."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from app.crossbar.context import Context, Stop
from app.openapi import errors, parameters
from app.openapi.json_schema import patch_of, translated
from app.openapi.shapes import FINDINGS, TEXT, Shape, named, record
from app.openapi.table import ACCOUNT_PATH, TABLE, Operation
from app.pipeline.route import route
from app.services import Services
from app.version import __version__

JSON = "application/json"
# Stands for every parameter when a resource is asked about a path.
_ID = "0" * 32
# The nouns that people look for come first.
_FIRST = ("api_auth", "connectivity", "user_auth")
_PATCHED = ("connectivity", "phone_numbers")
_HEADERS = {
    "X-Request-ID": "the request's id, or a new one; also in the envelope",
    "ETag": "the revision, in quotes",
    "Location": "the path of the new document",
}
_PARAMETER = re.compile(r"\{(\w+)\}")
_TEXT = """\
The connectivity API of Kazoo 4.3's crossbar, and what Kazoo's UIs also need.

**Tokens.** Log in with `PUT /api_auth` or `PUT /user_auth`, then send the answer's `auth_token` in the header
`X-Auth-Token`, or as `auth_token` in the query or the body. `Authorization: Basic` needs no log-in: the name is the
account id, and the password is the MD5 of `username:password`. `Authorization: Bearer` is refused, as in Kazoo.

**Accounts.** `/account/…` means `/accounts/{account_id}/…` with the token's account. A token is valid for its account
and for all accounts below it.

**Envelopes.** The body of a request is `{"data": …}`. Names next to `data` ignore case, and `-` counts as `_`. An
empty body counts as `{"data": {}}`. Integers and booleans may be sent as text. Defaults from the schema are added.
Trunks that were written elsewhere may have values that violate the schema.

**Verbs.** A POST can stand for another verb of its path: name it in `verb`, in the query, in `data` or next to it. So
`POST …/connectivity?verb=PUT` creates a trunk. Any other method with a different `verb` gets a 405.

**Versions.** Under `/v1`, lists have no pages, and `data` is a text in most errors. All others work like `/v2`.
"""


def build(services: Services) -> dict[str, Any]:
    """The document for a service with these settings."""
    schemas = {name: translated(services.schemas.get(name).raw) for name in services.schemas.ids()}
    patches = {f"{name}_patch": patch_of(schemas[name]) for name in _PATCHED}
    return {
        "openapi": "3.1.0",
        "info": {"title": "kazoo-connectivity", "version": __version__, "description": _TEXT},
        "servers": [{"url": "/v2"}, {"url": "/v1"}],
        "security": [{"token": []}, {"basic": []}],
        "tags": [{"name": noun, "description": TABLE[noun].text} for noun in sorted(TABLE, key=_sort_key)],
        "paths": _paths(services),
        "components": {
            "schemas": {**schemas, **patches, "Success": _success(), "Error": _error()},
            "parameters": parameters.parameters(services.schemas.ids()),
            "responses": {errors.name(status): _error_response(status) for status in errors.statuses()},
            "headers": {name: {"description": text, "schema": TEXT} for name, text in _HEADERS.items()},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _sort_key(noun: str) -> tuple[bool, str]:
    return noun not in _FIRST, noun


@cache
def examples() -> dict[str, Any]:
    """The recorded answers: `operations` by operation id, and `errors` by status and case."""
    recorded: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
    return recorded


def operation_id(verb: str, path: str) -> str:
    """For example ``get_accounts_connectivity_id``."""
    segments = path.replace(f"{ACCOUNT_PATH}/", "accounts/").strip("/").split("/")
    return "_".join([verb.lower(), *(segment.strip("{}") for segment in segments)])


def _routed(path: str, services: Services) -> Context | None:
    """A routed request for a path of the table; None if this service does not have that path."""
    # Every path allows a preflight, whatever else the resource requires of a request.
    context = Context(services, "", method="OPTIONS")
    context.segments = _PARAMETER.sub(_ID, path).strip("/").split("/")
    if path.startswith(ACCOUNT_PATH):
        context.account = {"_id": _ID}
    try:
        route(context)
    except Stop:
        return None
    return context


def _paths(services: Services) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for noun, entry in TABLE.items():
        for path, operations in entry.paths.items():
            context = _routed(path, services)
            if context:
                served = context.resource.served_methods(context, *context.params)
                paths[path] = {
                    verb.lower(): _operation(context, noun, path, operations, verb)
                    for verb in operations
                    if verb in served
                }
    return paths


def _operation(context: Context, noun: str, path: str, operations: dict[str, Operation], verb: str) -> dict[str, Any]:
    context.verb, operation = verb, operations[verb]
    name = operation_id(verb, path)
    recorded = examples()["operations"].get(name, {})
    is_anonymous = context.resource.is_anonymous(context)
    described: dict[str, Any] = {
        "operationId": name,
        "tags": [noun],
        "summary": operation.summary,
        "parameters": _parameters(path, verb, operations),
    }
    if operation.text:
        described["description"] = operation.text
    if operation.body is not None:
        described["requestBody"] = _request_body(operation.body, recorded.get("request"))
    if is_anonymous:
        described["security"] = []
    failures = errors.of_operation(verb, operations, is_anonymous, bool(_PARAMETER.search(path)))
    answers = {
        str(status): {"$ref": f"#/components/responses/{errors.name(status)}"}
        for status in sorted(failures.union(operation.errors))
    }
    if operation.status:
        answers = {str(operation.status): _answer(verb, operation, recorded.get("answer"))} | answers
    return described | {"responses": answers}


def _parameters(path: str, verb: str, operations: dict[str, Operation]) -> list[Shape]:
    names = [*_PARAMETER.findall(path), *(f"query_{name}" for name in operations[verb].query), "query_pretty_print"]
    if verb != "PUT":
        names += ["if_match", "if_none_match"]
    references = [parameters.named(name) for name in names]
    others = [other for other in operations if other != verb]
    return [*references, parameters.verb(others)] if verb == "POST" and others else references


def _request_body(data: Shape, example: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": record("data", data=data)}
    if example is not None:
        content["example"] = example
    return {"required": True, "content": {JSON: content}}


def _answer(verb: str, operation: Operation, example: Any) -> dict[str, Any]:
    members = [named("Success")] + ([record("data", data=operation.data)] if operation.data is not None else [])
    content: dict[str, Any] = {"schema": {"allOf": members, "unevaluatedProperties": False}}
    if example is not None:
        content["example"] = example
    extra_headers = ["ETag"] if verb == "GET" else ["Location"] if operation.status == 201 else []
    return {
        "description": "success" if operation.status == 200 else "created",
        "headers": _headers("X-Request-ID", *extra_headers),
        "content": {JSON: content},
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _error_response(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": errors.text(status),
        "headers": _headers("X-Request-ID"),
    }
    if status in errors.EMPTY:
        return described
    cases = {case: {"value": answer} for case, answer in examples()["errors"].get(str(status), {}).items()}
    return described | {"content": {JSON: {"schema": named("Error"), "examples": cases}}}


def _envelope(status: str, **members: Shape) -> Shape:
    """The members of all envelopes, and these."""
    return record(
        "",
        status={"const": status},
        timestamp={"type": "string", "format": "date-time"},
        version={"type": "string", "description": "Kazoo's release"},
        node={"type": "string", "description": "a hash of the name of the node that answers"},
        request_id=TEXT,
        auth_token={"type": "string", "description": "the token of the request, or the new one"},
        page_size={"type": "integer", "description": "how many items the page has, including the one read ahead"},
        **members,
    )


def _success() -> Shape:
    return _envelope(
        "success",
        revision={"type": "string", "description": "CouchDB's `_rev`, or a hash of the data"},
        start_key={"type": "string", "description": "where this page begins"},
        next_start_key={"type": "string", "description": "where the next page begins, if there is one"},
        findings=FINDINGS,
    ) | {"required": ["status", "timestamp", "version", "node", "request_id"]}


def _error() -> Shape:
    """An error. Those of the overloaded HTTP server have neither a timestamp nor a node."""
    return _envelope(
        "error",
        data={
            "type": ["object", "array", "string"],
            "description": "errors by path and keyword, or a `message`; under `/v1` mostly a text",
        },
        error={"type": "string", "description": "the HTTP status", "pattern": "^[45][0-9][0-9]$"},
        message={"type": "string", "description": "Kazoo's name for the error"},
    ) | {"required": ["status", "error", "message"], "additionalProperties": False}
