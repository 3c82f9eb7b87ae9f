"""Builds the answer: wraps the result of the pipeline in Kazoo's envelope and headers.

Spec: docs/kazoo/http.md, sections 4 to 6.
"""

import gzip
import string
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from app.crossbar.context import Context, Stop, system_error
from app.documents.clock import iso_now
from app.kazoo import csv_text, json_text
from app.kazoo.constants import VERSION
from app.store import StoreError

COMPRESSED_FROM = 300
# The order in which Kazoo lists verbs.
_ORDER = ("PATCH", "POST", "PUT", "GET", "DELETE", "HEAD")
_ALL_METHODS = "OPTIONS, GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS"
_CORS = (
    ("access-control-allow-origin", "*"),
    (
        "access-control-allow-headers",
        "content-type, depth, user-agent, x-http-method-override, x-file-size, x-requested-with, "
        "if-modified-since, x-file-name, cache-control, x-auth-token, x-kazoo-cluster-id, if-match",
    ),
    (
        "access-control-expose-headers",
        "content-type, x-auth-token, x-request-id, x-kazoo-cluster-id, location, etag, etag",
    ),
    ("access-control-max-age", "86400"),
)
_PLAIN_IN_PATHS = "!$&'()*+,;=:@"
_LONGEST_FILE_NAME = 100
_IN_FILE_NAMES = frozenset(string.ascii_letters + string.digits + " ._-()")
_EXPIRED = "Fri, 01 Jan 1999 00:00:00 GMT"


@dataclass
class Answer:
    """An answer as it is sent. Header names are lower-case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def success(context: Context) -> Answer:
    """The answer to a request that passed all stages."""
    if context.wants_csv:
        return _csv(context)
    envelope = dict(context.paging) if context.version != "v1" else {}
    envelope |= context.members
    if context.resp_data is not None:
        envelope["data"] = context.resp_data
    if context.revision is not None:
        envelope["revision"] = context.revision
    _sign(context, envelope, "success")
    token = context.new_token or context.token
    if token is not None:
        envelope["auth_token"] = token
    answer = Answer(context.status)
    if context.location_id is not None:
        answer.headers["location"] = _location(context.target, context.location_id)
    if context.method == "GET":
        _describe_entity(context, answer)
    return _finish(context, answer, envelope)


def _csv(context: Context) -> Answer:
    """The data alone as CSV, without the envelope and its token. Objects become a file for downloading."""
    try:
        answer = Answer(context.status, body=csv_text.dumps(context.resp_data).encode("utf-8"))
    except csv_text.TooLong:
        return failure(context, system_error(400, "the data is too large for CSV"))
    _describe_entity(context, answer)
    _finish(context, answer, None)
    answer.headers["content-type"] = "text/csv"
    if csv_text.is_table(context.resp_data):
        answer.headers["content-disposition"] = f'attachment; filename="{_file_name(context)}"'
    _compress(context, answer)
    return answer


def _file_name(context: Context) -> str:
    """The client's name for the file, if it is harmless in a header, or else the noun's."""
    name = context.header("x-file-name") or context.req_value("file_name")
    if isinstance(name, str) and 0 < len(name) <= _LONGEST_FILE_NAME and set(name) <= _IN_FILE_NAMES:
        return name
    return f"{context.nouns[-1][0]}.csv"


def failure(context: Context, stop: Stop) -> Answer:
    """The answer to a request that a stage stopped."""
    answer = Answer(stop.status)
    if stop.text is not None:
        answer.headers["content-type"] = "text/plain; charset=UTF-8"
        answer.body = stop.text.encode("utf-8")
        return answer
    if stop.bare:
        return answer
    if stop.body is None:
        if stop.status == 304:
            _describe_entity(context, answer)
        return _finish(context, answer, None)
    envelope = dict(context.paging) if context.version != "v1" else {}
    envelope |= stop.body
    if not stop.same_in_v1 and context.version == "v1":
        envelope["data"] = stop.body["data"]["message"]
    envelope["status"] = "error"
    _sign(context, envelope)
    envelope["auth_token"] = "undefined" if context.token is None else context.token
    return _finish(context, answer, envelope)


def _sign(context: Context, envelope: dict[str, Any], status: str | None = None) -> None:
    envelope["timestamp"] = iso_now()
    envelope["version"] = VERSION
    envelope["node"] = context.services.node_name
    envelope["request_id"] = context.request_id
    if status:
        envelope["status"] = status


def _describe_entity(context: Context, answer: Answer) -> None:
    answer.headers["expires"] = _EXPIRED
    if context.etag is not None:
        answer.headers["etag"] = context.etag


def _finish(context: Context, answer: Answer, envelope: dict[str, Any] | None) -> Answer:
    """Add the body, and the headers that depend on how far the request got."""
    headers = answer.headers
    headers["x-request-id"] = context.request_id
    if context.language is not None and answer.status != 406:
        headers["content-language"] = context.language
        headers["vary"] = "accept-language, accept"
    if context.is_cors or (envelope is not None and envelope.get("status") == "error"):
        headers.update(_CORS)
        headers["access-control-allow-methods"] = _allowed_methods(context)
    if envelope is not None:
        headers["content-type"] = "application/json"
        text = json_text.pretty(envelope) if _wants_pretty(context) else json_text.dumps(envelope)
        answer.body = text.encode("utf-8")
        _compress(context, answer)
    return answer


def _allowed_methods(context: Context) -> str:
    if context.allowed is None:
        return _ALL_METHODS
    methods = ["OPTIONS", *(verb for verb in _ORDER if verb in context.allowed)]
    requested = context.header("access-control-request-method")
    return ", ".join(methods if requested is None or requested in methods else [requested, *methods])


def _location(target: str, doc_id: str) -> str:
    """The path of a new document: the request's path as the client wrote it, and the encoded id.

    A `%` in the id is encoded twice, because segments are decoded twice (docs/kazoo/http.md, section 1).
    """
    segment = quote(doc_id.replace("%", "%25"), safe=_PLAIN_IN_PATHS)
    return f"{target.rstrip('/')}/{segment}"


def _wants_pretty(context: Context) -> bool:
    header = context.header("x-pretty-print")
    if header is not None:
        return header == "true"
    return context.req_value("pretty_print") in (True, "true")


def _compress(context: Context, answer: Answer) -> None:
    accepted = context.header("accept-encoding")
    if accepted is None or len(answer.body) <= COMPRESSED_FROM or not _accepts_gzip(accepted):
        return
    if not _may_compress(context):
        return
    answer.body = gzip.compress(answer.body, compresslevel=5, mtime=0)
    answer.headers["content-encoding"] = "gzip"
    vary = answer.headers.get("vary")
    answer.headers["vary"] = f"{vary}, accept-encoding" if vary else "accept-encoding"


def _may_compress(context: Context) -> bool:
    """The operator's setting, or True if the store fails, because the answer is already complete."""
    try:
        return context.services.config("crossbar", "compress_response_body", default=True) is not False
    except StoreError:
        return True


def _accepts_gzip(accepted: str) -> bool:
    for item in accepted.lower().split(","):
        coding, _, quality = item.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
