"""The `couchdb` package's session, made faster for many small requests. It reuses connections that are still open.

The package reads answers with http.client, which parses headers as e-mail. For a small request, that takes longer
than everything else. This session parses answers with `httptools`.
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
from app.words import reason

IDLE_SECONDS = 60
# A timeout of 0 would mean not to wait at all, and a negative one is an error.
_SHORTEST_TIMEOUT = 0.001
_READ_SIZE = 64 * 1024


class NotConnected(OSError):
    """A connection could not be opened, so nothing was sent."""


class AnswerTooLong(Exception):
    """The answer has more bytes than the caller can take. The rest was not read."""


class InvalidAnswer(Exception):
    """An invalid answer: it is not HTTP, or its body is not what the request asks for."""


# The package has no types, so mypy cannot check its classes.
class Refusal(couchdb_http.HTTPError):  # type: ignore[misc]
    """An answer with a status of 300 or above. `error` and `reason` come from CouchDB, and may be empty."""

    def __init__(self, status: int, error: str = "", reason: str = ""):
        super().__init__(status, error, reason)
        self.status, self.error, self.reason = status, error, reason


class Session(couchdb_http.Session):  # type: ignore[misc]
    """A session without caching, redirects or retries. Every read gets fresh documents, and a write is sent once.

    Thread-safe. `timeout` is the limit for a request in seconds, unless the request has its own deadline.
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
        most_bytes: int | None = None,
    ) -> tuple[int, dict[str, str], BytesIO]:
        """The status, the headers (by lower-case name) and the body of a successful answer.

        `deadline` is a time as in `time.monotonic`. Raises NotConnected, another OSError if no complete answer came,
        InvalidAnswer, Refusal, and AnswerTooLong if the body has more than `most_bytes`.
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
            answer = connection.exchange(request, deadline, most_bytes)
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
    """Open connections, by server. It never hands out a connection that the server has closed.

    A write must not be sent twice, so it cannot be retried after a dead connection.
    """

    def __init__(self) -> None:
        self._idle: dict[str, list[tuple[float, Connection]]] = {}
        self._used: dict[str, set[Connection]] = {}
        self._mutex = threading.Lock()

    def get(self, server: str, deadline: float) -> "Connection":
        """A connection to this server that appears to be open. Raises NotConnected."""
        while True:
            with self._mutex:
                idle = self._idle.get(server)
                since, connection = idle.pop() if idle else (0.0, None)
                if connection is not None:
                    self._used.setdefault(server, set()).add(connection)
            if connection is None:
                connection = Connection(_connect(server, deadline))
                with self._mutex:
                    self._used.setdefault(server, set()).add(connection)
                return connection
            if time.monotonic() - since < IDLE_SECONDS and connection.is_open():
                return connection
            self.discard(server, connection)

    def release(self, server: str, connection: "Connection") -> None:
        """Return a connection to the pool after its answer has been read."""
        with self._mutex:
            self._used[server].discard(connection)
            self._idle.setdefault(server, []).append((time.monotonic(), connection))

    def discard(self, server: str, connection: "Connection") -> None:
        """Close a connection that cannot be used again."""
        with self._mutex:
            self._used[server].discard(connection)
        connection.close()

    def abort(self, server: str) -> None:
        """Abort all requests to this server. The waiting threads get a ConnectionError."""
        with self._mutex:
            for connection in self._used.get(server, ()):
                connection.abort()
            idle = self._idle.pop(server, [])
        for _, connection in idle:
            connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        with self._mutex:
            connections = [connection for idle in self._idle.values() for _, connection in idle]
            self._idle.clear()
        for connection in connections:
            connection.close()

    def __del__(self) -> None:
        self.close()


def _connect(server: str, deadline: float) -> socket.socket:
    scheme, host = urlsplit(server)[:2]
    transport_class = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    transport = transport_class(host, timeout=max(_SHORTEST_TIMEOUT, deadline - time.monotonic()))
    try:
        transport.connect()
    except OSError as error:
        raise NotConnected(reason(error)) from error
    return transport.sock


class Connection:
    """An open connection to a server."""

    def __init__(self, open_socket: socket.socket):
        self._socket = open_socket

    def exchange(self, request: bytes, deadline: float, most_bytes: int | None = None) -> "ServerAnswer":
        """Send a request and wait for its complete answer. Raises OSError, InvalidAnswer, AnswerTooLong."""
        if time.monotonic() >= deadline:
            raise NotConnected("no time is left")
        self._set_timeout(deadline)
        self._socket.sendall(request)
        answer = ServerAnswer()
        while not answer.is_complete:
            self._set_timeout(deadline)
            answer.feed(self._socket.recv(_READ_SIZE))
            if most_bytes is not None and answer.length > most_bytes:
                raise AnswerTooLong
        return answer

    def _set_timeout(self, deadline: float) -> None:
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(seconds_left)

    def is_open(self) -> bool:
        """Whether the connection can be used again. Data before a request means that the server has closed it."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def abort(self) -> None:
        """Wake the thread that waits for an answer. Closing the socket would not do that."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection for good."""
        self._socket.close()


class ServerAnswer:
    """A server's answer. httptools calls the `on_` methods."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_complete = False
        self.is_kept_alive = False
        # Of the body, in bytes.
        self.length = 0
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def body(self) -> bytes:
        """The complete body."""
        return b"".join(self._parts)

    def feed(self, data: bytes) -> None:
        """Parse data from the server. b"" means that it closed the connection. Raises OSError, InvalidAnswer."""
        if data:
            self._parse(data)
        elif self.status >= 200 and not {"content-length", "transfer-encoding"} & self.headers.keys():
            # A body without a length ends when the connection closes.
            self.is_complete = True
        else:
            raise ConnectionResetError("the server closed the connection before the answer was complete")
        if self.is_complete:
            # The parser and the answer refer to each other, which would keep both in memory.
            del self._parser

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise InvalidAnswer(f"not HTTP: {reason(error)}") from error

    def on_message_begin(self) -> None:
        """An answer begins, perhaps after an interim one (`100 Continue`)."""
        if self.is_complete:
            raise ValueError("more than one answer to one request")
        self.status, self.headers = 0, {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The end of the headers."""
        self.status = self._parser.get_status_code()
        self.is_kept_alive = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self._parts.append(part)
        self.length += len(part)

    def on_message_complete(self) -> None:
        """The end of the answer."""
        self.is_complete = self.status >= 200


def decoded(data: bytes) -> Any:
    """Decode a JSON body. Raises InvalidAnswer."""
    try:
        return json_text.trusted(data)
    except ValueError as error:
        raise InvalidAnswer(f"not JSON: {error}") from error


def member(name: str) -> Callable[[bytes], Any]:
    """A decoder of one required member of a JSON body. The decoder raises InvalidAnswer."""

    def decode(data: bytes) -> Any:
        body = decoded(data)
        if not isinstance(body, dict) or name not in body:
            raise InvalidAnswer(f"the answer has no {name}")
        return body[name]

    return decode


def server_of(url: str) -> str:
    """The scheme, host and port of a URL, such as ``http://127.0.0.1:5984``."""
    end = url.find("/", url.find("//") + 2)
    return url if end < 0 else url[:end]


def _refusal(answer: ServerAnswer) -> Refusal:
    try:
        body = json.loads(answer.body())
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    return Refusal(answer.status, str(body.get("error") or ""), str(body.get("reason") or ""))
