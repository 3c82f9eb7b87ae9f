"""What a client has sent so far on one connection, and whether a thread can go on with it."""

import math
import re
import socket
import time

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


class Received:
    """What gunicorn's parser reads from: first what the event loop has collected, then the socket itself."""

    def __init__(self, client: socket.socket):
        self.is_closed = False
        self.deadline = math.inf
        self._client = client
        self._collected = bytearray()

    def collect(self) -> None:
        """Take what the client has sent, without waiting for more."""
        try:
            data = self._client.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._collected += data
        self.is_closed = not data

    def is_complete(self) -> bool:
        """Whether a thread can go on with what there is."""
        return is_complete(self._collected)

    def is_empty(self) -> bool:
        """Whether nothing of the next request is there."""
        return not self._collected

    def put_back(self, data: bytes) -> None:
        """Take back what the parser has read beyond the end of a request."""
        self._collected[:0] = data

    def __iter__(self) -> "Received":
        return self

    def __next__(self) -> bytes:
        if self._collected:
            data = bytes(self._collected)
            self._collected.clear()
            return data
        if time.monotonic() > self.deadline:
            raise TimeoutError
        try:
            data = self._client.recv(READ_SIZE)
        except BlockingIOError:
            raise TimeoutError from None
        if not data:
            raise StopIteration
        return data
