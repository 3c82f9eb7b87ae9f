"""Parses the query string and the body of a request, for every method (docs/kazoo/http.md, section 2)."""

import string
from typing import Any
from urllib.parse import unquote_to_bytes

from app.crossbar.admission import charge_body, verified_claims
from app.crossbar.context import Context, Stop, too_large_error, validation_error
from app.kazoo import json_text
from app.kazoo.json_errors import JSONTextError
from app.schema.errors import error

MAX_UPLOAD_SIZE = 8_000_000
MAX_ANONYMOUS_UPLOAD_SIZE = 256_000
MOST_PAIRS = 10_000
JSON_TYPES = ("application/json", "application/x-json")
FORM_TYPE = "application/x-www-form-urlencoded"
_NORMALISED = str.maketrans(string.ascii_uppercase + "-", string.ascii_lowercase + "_")
_HEX = set("0123456789abcdefABCDEF")


def parse(context: Context) -> None:
    """Fill in `query`, `envelope`, `data` and `content_type`. Stops with 400 on malformed or too large input.

    Without a valid token in the headers or query, a body must be small, and the client's address is charged for it.
    """
    context.query = _parse_pairs(context.query_string)
    context.content_type = _media_type(context.header("content-type"))
    body = _read(context)
    if context.content_type in JSON_TYPES:
        if body:
            _take_envelope(context, _decode(body))
    elif context.content_type == FORM_TYPE and (body or context.content_length == 0):
        _take_envelope(context, _form_envelope(body))


def decode_percent(text: str) -> str:
    """Decode each %XX in a text as UTF-8. Raises ValueError on a malformed escape."""
    position = text.find("%")
    if position < 0:
        return text
    while position >= 0:
        if len(text) < position + 3 or not set(text[position + 1 : position + 3]) <= _HEX:
            raise ValueError(text)
        position = text.find("%", position + 3)
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


def _media_type(header: str | None) -> str:
    """The media type without parameters. JSON if the header is missing or empty."""
    if header is None or not header.strip():
        return JSON_TYPES[0]
    return header.split(";")[0].strip().lower()


def _read(context: Context) -> bytes:
    length = context.content_length
    if length == 0:
        return b""
    is_anonymous = _is_anonymous(context)
    limit = _limit(context, "max_upload_size", MAX_UPLOAD_SIZE)
    if is_anonymous:
        limit = min(limit, _limit(context, "max_anonymous_upload_size", MAX_ANONYMOUS_UPLOAD_SIZE))
    if length is not None and length > limit:
        raise too_large_error(limit)
    body = context.read_body(limit + 1)
    # The HTTP server truncates bodies that are far too large.
    if len(body) > limit or (length is not None and len(body) < length):
        raise too_large_error(limit)
    if is_anonymous and body:
        charge_body(context, len(body))
    return body


def _limit(context: Context, name: str, default: int) -> int:
    limit = context.services.config("crossbar", name, default=default)
    return limit if type(limit) is int else default


def _is_anonymous(context: Context) -> bool:
    """Whether the request has no valid token outside the body."""
    header = context.header("x-auth-token")
    token = context.query_value("auth_token") if header is None else header
    return not isinstance(token, str) or verified_claims(context, token) is None


def _decode(body: bytes) -> Any:
    try:
        return json_text.loads(body)
    except JSONTextError as reason:
        raise _invalid_json(str(reason)) from None


def _invalid_json(message: str) -> Stop:
    return validation_error(error("json", "invalid", target="body", message=message))


def _take_envelope(context: Context, decoded: Any) -> None:
    """Normalise the top-level names and check `data` (docs/kazoo/http.md, section 2.2)."""
    if not isinstance(decoded, dict):
        raise _invalid_json("All JSON must be valid")
    envelope: dict[str, Any] = {}
    for name, value in decoded.items():
        envelope[_normal_name(name)] = value
    envelope = {name: value for name, value in envelope.items() if value is not None}
    if "data" not in envelope:
        raise validation_error(error("data", "required", message="Field is required but missing", value=envelope))
    data = envelope["data"]
    if not isinstance(data, (dict, list)):
        types = "object, array"
        message = f"Value did not match type(s): {types}"
        raise validation_error(error("data", "type", message=message, target=types, value=data))
    context.envelope, context.data = envelope, data


def _normal_name(name: str) -> str:
    return name.translate(_NORMALISED)


def _form_envelope(body: bytes) -> Any:
    """The envelope in a form's body: its pairs, or JSON that curl labels as a form.

    A body is JSON if it is a single name without a value, or if it has a `%` that is not an escape.
    """
    try:
        pairs = _parse_pairs(body.decode("utf-8", "replace"))
    except Stop:
        return _decode(body)
    if len(pairs) == 1 and pairs[0][1] is True:
        return _decode(body)
    return dict(pairs)


def _parse_pairs(text: str) -> list[tuple[str, str | bool]]:
    """The pairs of a query string or form, in order. A name without `=` has the value True."""
    pairs: list[tuple[str, str | bool]] = []
    if text.count("&") > MOST_PAIRS:
        raise validation_error(error("query_string", "invalid", message="too many parameters", target=MOST_PAIRS))
    for part in text.split("&"):
        if not part:
            continue
        name, equals, value = part.partition("=")
        try:
            name = decode_percent(name.replace("+", " "))
            pairs.append((name, decode_percent(value.replace("+", " ")) if equals else True))
        except ValueError:
            raise validation_error(
                error("query_string", "invalid", message="malformed percent-encoding", value=part)
            ) from None
    return pairs
