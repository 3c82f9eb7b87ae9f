"""gunicorn's worker for this service: waitress handles the connections, and threads answer complete requests.

gunicorn starts, watches, reloads and stops the processes. Waitress collects each request first, so slow clients
occupy no threads. This module adds what waitress lacks, mostly protection from harmful clients (docs/deploy.md lists
the limits):

- A 304 does not close the connection. Paths may contain UTF-8, and methods may be in lower case.
- The request line is checked as soon as it has arrived. Otherwise `GET /health` without a version would wait for
  headers until the timeout. Blank lines before it are cheap. `Connection` may have several options.
- Ambiguous message lengths and malformed trailers are refused, because a proxy may interpret them differently.
- A length with thousands of digits gets a 400 instead of a closed connection, and so does an oversized chunk.
- Long runs of blanks, hundreds of headers, tiny chunks and long lines between chunks are refused: they cost too much
  time.
- A request must arrive within a time limit. Waitress closes only idle connections.
- When there are too many connections, the ones idle longest are closed. Waitress would stop accepting.
- A connection marked for closing is closed even if its client reads nothing. So is one with urgent data.
- A client that sends many requests at once, or does not read, gets no more answers, and no thread waits for it.
- The bytes buffered for all clients are limited. They are on disk, which may be in memory.
- A request that waits too long for a thread gets a 503, so that its client can retry later.
- A worker that is shutting down still answers the requests that have arrived.
"""

import logging
import math
import os
import re
import select
import socket
import sys
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import FrameType
from typing import Any
from wsgiref.types import WSGIEnvironment

from gunicorn.workers import base
from waitress import receiver, wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented, get_header_lines
from waitress.rfc7230 import HEADER_FIELD_RE
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask
from waitress.utilities import Error, RequestEntityTooLarge

from app import metrics
from app.logs import loggable
from app.settings import LEAST_BUFFERED, Settings

SECONDS_FOR_A_REQUEST = 20
SECONDS_IDLE = 30
# When a worker has to shut down, a client may be about to send its request: the next one, or the first one, for which
# it has just connected. A proxy on a busy machine takes its time.
SECONDS_OF_SILENCE = 0.5
SECONDS_BEFORE_THE_FIRST = 5
# How long a thread may run before the event loop does. With Python's default of 5 ms other clients wait longer.
SECONDS_OF_A_TURN = 0.001
LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 9_000_000
MOST_LINES = 200
# Waiting requests on one connection. They keep threads busy, and the event loop has to wait for threads.
MOST_PIPELINED = 16
# The longest line between and after chunks.
LONGEST_LINE = 8 * 1024
# Larger requests and answers are in files.
MOST_RECEIVED_IN_MEMORY, MOST_SENT_FROM_MEMORY = 64 * 1024, 256 * 1024
# Connections with fewer buffered bytes than this do not count towards the total.
SMALL = 64 * 1024
_BLANK_LINES = re.compile(rb"(?:\r\n)*")
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z\r-]")
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^\x00-\x20\x7f]+ HTTP/1\.[01]\r")
# A folded header line, or one on which waitress's regular expression takes quadratic time.
_BAD_BLANKS = re.compile(rb"\n[ \t]|[ \t]{32}")
_CODING = re.compile(rb"\n(?i:transfer-encoding):[ \t]*([^\r\n]*)")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")

# Waitress uses `$`, which also matches before a line feed. A proxy may take `0` and a line feed as the end of a body.
receiver.ONLY_HEXDIG_RE = re.compile(rb"[0-9a-fA-F]{1,16}\Z")
receiver.CHUNK_EXT_RE = re.compile(receiver.CHUNK_EXT_RE.pattern.removesuffix(b"$") + rb"\Z")

log = logging.getLogger(__name__)


# Waitress has no type annotations, so mypy cannot check subclasses of its classes.
@dataclass
class Rejection(Error):  # type: ignore[misc]
    """An error that the HTTP server answers. Waitress's own would repeat the client's data, perhaps a secret."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers and body."""
        return f"{self.status.value} {self.status.phrase}", list(self.headers), self.body


MALFORMED = Rejection(HTTPStatus.BAD_REQUEST)
BUSY = Rejection(
    HTTPStatus.SERVICE_UNAVAILABLE,
    (("Content-Type", "application/json"), ("Retry-After", "1")),
    b'{"data":{"message":"too many requests at once"},"error":"503","message":"service unavailable"'
    b',"status":"error"}',
)


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Collects one request. `completed` is set once it is complete, and `error` if it is refused."""

    def __init__(self, adj: Adjustments):
        super().__init__(adj)
        self.started = time.time()
        self.error: Error | None = None
        self._has_request_line = False

    def received(self, data: bytes) -> int:
        """Handle data that has arrived. Returns how much of it belongs to this request."""
        size = taken = len(data)
        try:
            if self.error is None and not self.headers_finished:
                data = self._checked_head(data)
            if self.error is None and data:
                taken += int(super().received(data)) - len(data)
                self._check_body()
        except (ParsingError, ValueError):
            self.error = MALFORMED
        if isinstance(self.error, RequestEntityTooLarge):
            self._drop_body()
        if self.error is not None:
            self.completed, taken = True, size
            if not isinstance(self.error, Rejection):
                self.error = Rejection(HTTPStatus(self.error.code))
        if self.completed:
            # Otherwise waitress would send `100 Continue` and wait for a body that may never come.
            self.expect_continue = False
        return taken

    def _checked_head(self, data: bytes) -> bytes:
        """The next part of the head, without blank lines before it. Raises ParsingError."""
        if not self.header_plus:
            # Waitress would treat each blank line as a request.
            data = data[_BLANK_LINES.match(data).end() :]  # type: ignore[union-attr]
        head, unchecked = self.header_plus + data, max(0, len(self.header_plus) - 3)
        if _BARE_LINE_FEED.search(head[unchecked:].partition(b"\r\n\r\n")[0], 1 if unchecked else 0):
            raise ParsingError("line feed")
        if not self._has_request_line:
            line, end, _ = head[_BLANK_LINES.match(head).end() :].partition(b"\n")  # type: ignore[union-attr]
            self._has_request_line = bool(end)
            if not _REQUEST_LINE.fullmatch(line) if end else line[:1] and not _TOKEN.match(line):
                raise ParsingError("request line")
        return data

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head. Raises ParsingError, TransferEncodingNotImplemented."""
        _check_lines(header_plus)
        codings = [coding.rstrip(b" \t").lower() for coding in _CODING.findall(header_plus)]
        if codings not in ([], [b"chunked"]):
            raise TransferEncodingNotImplemented("only chunked is supported")
        method, _, rest = header_plus.partition(b" ")
        target, _, rest = rest.partition(b" ")
        # Waitress accepts neither methods in lower case nor bytes outside ASCII.
        escaped = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], target)
        super().parse_header(b" ".join((method.upper(), escaped, rest)))
        self.command, self.request_uri = method.decode("latin-1"), target.decode("latin-1")
        if codings and (self.version == "1.0" or "CONTENT_LENGTH" in self.headers):
            raise ParsingError("ambiguous length")
        # Waitress treats the whole value as one option.
        options = {option.strip(" \t").lower() for option in self.headers.get("CONNECTION", "").split(",")}
        for option in {"close", "keep-alive"} & options:
            self.headers["CONNECTION"] = "close" if "close" in options else option

    def _check_body(self) -> None:
        body = self.body_rcv
        if not self.chunked or body is None:
            return
        if self.body_bytes_received + body.chunk_remainder > LARGEST_BODY:
            self.error = RequestEntityTooLarge("")
        lines = self.body_bytes_received - len(body)
        has_tiny_chunks = lines > SMALL and lines * 4 > self.body_bytes_received
        if has_tiny_chunks or max(len(body.control_line), len(body.trailer)) > LONGEST_LINE:
            raise ParsingError("lines between chunks")
        # If there is no trailer, waitress leaves part of the final line break here.
        if self.completed and body.trailer != b"\r":
            _check_lines(body.trailer)
            if not all(map(HEADER_FIELD_RE.match, get_header_lines(body.trailer))):
                raise ParsingError("trailer")

    def _drop_body(self) -> None:
        """Pass on the request without its body. From the length, the API answers as Kazoo does."""
        self.close()
        self.body_rcv = self.error = None
        self.completed = True
        self.headers |= {"CONTENT_LENGTH": str(LARGEST_BODY), "CONNECTION": "close"}


def _check_lines(lines: bytes) -> None:
    if lines.count(b"\n") > MOST_LINES + 1 or _BAD_BLANKS.search(lines):
        raise ParsingError("lines")


class Task(WSGITask):  # type: ignore[misc]
    """Answers one request."""

    def get_environment(self) -> WSGIEnvironment:
        """The WSGI environment of the request."""
        environ: WSGIEnvironment = super().get_environment()
        environ["REQUEST_METHOD"] = self.request.command
        # Flask would redirect `GET http://host` to `http://host/`.
        environ["PATH_INFO"] = environ["PATH_INFO"] or "/"
        # Waitress logs the path if the application fails.
        self.request.path = loggable(self.request.path)
        return environ

    def set_close_on_finish(self) -> None:
        """Close the connection after this answer, unless the only reason is that a 304 has no length."""
        wants_close = self.version == "1.0" or self.request.headers.get("CONNECTION", "").lower() == "close"
        if wants_close or self.has_body:
            super().set_close_on_finish()


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. `request` is still arriving. `requests` are complete and wait for their answers."""

    parser_class = Parser
    task_class = Task
    queued_at = 0.0
    has_sent = False

    @property
    def buffered(self) -> int:
        """How many bytes are buffered for this client."""
        bodies = [request.body_rcv for request in (*self.requests, self.request) if request is not None]
        return int(self.total_outbufs_len) + sum(len(body) for body in bodies if body is not None)

    def is_idle(self) -> bool:
        """Whether the connection has had nothing to do for so long that no request is on its way."""
        is_used = self.requests or self.request or self.total_outbufs_len
        seconds = SECONDS_OF_SILENCE if self.has_sent else SECONDS_BEFORE_THE_FIRST
        return not is_used and time.time() - self.last_activity > seconds

    def readable(self) -> bool:
        """Whether the event loop should wait for data. It calls this before each wait."""
        if self.will_close and not self.requests:
            # Waitress would wait until the client reads.
            self.handle_close()
        return self.connected and bool(super().readable())

    def writable(self) -> bool:
        """Whether the event loop should wait until it can send data."""
        return self.connected and bool(super().writable())

    def handle_expt(self) -> None:
        """Close a connection with urgent data. HTTP does not use it, and it would wake the event loop forever."""
        self.will_close = True

    def received(self, data: bytes) -> bool:
        """Handle data that has arrived."""
        self.has_sent = True
        if self.request is not None:
            buffered = self.buffered
            # `excess` examines all connections, so it is called only once for each SMALL bytes.
            if (buffered + len(data)) // SMALL > buffered // SMALL and self.server.excess() > 0:
                self.request.error = BUSY
        is_accepted = bool(super().received(data))
        for request in self.requests[MOST_PIPELINED:]:
            request.error = BUSY
        return is_accepted

    def service(self) -> None:
        """Answer the first request. This runs in a thread."""
        request = self.requests[0]
        waits_too_long = time.monotonic() - self.queued_at > self.server.queue_seconds
        if request.error is None and (waits_too_long or self.total_outbufs_len > MOST_SENT_FROM_MEMORY):
            request.error = BUSY
        if request.error is BUSY:
            metrics.request_refused()
        elif request.error is not None:
            log.warning("malformed or unsupported request from %s: %s", self.addr[0], request.error.status.phrase)
        if request.error is not None and getattr(request, "command", "") == "HEAD":
            request.error = replace(request.error, body=b"")
        if not self.server.accepting:
            request.headers["CONNECTION"] = "close"
        super().service()


class _Listener:
    """Additions to waitress's servers, each of which has one listening socket."""

    channel_class = Channel
    adj: Adjustments
    task_dispatcher: ThreadedTaskDispatcher
    # Sends refusals while all other threads are busy.
    refusals: ThreadedTaskDispatcher
    accepting: bool
    socket: socket.socket
    most_buffered = 0
    queue_seconds = math.inf
    request_count = 0
    _map: dict[int, Any]

    def channels(self) -> list[Channel]:
        """All connections of this process."""
        return [channel for channel in self._map.values() if isinstance(channel, Channel)]

    def excess(self) -> int:
        """By how many bytes the data buffered for all clients exceeds its limit."""
        sizes = (channel.buffered for channel in self.channels())
        return sum(size for size in sizes if size > SMALL) - self.most_buffered

    def add_task(self, channel: Channel) -> None:
        """Queue a connection's first request, or refuse it if the queue is too slow already."""
        self.request_count += 1
        now = channel.queued_at = time.monotonic()
        if now - self._oldest_queued(now) > self.queue_seconds:
            channel.requests[0].error = BUSY
            self.refusals.add_task(channel)
        else:
            self.task_dispatcher.add_task(channel)

    def _oldest_queued(self, now: float) -> float:
        try:
            return float(self.task_dispatcher.queue[0].queued_at)
        except IndexError:
            return now

    def handle_accept(self) -> None:
        """Accept a connection."""
        super().handle_accept()  # type: ignore[misc]
        # At the limit, waitress would stop accepting.
        if len(self._map) >= self.adj.connection_limit - 1:
            self._close_idlest()

    def accept(self) -> Any:
        """A new connection and its address; None if there is none, or if the process has too many open files."""
        try:
            return super().accept()  # type: ignore[misc]
        except OSError:
            self._close_idlest()
            return None

    def _close_idlest(self) -> None:
        waiting = [channel for channel in self.channels() if not channel.requests and not channel.will_close]
        waiting.sort(key=lambda channel: channel.last_activity)
        for channel in waiting[: 1 + len(waiting) // 16]:
            channel.will_close = True

    def maintenance(self, now: float) -> None:
        """Close connections that take too long. Waitress calls this every second."""
        excess = self.excess()
        for channel in sorted(self.channels(), key=lambda channel: channel.last_activity):
            if channel.requests:
                continue
            is_late = channel.request is not None and now - channel.request.started > SECONDS_FOR_A_REQUEST
            is_unread = excess > 0 and channel.total_outbufs_len > SMALL
            if is_late or is_unread or now - channel.last_activity > SECONDS_IDLE:
                channel.will_close = True
                excess -= channel.buffered

    def stop_accepting(self) -> None:
        """Leave new connections to other workers."""
        self.accepting = False
        self.socket.close()


class TCPListener(_Listener, TcpWSGIServer):  # type: ignore[misc]
    """Listens on a TCP address."""


class UnixListener(_Listener, UnixWSGIServer):  # type: ignore[misc]
    """Listens on a Unix socket."""

    def fix_addr(self, addr: Any) -> tuple[str, None]:
        """The address of all clients: a proxy on this machine, which Kazoo trusts by default."""
        return "127.0.0.1", None


class Worker(base.Worker):
    """A worker process. It respects gunicorn's settings `worker_connections` and `threads`."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self._map: dict[int, Any] = {}
        self._listeners: list[Any] = []

    def run(self) -> None:
        """Serve until gunicorn ends the worker. Then answer what has arrived, within gunicorn's time limit."""
        sys.setswitchinterval(SECONDS_OF_A_TURN)
        self._listen()
        while self.alive and self.ppid == os.getppid() and self._request_count() < self.max_requests:
            self._handle_events()
        # Leave time to send notices before gunicorn kills the process.
        end = time.monotonic() + max(1, self.cfg.graceful_timeout - 2)
        waiting = [listener.socket for listener in self._listeners]
        while select.select(waiting, (), (), 0)[0] and time.monotonic() < end:
            self._handle_events()
        for listener in self._listeners:
            listener.stop_accepting()
        while (channels := self._listeners[0].channels()) and time.monotonic() < end:
            self._handle_events(0.1)
            for channel in channels:
                channel.will_close = channel.will_close or channel.is_idle()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Wake up and shut down, because gunicorn is ending this worker."""
        super().handle_exit(sig, frame)
        for listener in self._listeners:
            listener.pull_trigger()

    def _listen(self) -> None:
        limits = Adjustments(
            connection_limit=self.cfg.worker_connections,
            backlog=self.cfg.backlog,
            cleanup_interval=1,
            inbuf_overflow=MOST_RECEIVED_IN_MEMORY,
            outbuf_overflow=MOST_SENT_FROM_MEMORY,
            outbuf_high_watermark=sys.maxsize,
            max_request_header_size=LARGEST_HEAD + 1,
            max_request_body_size=LARGEST_BODY,
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
            ident=None,
        )
        threads, refusals = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
        threads.set_thread_count(self.cfg.threads)
        refusals.set_thread_count(1)
        # This logger warns about each request that waits for a thread.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        settings = Settings.from_environment()
        worker_share = settings.max_buffered // self.cfg.workers
        most_buffered = max(worker_share, LEAST_BUFFERED) * 1_000_000
        wrappers: Any = self.sockets
        for listening in [wrapper.sock for wrapper in wrappers]:
            kind = UnixListener if listening.family == socket.AF_UNIX else TCPListener
            info = (listening.family, listening.type, listening.proto, listening.getsockname())
            options = {"dispatcher": threads, "adj": limits, "sockinfo": info, "bind_socket": False}
            listener: Any = kind(self.wsgi, self._map, True, listening, **options)
            listener.refusals = refusals
            listener.most_buffered = most_buffered
            listener.queue_seconds = settings.queue_seconds
            self._listeners.append(listener)

    def _request_count(self) -> int:
        return sum(listener.request_count for listener in self._listeners)

    def _handle_events(self, seconds: float = 1) -> None:
        """Let the event loop handle the next events, or wait this long for one."""
        self.notify()
        try:
            wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)
        except Exception:
            log.exception("unexpected error in the HTTP server")
