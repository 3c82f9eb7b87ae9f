"""Load: the same request over and over, on so many connections, from processes of their own.

`wrk` where it is installed (it measures whole seconds, which a quick run has not got), else the generator below,
which speaks just enough HTTP to be faster than what it measures (`make bench` measures that too).
"""

import multiprocessing
import re
import secrets
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# A process that had nothing to do is slow at first; that is not what is measured.
WARM_UP_SECONDS = 0.05

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_LUA = """wrk.method = "{method}"
wrk.body = {body}
{headers}
"""


@dataclass(frozen=True)
class Request:
    """What is sent, and the status that every answer must have.

    `{n}` in the URL is the connection's number, `{id}` a fresh document id for each time it is sent.
    """

    url: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    status: int = 200

    @property
    def varies(self) -> bool:
        """Whether it is not the same on every connection and each time; wrk sends one text only."""
        return "{" in self.url

    def encoded(self, connection: int = 0) -> bytes:
        """The request as it goes over the wire on one connection, but for `{id}`."""
        parts = urlsplit(self.url.replace("{n}", str(connection)))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{self.method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        body = (self.body or "").encode()
        if self.body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class WrongAnswer(Exception):
    """The server did not answer with the status that was asked for: there is nothing to measure."""


def requests_per_second(request: Request, connections: int, seconds: float, bundled: bool = False) -> float:
    """How often the request is answered. Raises WrongAnswer."""
    check(request)
    if shutil.which("wrk") and not bundled and not request.varies:
        return _wrk(request, connections, seconds)
    return sum(counted / elapsed for counted, _, elapsed in _generate(request, connections, seconds))


def requests_answered(request: Request, connections: int, seconds: float) -> int:
    """How many requests the generator below sent in this time, those to warm up included. Raises WrongAnswer."""
    check(request)
    return 1 + sum(total for _, total, _ in _generate(request, connections, seconds))


def _generate(request: Request, connections: int, seconds: float) -> list[tuple[int, int, float]]:
    """Of each process of the generator: the answers that count, all answers, and the seconds of those that count."""
    processes = min(2, connections)
    shares = [range(first, connections, processes) for first in range(processes)]
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[tuple[int, int, float]] = context.Queue()
    workers = [context.Process(target=_work, args=(request, share, seconds, results)) for share in shares]
    for worker in workers:
        worker.start()
    counts = [results.get(timeout=seconds + 60) for _ in workers]
    for worker in workers:
        worker.join()
    return counts


def check(request: Request) -> bytes:
    """Send the request once; the whole answer. Raises WrongAnswer."""
    with _connect(request.url) as connection:
        connection.settimeout(60)
        connection.sendall(_with_fresh_id(request.encoded()))
        answer = _receive_one(connection)
    if int(answer.split(b" ", 2)[1]) != request.status:
        raise WrongAnswer(f"{request.method} {request.url}: {answer[:400]!r}")
    return answer


def _with_fresh_id(text: bytes) -> bytes:
    return text.replace(b"{id}", secrets.token_hex(16).encode(), 1) if b"{id}" in text else text


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _receive_one(connection: socket.socket) -> bytes:
    received = b""
    while not _is_whole(received):
        data = connection.recv(1 << 18)
        if not data:
            raise WrongAnswer(f"connection closed after {received[:200]!r}")
        received += data
    return received


def _is_whole(received: bytes) -> bool:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    if received[9:12] in (b"304", b"204"):
        return True
    match = _LENGTH.search(received, 0, end)
    if match is None:
        return received.endswith(b"0\r\n\r\n")
    return len(received) >= end + 4 + int(match.group(1))


def _work(
    request: Request, numbers: range, seconds: float, results: "multiprocessing.Queue[tuple[int, int, float]]"
) -> None:
    """Keep every connection busy with one request, and tell what `_generate` returns."""
    with selectors.DefaultSelector() as selector:
        sockets = [_connect(request.url) for _ in numbers]
        for connection, number in zip(sockets, numbers, strict=True):
            text = request.encoded(number)
            selector.register(connection, selectors.EVENT_READ, (connection, bytearray(), text))
            connection.sendall(_with_fresh_id(text))
        count, total, started = 0, 0, time.perf_counter() + WARM_UP_SECONDS
        now = time.perf_counter()
        while now - started < seconds:
            for key, _ in selector.select(1):
                connection, buffer, text = key.data
                buffer += connection.recv(1 << 18)
                if _is_whole(buffer):
                    count += now >= started
                    total += 1
                    buffer.clear()
                    connection.sendall(_with_fresh_id(text))
            now = time.perf_counter()
        for connection in sockets:
            connection.close()
    results.put((count, total, now - started))


def _wrk(request: Request, connections: int, seconds: float) -> float:
    quoted = "nil" if request.body is None else _lua_text(request.body)
    headers = "\n".join(f'wrk.headers["{name}"] = {_lua_text(value)}' for name, value in request.headers.items())
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_LUA.format(method=request.method, body=quoted, headers=headers))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name, request.url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    if rate is None:
        raise WrongAnswer(f"wrk tells no rate: {output!r}")
    return float(rate.group(1))


def _lua_text(text: str) -> str:
    return f"[==[{text}]==]"
