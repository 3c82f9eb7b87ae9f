"""A scripted conversation with a server: each request may use values from earlier answers.

A step is ``{"name", "request": {"method", "path", "headers", "body" or "raw"}, "save"}``. ``${name}`` in a request is
a variable. `save` takes variables from the answer, by a dotted path in its JSON or by ``header:name``.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from app.compare.equality import NormalisedAnswer, Normaliser

Step = dict[str, Any]
# Status, headers by lower-case name, body.
RawAnswer = tuple[int, dict[str, str], bytes]
# Sends a request: method, path, headers, body.
Send = Callable[[str, str, dict[str, str], bytes | None], RawAnswer]

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def observe(send: Send, step: Step, variables: dict[str, Any]) -> NormalisedAnswer:
    """Run one step and return its answer, ready to compare. Adds what the step saves to `variables`."""
    status, headers, body = send(*_request(step["request"], variables))
    for name, path in step.get("save", {}).items():
        try:
            variables[name] = _saved(path, headers, body)
        except (KeyError, IndexError, TypeError, ValueError):
            variables.setdefault(name, f"<not saved: {name}>")
    return Normaliser(variables).answer(status, headers, body)


def _request(request: dict[str, Any], variables: dict[str, Any]) -> tuple[str, str, dict[str, str], bytes | None]:
    headers = {name: _filled(value, variables) for name, value in request.get("headers", {}).items()}
    body = None
    if "body" in request:
        body = json.dumps(_filled(request["body"], variables), ensure_ascii=False).encode()
        headers.setdefault("content-type", "application/json")
    elif "raw" in request:
        body = _filled(request["raw"], variables).encode()
    headers = {name: value for name, value in headers.items() if value is not None}
    if body is not None or request["method"] in ("PUT", "POST", "PATCH"):
        headers["content-length"] = str(len(body or b""))
    return request["method"], _filled(request["path"], variables), headers, body


def _filled(value: Any, variables: dict[str, Any]) -> Any:
    """A JSON value with each ``${name}`` replaced by that variable's value."""
    if isinstance(value, str):
        whole = _VARIABLE.fullmatch(value)
        if whole:
            return variables.get(whole.group(1), value)
        return _VARIABLE.sub(lambda match: str(variables.get(match.group(1), match.group(0))), value)
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    if isinstance(value, dict):
        return {_filled(name, variables): _filled(member, variables) for name, member in value.items()}
    return value


def _saved(path: str, headers: dict[str, str], body: bytes) -> Any:
    if path.startswith("header:"):
        return headers[path.removeprefix("header:")].strip('"')
    value = json.loads(body)
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
