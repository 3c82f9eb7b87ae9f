"""gunicorn's worker for this service: waitress holds the connections, and threads answer whole requests.

gunicorn starts, watches, reloads and stops the processes. Waitress collects requests, so slow clients occupy no
thread. The rules here are those that it lacks, each for a kind of client that would otherwise do harm (docs/deploy.md
has the limits):

- The connection stays after a 304. Paths may have UTF-8, and methods may have lower case.
- A request line is checked when it has arrived: `GET /health` without a version would wait for headers until the end.
  Blank lines before it cost nothing. `Connection` may have several options.
- A body whose end could be read in two ways, and a malformed trailer, are refused: a proxy may read it the other way.
- A number with thousands of digits is a 400, not a closed connection; so is a chunk that is too large.
- Lines of blanks, hundreds of headers, tiny chunks and long lines between them are refused: they take too much time.
- A request must arrive within a time. Waitress closes only connections that are silent.
- If there are too many connections, those that were silent longest give way. Waitress would accept no more.
- A connection that is to be closed is closed, also if its client reads nothing, and on urgent data.
- A client that sends many requests at once, or does not read, gets no further answers. No thread waits for it.
- Bytes that are held for clients have a limit. They are on disk, which may be memory.
- A request that waits too long for a thread is a 503: its client does better to come back later.
- A worker that ends answers what has arrived.
"""

import logging
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
SECONDS_IN_THE_QUEUE = 0.5
# A client may be about to send its request when the worker is told to end.
SECONDS_OF_SILENCE = 0.5
# How long a thread computes before the event loop may. Python's default of 5 ms makes other clients wait longer.
SECONDS_OF_A_TURN = 0.001
LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 9_000_000
MOST_LINES = 200
# Requests that wait on one connection. They keep threads busy that the event loop has to wait for.
MOST_PIPELINED = 16
# Of the lines between chunks and after them.
LONGEST_LINE = 8 * 1024
# What is larger is held in a file.
MOST_RECEIVED_IN_MEMORY, MOST_SENT_FROM_MEMORY = 64 * 1024, 256 * 1024
# Connections that hold less than this do not count towards the limit for all.
SMALL = 64 * 1024
_BLANK_LINES = re.compile(rb"(?:\r\n)*")
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z\r-]")
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^\x00-\x20\x7f]+ HTTP/1\.[01]\r")
# A line that goes on in the next one, or one that takes waitress's regular expression quadratic time.
_BAD_BLANKS = re.compile(rb"\n[ \t]|[ \t]{32}")
_CODING = re.compile(rb"\n(?i:transfer-encoding):[ \t]*([^\r\n]*)")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")

# In waitress's own `$` also matches before a line feed. A proxy may take `0` and a line feed for the end of a body.
receiver.ONLY_HEXDIG_RE = re.compile(rb"[0-9a-fA-F]{1,16}\Z")
receiver.CHUNK_EXT_RE = re.compile(receiver.CHUNK_EXT_RE.pattern.removesuffix(b"$") + rb"\Z")

log = logging.getLogger(__name__)


# Waitress has no types: nothing is known of its classes, nor checked against them.
@dataclass
class Rejection(Error):  # type: ignore[misc]
    """The server's own answer. Waitress's would repeat what the client sent, which may be a secret."""

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
    """Collects one request. `completed` is set when it is whole, and `error` if it is refused."""

    def __init__(self, adj: Adjustments):
        super().__init__(adj)
        self.began = time.time()
        self.error: Error | None = None
        self._has_line = False

    def received(self, data: bytes) -> int:
        """Take what has arrived; return how much of it belongs to this request."""
        arrived = taken = len(data)
        try:
            if self.error is None and not self.headers_finished:
                data = self._checked_head(data)
            if self.error is None and data:
                taken += int(super().received(data)) - len(data)
                self._check_body()
        except (ParsingError, ValueError):
            self.error = MALFORMED
        if isinstance(self.error, RequestEntityTooLarge):
            self._leave_out_body()
        if self.error is not None:
            self.completed, taken = True, arrived
            if not isinstance(self.error, Rejection):
                self.error = Rejection(HTTPStatus(self.error.code))
        if self.completed:
            # A client that waits for `100 Continue` before it sends nothing would wait for ever.
            self.expect_continue = False
        return taken

    def _checked_head(self, data: bytes) -> bytes:
        """The part of a head that has arrived, without blank lines before it. Raises ParsingError."""
        if not self.header_plus:
            # Waitress would make a request of each of them.
            data = data[_BLANK_LINES.match(data).end() :]  # type: ignore[union-attr]
        arrived, begins_at = self.header_plus + data, max(0, len(self.header_plus) - 3)
        if _BARE_LINE_FEED.search(arrived[begins_at:].partition(b"\r\n\r\n")[0], 1 if begins_at else 0):
            raise ParsingError("line feed")
        if not self._has_line:
            line, end, _ = arrived[_BLANK_LINES.match(arrived).end() :].partition(b"\n")  # type: ignore[union-attr]
            self._has_line = bool(end)
            if not _REQUEST_LINE.fullmatch(line) if end else line[:1] and not _TOKEN.match(line):
                raise ParsingError("request line")
        return data

    def parse_header(self, header_plus: bytes) -> None:
        """Fill in what the head says. Raises ParsingError, TransferEncodingNotImplemented."""
        _check_lines(header_plus)
        codings = [coding.rstrip(b" \t").lower() for coding in _CODING.findall(header_plus)]
        if codings not in ([], [b"chunked"]):
            raise TransferEncodingNotImplemented("not chunked once")
        method, _, rest = header_plus.partition(b" ")
        target, _, rest = rest.partition(b" ")
        # Waitress takes neither methods in lower case nor bytes that are not ASCII.
        escaped = _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], target)
        super().parse_header(b" ".join((method.upper(), escaped, rest)))
        self.command, self.request_uri = method.decode("latin-1"), target.decode("latin-1")
        if codings and (self.version == "1.0" or "CONTENT_LENGTH" in self.headers):
            raise ParsingError("two ends")
        # Waitress takes the whole value for one option.
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
        # Waitress keeps a part of a line break that ends a body without a trailer.
        if self.completed and body.trailer != b"\r":
            _check_lines(body.trailer)
            if not all(map(HEADER_FIELD_RE.match, get_header_lines(body.trailer))):
                raise ParsingError("trailer")

    def _leave_out_body(self) -> None:
        """Hand over the request without its body. The API then answers as Kazoo does; it knows the length."""
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
        """What WSGI knows of the request."""
        environ: WSGIEnvironment = super().get_environment()
        environ["REQUEST_METHOD"] = self.request.command
        # Flask would redirect `GET http://host` to `http://host/`.
        environ["PATH_INFO"] = environ["PATH_INFO"] or "/"
        # Waitress logs it if the application fails.
        self.request.path = loggable(self.request.path)
        return environ

    def set_close_on_finish(self) -> None:
        """Close the connection after this answer, but not because a 304 has no length: it needs none."""
        asked = self.version == "1.0" or self.request.headers.get("CONNECTION", "").lower() == "close"
        if asked or self.has_body:
            super().set_close_on_finish()


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. `request` is the one that arrives, `requests` are those that are whole."""

    parser_class = Parser
    task_class = Task
    queued_at = 0.0

    @property
    def held(self) -> int:
        """How many bytes are held for this client."""
        bodies = [request.body_rcv for request in (*self.requests, self.request) if request is not None]
        return int(self.total_outbufs_len) + sum(len(body) for body in bodies if body is not None)

    def is_silent(self, seconds: float) -> bool:
        """Whether for so long nothing has been left to answer, to receive or to send."""
        is_used = self.requests or self.request or self.total_outbufs_len
        return not is_used and time.time() - self.last_activity > seconds

    def readable(self) -> bool:
        """Whether the event loop should wait for bytes. It asks this before it waits."""
        if self.will_close and not self.requests:
            # Waitress would wait until the client reads.
            self.handle_close()
        return self.connected and bool(super().readable())

    def writable(self) -> bool:
        """Whether the event loop should wait until it can send."""
        return self.connected and bool(super().writable())

    def handle_expt(self) -> None:
        """Urgent data, which no client of HTTP sends. It would wake the event loop again and again."""
        self.will_close = True

    def received(self, data: bytes) -> bool:
        """Take what has arrived."""
        if self.request is not None:
            held = self.held
            # Once for each SMALL bytes, because that looks at all connections.
            if (held + len(data)) // SMALL > held // SMALL and self.server.excess() > 0:
                self.request.error = BUSY
        is_taken = bool(super().received(data))
        for request in self.requests[MOST_PIPELINED:]:
            request.error = BUSY
        return is_taken

    def service(self) -> None:
        """Answer the first request, in a thread."""
        request = self.requests[0]
        waits_too_long = time.monotonic() - self.queued_at > SECONDS_IN_THE_QUEUE
        if request.error is None and (waits_too_long or self.total_outbufs_len > MOST_SENT_FROM_MEMORY):
            request.error = BUSY
        if request.error is BUSY:
            metrics.request_refused()
        elif request.error is not None:
            log.warning("no HTTP from %s: %s", self.addr[0], request.error.status.phrase)
        if request.error is not None and getattr(request, "command", "") == "HEAD":
            request.error = replace(request.error, body=b"")
        if not self.server.accepting:
            request.headers["CONNECTION"] = "close"
        super().service()


class _Listener:
    """What is added to waitress's servers, each of which has one socket that listens."""

    channel_class = Channel
    adj: Adjustments
    task_dispatcher: ThreadedTaskDispatcher
    # Answers those that are refused while all threads are busy.
    refusals: ThreadedTaskDispatcher
    accepting: bool
    socket: socket.socket
    most_held = 0
    # How many requests have arrived.
    count = 0
    _map: dict[int, Any]

    def channels(self) -> list[Channel]:
        """All connections of this process."""
        return [channel for channel in self._map.values() if isinstance(channel, Channel)]

    def excess(self) -> int:
        """By how many bytes what is held for all clients together is too much."""
        return sum(held for channel in self.channels() if (held := channel.held) > SMALL) - self.most_held

    def add_task(self, channel: Channel) -> None:
        """Queue a connection's first request, or refuse it if those before it have waited too long already."""
        self.count += 1
        now = channel.queued_at = time.monotonic()
        if now - self._oldest_queued(now) > SECONDS_IN_THE_QUEUE:
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
        # Waitress accepts no more at the limit itself.
        if len(self._map) >= self.adj.connection_limit - 1:
            self._make_room()

    def accept(self) -> Any:
        """A new connection and its address; None if there is none, or no file is left for it."""
        try:
            return super().accept()  # type: ignore[misc]
        except OSError:
            self._make_room()
            return None

    def _make_room(self) -> None:
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
            arriving = channel.request
            is_late = arriving is not None and now - arriving.began > SECONDS_FOR_A_REQUEST
            is_unread = excess > 0 and channel.total_outbufs_len > SMALL
            if is_late or is_unread or now - channel.last_activity > SECONDS_IDLE:
                channel.will_close = True
                excess -= channel.held

    def stop_accepting(self) -> None:
        """Leave new connections to others."""
        self.accepting = False
        self.socket.close()


class TCPListener(_Listener, TcpWSGIServer):  # type: ignore[misc]
    """Listens on an address."""


class UnixListener(_Listener, UnixWSGIServer):  # type: ignore[misc]
    """Listens on a path."""

    def fix_addr(self, addr: Any) -> tuple[str, None]:
        """The address of clients: a proxy on this machine, which Kazoo trusts by default."""
        return "127.0.0.1", None


class Worker(base.Worker):
    """The process. `worker_connections` and `threads` of gunicorn's settings count."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self._map: dict[int, Any] = {}
        self._listeners: list[Any] = []

    def run(self) -> None:
        """Serve until gunicorn ends the worker. Then answer what has arrived, within gunicorn's time for that."""
        sys.setswitchinterval(SECONDS_OF_A_TURN)
        self._listen()
        while self.alive and self.ppid == os.getppid() and self._count() < self.max_requests:
            self._turn()
        # Notices have to be sent before gunicorn kills the process.
        end = time.monotonic() + max(1, self.cfg.graceful_timeout - 2)
        waiting = [listener.socket for listener in self._listeners]
        while select.select(waiting, (), (), 0)[0] and time.monotonic() < end:
            self._turn()
        for listener in self._listeners:
            listener.stop_accepting()
        while (channels := self._listeners[0].channels()) and time.monotonic() < end:
            self._turn(0.1)
            for channel in channels:
                channel.will_close = channel.will_close or channel.is_silent(SECONDS_OF_SILENCE)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """gunicorn wants this worker to end."""
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
        # It warns of each request that waits for a thread.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        share = Settings.from_environment().max_buffered // self.cfg.workers
        most_held = max(share, LEAST_BUFFERED) * 1_000_000
        sockets: Any = self.sockets
        for opened in [wrapper.sock for wrapper in sockets]:
            kind = UnixListener if opened.family == socket.AF_UNIX else TCPListener
            info = (opened.family, opened.type, opened.proto, opened.getsockname())
            options = {"dispatcher": threads, "adj": limits, "sockinfo": info, "bind_socket": False}
            listener: Any = kind(self.wsgi, self._map, True, opened, **options)
            listener.refusals = refusals
            listener.most_held = most_held
            self._listeners.append(listener)

    def _count(self) -> int:
        return sum(listener.count for listener in self._listeners)

    def _turn(self, seconds: float = 1) -> None:
        """Let the event loop handle what happens within this time."""
        self.notify()
        try:
            wasyncore.loop(seconds, use_poll=True, map=self._map, count=1)
        except Exception:
            log.exception("unexpected fault of the HTTP server")
