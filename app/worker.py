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
        connection.received = bytearray()
        self._collect(connection)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """The next request on a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)

    def _collect(self, conn: TConn) -> None:
        conn.timeout = time.monotonic() + SECONDS_FOR_A_REQUEST
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        self._receive(conn, conn.sock)

    def _receive(self, conn: TConn, client: socket.socket) -> None:
        try:
            data = client.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        conn.received += data
        if data and not is_complete(conn.received):
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        if data:
            self._hand_over(conn)
        else:
            self.nr_conns -= 1
            conn.close()

    def _hand_over(self, conn: TConn) -> None:
        """Give the request to a thread, whose parser finds it as if it had read it itself."""
        received, conn.received = bytes(conn.received), bytearray()
        conn.init()
        conn.parser.unreader.unread(received)
        conn.data_ready = True
        self.enqueue_req(conn)
