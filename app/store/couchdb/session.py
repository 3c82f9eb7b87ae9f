"""The `couchdb` package's session, made for many small requests: connections kept open and handed out alive.

The package reads answers with http.client, whose headers are e-mail to it; that takes longer than all the
rest of a small request. Here `httptools` reads them.
"""

import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import httptools
from couchdb import http as couchdb_http

from app.kazoo import json_text

IDLE_SECONDS = 60
# A limit of 0 would mean not to wait at all, and a limit below it is an error.
_LEAST_SECONDS = 0.001
_READ_SIZE = 64 * 1024


class NotConnected(OSError):
    """No connection could be opened, so nothing was sent."""


class InvalidAnswer(Exception):
    """An answer that makes no sense: it is not HTTP, or its body is not what was asked for."""


# The package has no types: nothing is known of its classes, nor checked against them.
class Refusal(couchdb_http.HTTPError):  # type: ignore[misc]
    """An answer with a status from 300 on. `error` and `reason` are CouchDB's words for it, or empty."""

    def __init__(self, status: int, error: str = "", reason: str = ""):
        super().__init__(status, error, reason)
        self.status, self.error, self.reason = status, error, reason


class Session(couchdb_http.Session):  # type: ignore[misc]
    """A session without cache, redirects and retries: documents are read anew, and a write is sent once.

    Safe with threads. `timeout` is how long one request may take, in seconds, unless it says otherwise.
    """

    def __init__(self, timeout: float):
        super().__init__(timeout=timeout, retryable_errors=())
        self.connection_pool = ConnectionPool()
        self._timeout = timeout

    def request(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        credentials: tuple[str, str] | None = None,
        num_redirects: int = 0,
        deadline: float | None = None,
    ) -> tuple[int, dict[str, str], BytesIO]:
        """Status, headers by lower-case name, and body of a successful answer.

        `deadline` is a time of `time.monotonic`. Raises NotConnected, other OSErrors where no whole answer came,
        InvalidAnswer, and Refusal.
        """
        server = server_of(url)
        lines = [f"{method} {url[len(server) :] or '/'} HTTP/1.1", f"Host: {server.partition('//')[2]}"]
        lines += ["Accept: application/json", f"User-Agent: {self.user_agent}"]
        if credentials:
            lines.append(f"Authorization: {couchdb_http.basic_auth(credentials).decode('ascii')}")
        if body is not None or method != "GET":
            lines.append(f"Content-Length: {len(body or b'')}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        request = "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

        deadline = time.monotonic() + self._timeout if deadline is None else deadline
        connection = self.connection_pool.get(server, deadline)
        try:
            answer = connection.exchange(request, deadline)
        except BaseException:
            self.connection_pool.discard(server, connection)
            raise
        if answer.is_kept_alive:
            self.connection_pool.release(server, connection)
        else:
            self.connection_pool.discard(server, connection)
        if answer.status >= 300:
            raise _refusal(answer)
        return answer.status, answer.headers, BytesIO(answer.body())


class ConnectionPool:
    """Hands out no connection which the server has closed meanwhile.

    A write must not be sent twice, so it must not be tried on a dead connection either.
    """

    def __init__(self) -> None:
        self._idle: dict[str, list[tuple[float, Connection]]] = {}
        self._used: dict[str, set[Connection]] = {}
        self._mutex = threading.Lock()

    def get(self, server: str, deadline: float) -> "Connection":
        """A connection to this server, open as far as anybody can tell. Raises NotConnected."""
        while True:
            with self._mutex:
                idle = self._idle.get(server)
                since, connection = idle.pop() if idle else (0.0, None)
                if connection is not None:
                    self._used.setdefault(server, set()).add(connection)
            if connection is None:
                connection = Connection(_connected(server, deadline))
                with self._mutex:
                    self._used.setdefault(server, set()).add(connection)
                return connection
            if time.monotonic() - since < IDLE_SECONDS and connection.is_open():
                return connection
            self.discard(server, connection)

    def release(self, server: str, connection: "Connection") -> None:
        """Take back a connection whose answer has been read."""
        with self._mutex:
            self._used[server].discard(connection)
            self._idle.setdefault(server, []).append((time.monotonic(), connection))

    def discard(self, server: str, connection: "Connection") -> None:
        """Take back a connection that cannot be used again."""
        with self._mutex:
            self._used[server].discard(connection)
        connection.close()

    def abort(self, server: str) -> None:
        """End all that waits for this server. The threads that wait get a ConnectionError."""
        with self._mutex:
            for connection in self._used.get(server, ()):
                connection.abort()
            idle = self._idle.pop(server, [])
        for _, connection in idle:
            connection.close()

    def close(self) -> None:
        """Close all connections that nobody uses."""
        with self._mutex:
            connections = [connection for idle in self._idle.values() for _, connection in idle]
            self._idle.clear()
        for connection in connections:
            connection.close()

    def __del__(self) -> None:
        self.close()


def _connected(server: str, deadline: float) -> socket.socket:
    scheme, host = urlsplit(server)[:2]
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    transport = kind(host, timeout=max(_LEAST_SECONDS, deadline - time.monotonic()))
    try:
        transport.connect()
    except OSError as error:
        raise NotConnected(f"{type(error).__name__}: {error}") from error
    return transport.sock


class Connection:
    """An open connection to a server."""

    def __init__(self, opened: socket.socket):
        self._socket = opened

    def exchange(self, request: bytes, deadline: float) -> "Answer":
        """Send a request and wait for its whole answer. Raises OSError, InvalidAnswer."""
        if time.monotonic() >= deadline:
            raise NotConnected("no time is left")
        self._limit(deadline)
        self._socket.sendall(request)
        answer = Answer()
        while not answer.is_whole:
            self._limit(deadline)
            answer.feed(self._socket.recv(_READ_SIZE))
        return answer

    def _limit(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)

    def is_open(self) -> bool:
        """Whether it can be used again. One that is readable before anything was asked cannot."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def abort(self) -> None:
        """Wake the thread that waits for an answer. Closing alone would not."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; it cannot be used again."""
        self._socket.close()


class Answer:
    """What a server answers. Its `on_` methods are what httptools calls."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_whole = False
        self.is_kept_alive = False
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def body(self) -> bytes:
        """The whole body, however it came."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> None:
        """Take what the server sent, b"" where it closed the connection. Raises OSError, InvalidAnswer."""
        if data:
            self._parse(data)
        elif self.status >= 200 and not {"content-length", "transfer-encoding"} & self.headers.keys():
            # A body without a length ends with the connection.
            self.is_whole = True
        else:
            raise ConnectionResetError("the server closed the connection before it had answered")
        if self.is_whole:
            # It refers to its answer, which would outlive its use.
            del self._parser

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise InvalidAnswer(f"not HTTP: {type(error).__name__}") from error

    def on_message_begin(self) -> None:
        """An answer begins, perhaps after one that was none (`100 Continue`)."""
        if self.is_whole:
            raise ValueError("more than one answer to one request")
        self.status, self.headers = 0, {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The end of the headers."""
        self.status = self._parser.get_status_code()
        self.is_kept_alive = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """The end of the answer."""
        self.is_whole = self.status >= 200


def decoded(data: bytes) -> Any:
    """A body that must be JSON. Raises InvalidAnswer."""
    try:
        return json_text.loads(data)
    except ValueError as error:
        raise InvalidAnswer(f"not JSON: {error}") from error


def member(name: str) -> Callable[[bytes], Any]:
    """Decodes a member that a body must have. Raises InvalidAnswer."""

    def decode(data: bytes) -> Any:
        body = decoded(data)
        if not isinstance(body, dict) or name not in body:
            raise InvalidAnswer(f"an answer without {name}")
        return body[name]

    return decode


def server_of(url: str) -> str:
    """Scheme, host and port of a URL: ``http://127.0.0.1:5984``."""
    end = url.find("/", url.find("//") + 2)
    return url if end < 0 else url[:end]


def _refusal(answer: Answer) -> Refusal:
    try:
        body = json.loads(answer.body())
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    return Refusal(answer.status, str(body.get("error") or ""), str(body.get("reason") or ""))
