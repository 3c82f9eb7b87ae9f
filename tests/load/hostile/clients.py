"""Who is attacked, and the connections of an attack: many of them, in one event loop.

Only a service on a loopback address is attacked. An attack ends after its time, and sends no more than MOST_BYTES.
"""

import asyncio
import ipaddress
import json
import re
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MOST_BYTES = 4_000_000_000
SECONDS_TO_CLEAN_UP = 60.0
# A client whose connection was refused or closed comes back after so long; otherwise it would do nothing but connect.
SECONDS_TO_COME_BACK = 0.01
FOR_EVER = 3600.0
CLIENTS_THAT_CLEAN_UP = 8

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)

# What one client of an attack does. It is called again when it has returned or lost its connection.
Visit = Callable[[], Awaitable[None]]


class NotLoopback(ValueError):
    """The address may belong to somebody else."""


class WrongAnswer(Exception):
    """The service did not do what an attack needs done before it can begin."""


def loopback_address(url: str) -> tuple[str, int]:
    """The address and port in the URL of a service on this machine. Raises NotLoopback for all others.

    No name but `localhost` is looked up: what a name stands for may change between the look-up and the attack.
    """
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    try:
        is_loopback = parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
        port = parts.port or 80
    except ValueError:
        is_loopback, port = False, 0
    if not is_loopback:
        raise NotLoopback(f"{url!r} is not http:// and a loopback address: only your own service may be attacked")
    return host, port


@dataclass(frozen=True)
class Target:
    """The service, an account and a token for it.

    `threads` is how many requests the service handles at once. `prefix` begins the ids of all documents that are
    created, so that they and no others are deleted.
    """

    host: str
    port: int
    account_id: str
    token: str
    threads: int
    prefix: str

    @property
    def collection(self) -> str:
        """The path of the account's trunks."""
        return f"/v2/accounts/{self.account_id}/connectivity"

    def connect(self) -> socket.socket:
        """A socket that is not yet connected, of the address's family."""
        return socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)

    def request(self, method: str, path: str, body: bytes | None = None, *headers: str, knows: bool = True) -> bytes:
        """A request as it is sent. It has the token unless the client does not know it."""
        lines = [*headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return self.head(method, path, *lines, knows=knows) + (body or b"")

    def head(self, method: str, path: str, *headers: str, knows: bool = True) -> bytes:
        """Request line and headers."""
        lines = [f"{method} {path} HTTP/1.1", "Host: hostile", *headers]
        if knows:
            lines.append(f"X-Auth-Token: {self.token}")
        return "\r\n".join([*lines, "", ""]).encode()


class Client:
    """One connection of an attack. All that it receives is searched for status lines, which its crowd counts."""

    def __init__(self, crowd: "Crowd", sock: socket.socket):
        self._crowd = crowd
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        # The end of what was received: a status line may be cut in two.
        self._tail = b""

    async def send(self, data: bytes) -> None:
        """Send all of it, as fast as the service takes it."""
        await self._crowd.spend(len(data))
        await self._loop.sock_sendall(self._sock, data)

    async def receive(self, most: int = 65536) -> bytes:
        """Some bytes. Raises ConnectionError at the end."""
        data = await self._loop.sock_recv(self._sock, most)
        if not data:
            raise ConnectionResetError("closed by the service")
        seen = self._tail + data
        self._crowd.statuses.update(int(status) for status in _STATUS.findall(seen))
        self._tail = seen[-12:]
        return data

    async def until_closed(self) -> None:
        """Take what comes until the service closes the connection. Raises ConnectionError then."""
        while True:
            await self.receive()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status and the body of its answer."""
        await self.send(request)
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += await self.receive()
        status = int(received[9:12])
        length = _LENGTH.search(received, 0, end + 2)
        missing = end + 4 + (int(length[1]) if length else 0)
        while len(received) < missing:
            received += await self.receive(1 << 18)
        return status, bytes(received[end + 4 : missing])

    async def ask_for(self, status: int, request: bytes) -> Any:
        """The JSON of the answer to a request. Raises WrongAnswer if it has another status."""
        answered, body = await self.ask(request)
        if answered != status:
            raise WrongAnswer(f"{request[:80]!r} was answered with {answered}: {body[:200]!r}")
        return json.loads(body)


class Crowd:
    """The clients of one attack, and what they count together.

    `notify` is called with "begun" and "ended", before the first client starts and after the last one has gone.
    """

    def __init__(self, target: Target, seconds: float, notify: Callable[[str], None]):
        self.target = target
        self.statuses: Counter[int] = Counter()
        self._seconds = seconds
        self._notify = notify
        self._sent = 0

    @asynccontextmanager
    async def connect(self, receive_buffer: int | None = None) -> AsyncIterator[Client]:
        """A connection, closed at the end. With a small buffer the service soon notices that nobody reads."""
        with self.target.connect() as sock:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            await asyncio.get_running_loop().sock_connect(sock, (self.target.host, self.target.port))
            yield Client(self, sock)

    async def attack(self, *groups: tuple[int, Visit]) -> None:
        """Let so many clients of each kind visit the service again and again, for the time of an attack."""
        self._notify("begun")
        tasks = [asyncio.create_task(_again(visit)) for count, visit in groups for _ in range(count)]
        done, _ = await asyncio.wait(tasks, timeout=self._seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._notify("ended")
        for task in done:
            task.result()

    async def spend(self, size: int) -> None:
        """Ask whether so many bytes may be sent; who asks for too many waits until the attack is over."""
        if self._sent + size > MOST_BYTES:
            await asyncio.sleep(FOR_EVER)
        self._sent += size

    @asynccontextmanager
    async def cleaning_up(self) -> AsyncIterator[None]:
        """Delete at the end what the attack created: documents whose ids begin with the target's prefix and `-`."""
        try:
            yield
        finally:
            await self.delete(f"{self.target.prefix}-")

    async def delete(self, prefix: str) -> None:
        """Delete the documents whose ids begin with this, unless that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_CLEAN_UP):
                while ids := await self._ids(prefix):
                    shares = (ids[start::CLIENTS_THAT_CLEAN_UP] for start in range(CLIENTS_THAT_CLEAN_UP))
                    await asyncio.gather(*map(self._delete, shares))

    async def _ids(self, prefix: str) -> list[str]:
        """What is left to delete. An overloaded service is asked until it answers."""
        while True:
            with suppress(OSError, WrongAnswer):
                async with self.connect() as client:
                    path = f"{self.target.collection}?paginate=false"
                    ids = (await client.ask_for(200, self.target.request("GET", path)))["data"]
                    return [each for each in ids if each.startswith(prefix)]
            await asyncio.sleep(1)

    async def _delete(self, ids: list[str]) -> None:
        with suppress(OSError):
            async with self.connect() as client:
                for each in ids:
                    await client.ask(self.target.request("DELETE", f"{self.target.collection}/{each}"))


async def _again(visit: Visit) -> None:
    while True:
        with suppress(OSError):
            await visit()
        await asyncio.sleep(SECONDS_TO_COME_BACK)


def clean_up(target: Target) -> None:
    """Delete all documents whose ids begin with the target's prefix, those of requests that were late too."""
    asyncio.run(Crowd(target, 0, lambda event: None).delete(target.prefix))


def run(attack: Callable[[Crowd], Coroutine[Any, Any, None]], target: Target, seconds: float, tell: Any) -> None:
    """Run an attack and tell what happens, as tuples: the event, its monotonic time, and what there is to it."""
    crowd = Crowd(target, seconds, lambda event: tell((event, time.monotonic(), None)))
    try:
        asyncio.run(attack(crowd))
        tell(("done", time.monotonic(), crowd.statuses))
    except Exception as error:
        tell(("failed", time.monotonic(), f"{type(error).__name__}: {error}"))
