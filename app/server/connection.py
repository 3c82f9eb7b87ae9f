"""One client's connection: what it has sent, and what is still to be sent to it."""

import select
import socket
from collections import deque
from contextlib import suppress
from http import HTTPStatus

from app.server.answer import GO_ON, Answer
from app.server.reader import Refused, Request, RequestReader

READ_SIZE = 64 * 1024


class Connection:
    """A connection, used by the event loop or by one thread, never by both at the same time. Nothing here waits.

    `request` is the one to be answered next. `refusal` is the status for bytes that are no request. `is_closed` tells
    that the client has closed it or cannot be reached.
    """

    def __init__(self, sock: socket.socket, address: object, server: object):
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.client = _host_and_port(address)[0]
        self.server = _host_and_port(server)
        self.request: Request | None = None
        self.refusal: HTTPStatus | None = None
        self.is_closed = False
        self.keeps_alive = True
        # When the event loop gives up waiting, and when the request was put into the queue; monotonic seconds.
        self.deadline = 0.0
        self.queued_at = 0.0
        # Number of bytes that came after the last answer.
        self.discarded = 0
        self._reader = RequestReader()
        self._unsent: deque[memoryview] = deque()

    @property
    def is_sending(self) -> bool:
        """Whether the client has not taken all of the last answer yet."""
        return bool(self._unsent)

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request has arrived."""
        return self._reader.has_begun

    @property
    def held(self) -> int:
        """How many bytes are held for this client."""
        body = self.request.body if self.request else b""
        return self._reader.size + len(body) + sum(map(len, self._unsent))

    def receive(self) -> None:
        """Take what the client has sent. Sets `request`, `refusal` or `is_closed` if that is known now."""
        if data := self._receive():
            self._reader.feed(data)
            self.take_next()

    def take_next(self) -> None:
        """Look for a request in what has been received."""
        try:
            self.request = self._reader.take()
        except Refused as error:
            self.refusal = error.status
            return
        if self.request is None and self._reader.awaits_continue():
            with suppress(OSError):
                self.sock.send(GO_ON)

    def discard(self) -> None:
        """Take and forget what the client still sends after its last answer. Sets `is_closed` at the end of it."""
        self.discarded += len(self._receive())

    def _receive(self) -> bytes:
        """What has arrived. Sets `is_closed` at the end."""
        try:
            data = self.sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            data = b""
        self.is_closed = not data
        return data

    def send(self, answer: Answer) -> None:
        """Begin to send an answer. What the client does not take at once stays for `send_more`."""
        self.keeps_alive = answer.keeps_alive
        self._unsent.append(memoryview(answer.data))
        self.send_more()

    def send_more(self) -> None:
        """Send as much as the client takes now."""
        while self._unsent:
            part = self._unsent[0]
            try:
                sent = self.sock.send(part)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.is_closed = True
                self._unsent.clear()
                return
            if sent == len(part):
                self._unsent.popleft()
            else:
                self._unsent[0] = part[sent:]

    def follows_within(self, milliseconds: int) -> bool:
        """Whether the client sends its whole next request in this time."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if not poll.poll(milliseconds):
            return False
        self.receive()
        return self.request is not None

    def close(self) -> None:
        """Close it; it cannot be used again."""
        self._unsent.clear()
        with suppress(OSError):
            self.sock.close()


def _host_and_port(address: object) -> tuple[str, int]:
    """Of a socket's address. One without a network address has none."""
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else ("", 0)
