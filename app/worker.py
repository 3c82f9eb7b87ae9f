"""gunicorn's threaded worker, with requests given to a thread only once they are there.

The stock worker hands a connection to a thread at its first byte, and the thread then waits for the rest as
long as the client likes; a few slow clients would take all threads. Here the worker's event loop collects a
request, headers and body, within a deadline. It builds on gunicorn's own methods, so the version is pinned.
"""

import errno
import re
import selectors
import socket
import struct
import time
from functools import partial

from gunicorn.workers.gthread import TConn, ThreadWorker

SECONDS_FOR_A_REQUEST = 20.0
SECONDS_FOR_A_CHUNK = 5
LONGEST_HEADERS = 128 * 1024
LARGEST_BODY = 9_000_000
READ_SIZE = 256 * 1024

_HEADERS_END = b"\r\n\r\n"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*\r\n", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:", re.IGNORECASE)


def is_complete(received: bytes | bytearray) -> bool:
    """Whether a thread can go on with what a client has sent so far.

    So it is, too, where the rest is not worth waiting for: headers or bodies beyond all limits, and clients
    that wait for `100 Continue`. A chunked body is the thread's to read.
    """
    end = received.find(_HEADERS_END)
    if end < 0:
        return len(received) > LONGEST_HEADERS
    headers = bytes(received[: end + 2])
    length = _CONTENT_LENGTH.search(headers)
    if length is None or int(length.group(1)) > LARGEST_BODY or _EXPECTS.search(headers):
        return True
    return len(received) >= end + len(_HEADERS_END) + int(length.group(1))


class CollectingWorker(ThreadWorker):
    """`pending_conns` are the connections whose request is on its way, oldest first."""

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SECONDS_FOR_A_CHUNK, 0))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.nr_conns += 1
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.received, connection.is_closed = bytearray(), False
        self._collect(connection)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """The next request on a connection that was kept alive; mostly all of it is there."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._receive(conn)
        if not self._go_on(conn):
            self._collect(conn)

    def _collect(self, conn: TConn) -> None:
        """Let the event loop wait for the rest of a request, until its deadline."""
        conn.timeout = time.monotonic() + SECONDS_FOR_A_REQUEST
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._collect_more, conn))

    def _collect_more(self, conn: TConn, client: socket.socket) -> None:
        self._receive(conn)
        if conn.is_closed or is_complete(conn.received):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._go_on(conn)

    def _receive(self, conn: TConn) -> None:
        try:
            data = conn.sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        conn.received += data
        conn.is_closed = not data

    def _go_on(self, conn: TConn) -> bool:
        """Give a whole request to a thread, let go of a closed connection; whether it was either."""
        if conn.is_closed:
            self.nr_conns -= 1
            conn.close()
        elif is_complete(conn.received):
            # The thread's parser finds the request as if it had read it itself.
            received, conn.received = bytes(conn.received), bytearray()
            conn.init()
            conn.parser.unreader.unread(received)
            conn.data_ready = True
            self.enqueue_req(conn)
        else:
            return False
        return True
