"""What a client has sent so far on one connection, and whether a thread can go on with it."""

import contextlib
import math
import re
import socket
import time

LONGEST_HEADERS = 128 * 1024
LARGEST_BODY = 9_000_000
LONGEST_CHUNK_LINE = 1024
READ_SIZE = 256 * 1024

_HEADERS_END = b"\r\n\r\n"
_OF_A_BODY = re.compile(rb"\r\n(content-length|transfer-encoding|expect):", re.IGNORECASE)
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*0*([0-9]{1,12})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:(?:[^\r\n]*[ \t,])?chunked[ \t]*\r\n", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*([^\r\n]*)(?=\r\n)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[ \t]*0*([0-9a-f]{1,8})[ \t]*(;.*)?", re.IGNORECASE | re.DOTALL)
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def next_chunk(received: bytes | bytearray, at: int) -> int | None:
    """The position of the first incomplete chunk; the search starts at the chunk that begins at `at`.

    None where there is nothing to wait for: the last chunk and its trailers are there, a chunk is malformed, or the
    body is too large.
    """
    while True:
        end = received.find(b"\r\n", at)
        if end < 0:
            return at if len(received) - at < LONGEST_CHUNK_LINE else None
        size = _CHUNK_SIZE.fullmatch(received[at:end])
        if size is None or len(received) > LARGEST_BODY:
            return None
        length = int(size.group(1), 16)
        if length == 0:
            is_over = received.find(_HEADERS_END, end) >= 0 or len(received) - end > LONGEST_HEADERS
            return None if is_over else at
        following = end + length + 4
        if following > len(received):
            return at if length <= LARGEST_BODY else None
        at = following


class Received:
    """The source of gunicorn's parser: first the bytes that the event loop has collected, then the socket itself."""

    def __init__(self, client: socket.socket):
        self.is_closed = False
        self.deadline = math.inf
        self._client = client
        self._collected = bytearray()
        # The position of the first incomplete chunk; None where no chunked body is being collected.
        self._chunk_at: int | None = None

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
        """Whether a thread can take over: the request is whole, or certain to be refused.

        Refused are headers and bodies beyond the limits, and bytes that are not HTTP. A client that waits for
        `100 Continue` gets it here.
        """
        if self._chunk_at is not None:
            return self._has_last_chunk(self._chunk_at)
        end = self._collected.find(_HEADERS_END)
        if end < 0:
            return len(self._collected) > LONGEST_HEADERS
        headers = bytes(self._collected[: end + 2])
        if not _OF_A_BODY.search(headers) or self._has_body(headers):
            return True
        expects = _EXPECTS.search(headers)
        # HTTP/1.0 has no `100 Continue`.
        if expects is None or not headers.partition(b"\r\n")[0].endswith(b" HTTP/1.1"):
            return False
        if expects.group(1).strip().lower() != b"100-continue":
            return True
        self._tell_to_go_on(expects)
        return False

    def _has_body(self, headers: bytes) -> bool:
        start = len(headers) + 2
        length = _CONTENT_LENGTH.search(headers)
        if length is None and _CHUNKED.search(headers):
            return self._has_last_chunk(start)
        if length is None or _CHUNKED.search(headers) or int(length.group(1)) > LARGEST_BODY:
            return True
        return len(self._collected) >= start + int(length.group(1))

    def _has_last_chunk(self, known: int) -> bool:
        """Whether the whole body is there. A chunk begins at `known`, and all chunks before it are complete."""
        at = next_chunk(self._collected, known)
        self._chunk_at = known if at is None else at
        return at is None

    def _tell_to_go_on(self, expects: re.Match[bytes]) -> None:
        """Send `100 Continue` and remove the `Expect` header, or the parser would answer it again."""
        with contextlib.suppress(OSError):
            self._client.send(_GO_ON, socket.MSG_DONTWAIT)
        del self._collected[expects.start() : expects.end()]
        if self._chunk_at is not None:
            self._chunk_at -= expects.end() - expects.start()

    def is_empty(self) -> bool:
        """Whether no byte of the next request has been collected."""
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
            self._chunk_at = None
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
