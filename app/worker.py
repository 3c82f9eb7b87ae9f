"""gunicorn's threaded worker, changed so that a thread gets a request only when all of it has arrived.

gunicorn's own worker gives a connection to a thread at its first byte. The thread then waits for the rest as long as
the client likes, so a few slow clients could occupy all threads. Here the worker's event loop collects the headers
and the body of a request, within a time limit.

A thread that has answered waits briefly for the next request of its connection, if no other request needs a thread.
Going back through the event loop takes longer than answering a read.

The code builds on gunicorn's internal methods, so setup.cfg pins the minor version, and `check_gunicorn` compares
what is installed with what is expected. `docs/worker.md` tells what else was tried.
"""

import contextlib
import errno
import inspect
import select
import selectors
import socket
import struct
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus

import gunicorn
from gunicorn.config import Config
from gunicorn.http.errors import (  # type: ignore[attr-defined]
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import Unreader
from gunicorn.util import write_error
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.request_buffer import READ_SIZE, Received

SECONDS_FOR_A_REQUEST = 20.0
# How long a thread waits for a client that neither sends nor reads.
SECONDS_IN_A_THREAD = 5
SECONDS_TO_CLOSE = 2.0
MOST_DISCARDED = 64 * 1024
# A client nearby, or a busy proxy, has sent its next request by then.
MILLISECONDS_TO_LINGER = 2
# Host and port of a client, or what gunicorn gives for a socket without a network address.
Address = tuple[str, int] | str | int
_STATUS_OF = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}
# The methods that this worker overrides or calls, with their parameters.
_METHODS: dict[type, dict[str, tuple[str, ...]]] = {
    TConn: {"__init__": ("cfg", "sock", "client", "server"), "init": (), "close": ("graceful",)},
    ThreadWorker: {
        "accept": ("listener",),
        "enqueue_req": ("conn",),
        "finish_request": ("conn", "fs"),
        "handle": ("conn",),
        "handle_error": ("req", "client", "addr", "exc"),
        "handle_request": ("req", "conn"),
        "init_process": (),
        "murder_pending": (),
        "on_client_socket_readable": ("conn", "client"),
    },
    RequestParser: {"__init__": ("cfg", "source", "source_addr")},
    Unreader: {"take_buffered": ()},
}
# The attributes of gunicorn's worker that this one uses.
_ATTRIBUTES = ("poller", "keepalived_conns", "pending_conns", "nr_conns")


class GunicornChanged(Exception):
    """The installed gunicorn is not the one that this worker is written for."""


def check_gunicorn() -> None:
    """Compare gunicorn's internal methods with those that this worker expects. Raises GunicornChanged."""
    differing = [
        f"{owner.__name__}.{name}"
        for owner, methods in _METHODS.items()
        for name, parameters in methods.items()
        if _parameters(owner, name) != parameters
    ]
    differing += [name for name in _ATTRIBUTES if name not in ThreadWorker.__init__.__code__.co_names]
    if differing:
        raise GunicornChanged(f"gunicorn {gunicorn.__version__} is not as expected in {', '.join(differing)}")


def _parameters(owner: type, name: str) -> tuple[str, ...] | None:
    method = getattr(owner, name, None)
    return tuple(inspect.signature(method).parameters)[1:] if method else None


class Connection(TConn):
    """A connection and what its client has sent so far. The event loop closes it at `timeout` (monotonic seconds)."""

    parser: RequestParser
    timeout: float

    def __init__(self, cfg: Config, client: socket.socket, address: Address, server: Address):
        super().__init__(cfg, client, address, server)
        self.received = Received(client)
        self.parser = RequestParser(cfg, self.received, address)
        self.initialized = True
        # Number of bytes that came after the last answer was sent.
        self.discarded = 0


class CollectingWorker(ThreadWorker):
    """The worker. `pending_conns` are the connections whose request has not arrived completely, oldest first.

    `accept` makes all connections, so every connection that gunicorn passes on is a Connection.
    """

    def init_process(self) -> None:
        """Start working. gunicorn's settings are read once here, because it looks up dozens for each request."""
        vars(self.cfg).update({name: setting.get() for name, setting in self.cfg.settings.items()})
        self._given_away = 0
        self._closing: deque[Connection] = deque()
        super().init_process()

    # In the event loop

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        for way in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            client.setsockopt(socket.SOL_SOCKET, way, struct.pack("ll", SECONDS_IN_A_THREAD, 0))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.nr_conns += 1
        self._collect(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:  # type: ignore[override]
        """Take the next request on a connection that was kept alive. Usually all of it has arrived."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        conn.received.collect()
        if not self._go_on(conn):
            self._collect(conn)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, or put it into the queue for one."""
        self._given_away += 1
        super().enqueue_req(conn)

    def finish_request(self, conn: Connection, fs: Future[bool]) -> None:  # type: ignore[override]
        """Take a connection back from its thread."""
        self._given_away -= 1
        if fs.cancelled() or fs.exception() or not fs.result():
            self._let_go(conn)
        elif conn.received.is_complete():
            self.enqueue_req(conn)
        elif not conn.received.is_empty():
            conn.sock.setblocking(False)
            self._collect(conn)
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Close the connections whose time limit has passed."""
        super().murder_pending()
        while self._closing and self._closing[0].timeout <= time.monotonic():
            self._close(self._closing[0])

    def _let_go(self, conn: Connection) -> None:
        """Close a connection when its client has closed it, or after SECONDS_TO_CLOSE.

        If it were closed at once, the client might lose the answer.
        """
        conn.timeout = time.monotonic() + SECONDS_TO_CLOSE
        self._closing.append(conn)
        try:
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
            conn.sock.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            self._close(conn)

    def _discard(self, conn: Connection, client: socket.socket) -> None:
        try:
            data = client.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        conn.discarded += len(data)
        if not data or conn.discarded > MOST_DISCARDED:
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        self._closing.remove(conn)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _collect(self, conn: Connection) -> None:
        """Let the event loop wait for the rest of a request, for at most SECONDS_FOR_A_REQUEST."""
        conn.timeout = time.monotonic() + SECONDS_FOR_A_REQUEST
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._collect_more, conn))

    def _collect_more(self, conn: Connection, client: socket.socket) -> None:
        conn.received.collect()
        if conn.received.is_closed or conn.received.is_complete():
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._go_on(conn)

    def _go_on(self, conn: Connection) -> bool:
        """Give a complete request to a thread, or drop a closed connection. Returns whether either was done."""
        if conn.received.is_closed:
            self.nr_conns -= 1
            conn.close()
        elif conn.received.is_complete():
            self.enqueue_req(conn)
        else:
            return False
        return True

    # In a thread

    def handle(self, conn: Connection) -> bool:  # type: ignore[override]
        """Answer a request and those that follow at once. Return whether the connection is kept alive."""
        while True:
            conn.received.deadline = time.monotonic() + SECONDS_FOR_A_REQUEST
            is_kept = super().handle(conn)
            conn.received.put_back(conn.parser.unreader.take_buffered())
            if not is_kept or not self._follows(conn):
                return is_kept

    def handle_error(self, req: Request | None, client: socket.socket, addr: Address, exc: BaseException) -> None:
        """Answer bytes that are not HTTP. Neither log nor answer repeats them: there may be a token in them."""
        if not isinstance(exc, ParseException) or isinstance(exc, (InvalidResponseHeader, InvalidResponseHeaderName)):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("no HTTP from %s: %s", addr[0] if isinstance(addr, tuple) else "?", type(exc).__name__)
        status = HTTPStatus(_STATUS_OF.get(type(exc), 400))
        with contextlib.suppress(OSError):
            write_error(client, int(status), status.phrase, "")

    def _follows(self, conn: Connection) -> bool:
        """Whether the whole next request is there, after waiting at most MILLISECONDS_TO_LINGER for it."""
        if self._given_away > self.cfg.threads or not self.alive:
            return False
        if conn.received.is_complete():
            return True
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        if not poll.poll(MILLISECONDS_TO_LINGER):
            return False
        conn.received.collect()
        return conn.received.is_complete()
