"""Reads the requests of one connection from bytes that arrive little by little (RFC 9112)."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import httptools

# Crossbar's server takes request lines up to 8000 bytes.
LONGEST_LINE = 8190
LONGEST_HEADER = 8190
MOST_HEADERS = 100
LONGEST_HEAD = 128 * 1024
LARGEST_BODY = 9_000_000
LONGEST_CHUNK_LINE = 1024

_REQUEST_LINE = re.compile(rb"([A-Z][A-Z-]{0,19}) ([^\x00-\x20\x7f]+) (HTTP/1\.[01])")
_CHUNK_SIZE = re.compile(rb"0*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?")


class Refused(Exception):
    """These bytes are no request that this server takes. `status` is the answer; the connection is of no more use."""

    def __init__(self, status: HTTPStatus):
        super().__init__(status.phrase)
        self.status = status


@dataclass(slots=True)
class Request:
    """One request. `headers` are in the order of arrival, with names in lower case; texts are Latin-1.

    `length` is what the client announced: None for chunks. A body that is too large is left out or cut short, and
    `length` is then more than `body` has. The client's next bytes belong to it, so `keeps_alive` is False.
    """

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes
    length: int | None
    keeps_alive: bool


class RequestReader:
    """Collects bytes until they are a request.

    Each byte is looked at once. The request line is checked here, because llhttp knows only registered methods and
    ASCII targets. llhttp checks the headers.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._head: _Head | None = None
        self._body: _Body = _NO_BODY

    @property
    def size(self) -> int:
        """How many bytes are held."""
        return len(self._buffer) + len(self._body.data)

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request has arrived."""
        return bool(self._buffer) or self._head is not None

    def feed(self, data: bytes) -> None:
        """Take what the client sent."""
        self._buffer += data

    def take(self) -> Request | None:
        """The next request, or None if more bytes must arrive. Raises Refused."""
        if self._head is None:
            text = self._take_head()
            if text is None:
                return None
            self._head = _Head(text)
            self._body = self._head.make_body()
        head, body = self._head, self._body
        if not body.take(self._buffer):
            return None
        self._head, self._body = None, _NO_BODY
        return Request(
            head.method,
            head.target,
            head.version,
            head.headers,
            bytes(body.data),
            body.announced,
            head.keeps_alive and not body.is_cut,
        )

    def awaits_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body. True once for a request."""
        head = self._head
        if head is None or not head.expects_continue or self.size:
            return False
        head.expects_continue = False
        return True

    def _take_head(self) -> bytes | None:
        buffer = self._buffer
        while buffer[:2] == b"\r\n":
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            self._searched = max(0, len(buffer) - 3)
            if len(buffer) > LONGEST_LINE and b"\r\n" not in buffer[: LONGEST_LINE + 2]:
                raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
            if len(buffer) > LONGEST_HEAD:
                raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return None
        self._searched = 0
        text = bytes(buffer[: end + 4])
        del buffer[: end + 4]
        return text


class _Head:
    """Request line and headers. Its `on_` methods are what httptools calls. Raises Refused."""

    def __init__(self, text: bytes):
        end = text.index(b"\r\n")
        if end > LONGEST_LINE:
            raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
        if len(text) - end > LONGEST_HEAD:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        line = _REQUEST_LINE.fullmatch(text, 0, end)
        if line is None:
            raise Refused(HTTPStatus.BAD_REQUEST)
        self.method, self.target, self.version = (part.decode("latin-1") for part in line.groups())
        self.headers: list[tuple[str, str]] = []
        self.keeps_alive = False
        self.expects_continue = False
        self._length = 0
        self._is_chunked = False
        self._is_whole = False
        self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(b"POST / " + line[3] + text[end:])
        except httptools.HttpParserUpgrade:
            # Another protocol is an offer, which need not be taken.
            pass
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ if isinstance(error.__context__, Refused) else error from None
        except httptools.HttpParserError:
            raise Refused(HTTPStatus.BAD_REQUEST) from None
        del self._parser
        if not self._is_whole:
            raise Refused(HTTPStatus.BAD_REQUEST)

    def make_body(self) -> "_Body":
        """What collects the body of this request."""
        if self._is_chunked:
            return _Chunks()
        return _Counted(self._length) if self._length else _NO_BODY

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. In WSGI `_` and `-` are the same, so a name with `_` could pass for one that a proxy sets."""
        if len(name) + len(value) > LONGEST_HEADER or len(self.headers) >= MOST_HEADERS:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if b"_" in name:
            return
        header = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        self.headers.append(header)
        if header[0] in _OF_A_BODY:
            _OF_A_BODY[header[0]](self, header[1])

    def on_headers_complete(self) -> None:
        """The end of the headers."""
        self._is_whole = True
        self.keeps_alive = self._parser.should_keep_alive()

    def _take_length(self, value: str) -> None:
        self._length = int(value)

    def _take_coding(self, value: str) -> None:
        if self.version == "HTTP/1.0":
            raise Refused(HTTPStatus.BAD_REQUEST)
        if value.lower() != "chunked" or self._is_chunked:
            raise Refused(HTTPStatus.NOT_IMPLEMENTED)
        self._is_chunked = True

    def _take_expectation(self, value: str) -> None:
        if value.lower() != "100-continue":
            raise Refused(HTTPStatus.EXPECTATION_FAILED)
        # HTTP/1.0 has no `100 Continue`.
        self.expects_continue = self.version == "HTTP/1.1"


_OF_A_BODY = {
    "content-length": _Head._take_length,
    "transfer-encoding": _Head._take_coding,
    "expect": _Head._take_expectation,
}


class _Body(Protocol):
    """Collects a body. `take` moves its bytes from the buffer, and returns whether that was all of it."""

    data: bytes | bytearray
    # The announced length; None for chunks, unless they are cut.
    announced: int | None
    is_cut: bool

    def take(self, buffer: bytearray) -> bool:
        """Raises Refused."""


class _Counted:
    """A body of known length. One that is too large is not waited for."""

    def __init__(self, length: int):
        self.data: bytes | bytearray = b""
        self.announced: int | None = length
        self.is_cut = length > LARGEST_BODY

    def take(self, buffer: bytearray) -> bool:
        length = self.announced or 0
        if self.is_cut:
            buffer.clear()
        elif len(buffer) < length:
            return False
        else:
            self.data = bytes(buffer[:length])
            del buffer[:length]
        return True


class _Chunks:
    """A body in chunks. It is cut where a chunk is announced that would make it too large."""

    def __init__(self) -> None:
        self.data: bytes | bytearray = bytearray()
        self.announced: int | None = None
        self.is_cut = False
        # What is missing of the current chunk, with the line break after it. None before a line with a size.
        self._missing: int | None = None
        self._is_last = False
        self._trailers = 0

    def take(self, buffer: bytearray) -> bool:
        while not self.is_cut:
            if self._is_last:
                return self._take_trailers(buffer)
            if self._missing is None:
                if not self._take_size(buffer):
                    return False
            elif not self._take_data(buffer):
                return False
        buffer.clear()
        return True

    def _take_size(self, buffer: bytearray) -> bool:
        line = _take_line(buffer, LONGEST_CHUNK_LINE)
        if line is None:
            return False
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise Refused(HTTPStatus.BAD_REQUEST)
        length = int(size[1], 16)
        self._is_last = length == 0
        self._missing = length + 2
        if len(self.data) + length > LARGEST_BODY:
            self.is_cut = True
            self.announced = len(self.data) + length
        return True

    def _take_data(self, buffer: bytearray) -> bool:
        missing = self._missing or 0
        if missing > 2:
            part = buffer[: missing - 2]
            self.data += part
            del buffer[: len(part)]
            self._missing = missing = missing - len(part)
        if missing > 2 or len(buffer) < 2:
            return False
        if buffer[:2] != b"\r\n":
            raise Refused(HTTPStatus.BAD_REQUEST)
        del buffer[:2]
        self._missing = None
        return True

    def _take_trailers(self, buffer: bytearray) -> bool:
        """Trailers are left out: no client of this API sends any."""
        while (line := _take_line(buffer, LONGEST_HEADER)) is not None:
            if not line:
                return True
            self._trailers += 1
            if self._trailers > MOST_HEADERS:
                raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        return False


_NO_BODY = _Counted(0)


def _take_line(buffer: bytearray, longest: int) -> bytes | None:
    """The next line without its end, or None if it has not arrived. Raises Refused if it is too long."""
    end = buffer.find(b"\r\n", 0, longest + 2)
    if end < 0:
        if len(buffer) > longest:
            raise Refused(HTTPStatus.BAD_REQUEST)
        return None
    line = bytes(buffer[:end])
    del buffer[: end + 2]
    return line
