"""Runs the WSGI application for a request, and makes the bytes of its answer (PEP 3333)."""

import io
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from urllib.parse import unquote_to_bytes, urlsplit
from wsgiref.types import WSGIApplication, WSGIEnvironment

from app.server.reader import Request

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


@dataclass(slots=True)
class Answer:
    """The bytes to send. `when_sent` is called afterwards, so that the client need not wait for it."""

    data: bytes
    keeps_alive: bool
    when_sent: Callable[[], None]


def _nothing() -> None:
    """An answer that nobody waits for."""


def answer(application: WSGIApplication, request: Request, client: str, server: tuple[str, int]) -> Answer:
    """The application's answer. `client` is an IP address, `server` the host and port of the socket.

    Raises what the application raises, and ValueError if it answers with a header that is none.
    """
    told = _Told()
    result = application(make_environ(request, client, server), told.start_response)
    for part in result:
        told.parts.append(part)
    when_sent = getattr(result, "close", _nothing)
    body = b"".join(told.parts)
    lines = [f"{request.version} {told.status}", *(f"{name}: {value}" for name, value in told.headers)]
    if told.needs_length:
        lines.append(f"Content-Length: {len(body)}")
    lines += _common_headers(int(time.time()), request.version, request.keeps_alive)
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    if head.count(b"\n") != len(lines) + 1 or head.count(b"\r") != len(lines) + 1:
        raise ValueError("a line break in a header")
    if request.method == "HEAD":
        body = b""
    return Answer(head + body, request.keeps_alive, when_sent)


def plain(status: HTTPStatus, body: bytes = b"", *headers: str) -> Answer:
    """The server's own answer; after it the connection is closed."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *headers, f"Content-Length: {len(body)}"]
    lines += _common_headers(int(time.time()), "HTTP/1.1", False)
    return Answer("\r\n".join([*lines, "", ""]).encode("latin-1") + body, False, _nothing)


def busy() -> Answer:
    """The answer to a request for which there is no room, in Kazoo's envelope."""
    body = b'{"data":{"message":"too many requests at once"},"error":"503","message":"service unavailable"'
    body += b',"status":"error"}'
    return plain(HTTPStatus.SERVICE_UNAVAILABLE, body, "Content-Type: application/json", "Retry-After: 1")


def make_environ(request: Request, client: str, server: tuple[str, int]) -> WSGIEnvironment:
    """What WSGI knows of a request. RAW_URI is the target as sent."""
    path, _, query = _path_of(request.target).partition("?")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "RAW_URI": request.target,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1") if "%" in path else path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": request.version,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = _key_of(name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if request.length is not None:
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(request.length)
    return environ


class _Told:
    """What the application tells of its answer."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.parts: list[bytes] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExceptionInfo | None = None
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        return self.parts.append

    @property
    def needs_length(self) -> bool:
        """Whether the answer has a body whose length the application did not tell."""
        has_none = self.status[:3] in ("204", "304")
        return not has_none and not any(name.lower() == "content-length" for name, _ in self.headers)


def _path_of(target: str) -> str:
    """Path and query of a target that may be a whole URL."""
    if target.startswith("/"):
        return target
    with suppress(ValueError):
        parts = urlsplit(target)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return "/"


@lru_cache(maxsize=256)
def _key_of(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


@lru_cache(maxsize=8)
def _common_headers(second: int, version: str, keeps_alive: bool) -> tuple[str, ...]:
    """The headers that all answers of a second share."""
    common = ("Server: gunicorn", f"Date: {formatdate(second, usegmt=True)}")
    if not keeps_alive:
        return (*common, "Connection: close")
    return (*common, "Connection: keep-alive") if version == "HTTP/1.0" else common
