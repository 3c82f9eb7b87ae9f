"""What is measured: how a normal client fares, and what the workers use (from /proc)."""

import multiprocessing
import os
import re
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.load.hostile.clients import Target
from tests.load.hostile.report import MILLISECONDS_BETWEEN, Load, Phase, Sample
from tests.support.processes import children_of

# Longer than the service may keep anybody waiting.
TIMEOUT = 5.0
# How often the normal client connects until it has a connection to each of the workers.
MOST_CONNECTIONS = 50
# CPU seconds a second, of all workers.
IDLE = 0.05

_PROC = Path("/proc")
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_LISTENING = "0A"
_FORK = multiprocessing.get_context("fork")


class NormalClient:
    """A process that reads a document every 20 ms until it is stopped, and then tells how long that took."""

    def __init__(self, target: Target, path: str, workers: "Workers"):
        self._stop = _FORK.Event()
        self._receiver, sender = _FORK.Pipe(duplex=False)
        request = target.request("GET", path)
        arguments = (target, request, workers, self._stop, sender)
        self._process = _FORK.Process(target=_read_on, args=arguments, daemon=True)
        self._process.start()

    def samples(self) -> list[Sample]:
        """Stop; all that was measured."""
        self._stop.set()
        if not self._receiver.poll(TIMEOUT * 2):
            raise TimeoutError("the normal client does not end")
        samples = self._receiver.recv()
        self._process.join(TIMEOUT)
        return samples

    def end(self) -> None:
        """End the process whatever it does."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


def _read_on(target: Target, request: bytes, workers: "Workers", stop: Event, sender: Connection) -> None:
    """Read every MILLISECONDS_BETWEEN, or as soon as the answer to the request before has come."""
    samples: list[Sample] = []
    connections = _one_to_each(target, request, workers)
    while not stop.is_set():
        sent = time.monotonic()
        status = connections[len(samples) % len(connections)].status_of(request)
        taken = (time.monotonic() - sent) * 1000
        samples.append(Sample(sent, taken, status))
        time.sleep(max(0.0, MILLISECONDS_BETWEEN - taken) / 1000)
    sender.send(samples)


def _one_to_each(target: Target, request: bytes, workers: "Workers") -> "list[_Kept]":
    """A connection to each of the workers, to be used in turn: an attack may hit one of them only."""
    found: dict[int | None, _Kept] = {}
    wanted = len(workers.pids()) or 1
    for _ in range(MOST_CONNECTIONS):
        connection = _Kept(target)
        # A worker has accepted a connection when it answers.
        if connection.status_of(request):
            found.setdefault(workers.owner_of(target.port, connection.port), connection)
        if len(found) == wanted:
            break
    return list(found.values()) or [_Kept(target)]


class _Kept:
    """A connection that is kept. One that the service has closed meanwhile is opened again, as clients do."""

    def __init__(self, target: Target):
        self._target = target
        self._sock: socket.socket | None = None

    @property
    def port(self) -> int:
        """The client's port; 0 while it is not connected."""
        return self._sock.getsockname()[1] if self._sock else 0

    def status_of(self, request: bytes) -> int:
        """The status of the answer to a request that may be repeated; 0 without an answer."""
        for is_last in (self._sock is None, True):
            try:
                return self._ask(request)
            except TimeoutError:
                self._close()
                return 0
            except OSError:
                self._close()
                if is_last:
                    return 0
        return 0

    def _ask(self, request: bytes) -> int:
        if self._sock is None:
            self._sock = self._target.connect()
            self._sock.settimeout(TIMEOUT)
            self._sock.connect((self._target.host, self._target.port))
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.sendall(request)
        received = b""
        while not _is_whole(received):
            data = self._sock.recv(65536)
            if not data:
                raise ConnectionResetError("closed by the service")
            received += data
        if b"\r\nConnection: close\r\n" in received:
            self._close()
        return int(received[9:12])

    def _close(self) -> None:
        if self._sock:
            self._sock.close()
        self._sock = None


def _is_whole(received: bytes) -> bool:
    end = received.find(b"\r\n\r\n")
    length = _LENGTH.search(received, 0, end + 2) if end >= 0 else None
    return length is not None and len(received) >= end + 4 + int(length[1])


class Workers:
    """The worker processes of a server, whose pid is known or None. Reads how much they use."""

    def __init__(self, server: int | None):
        self._server = server

    def pids(self) -> list[int]:
        """The children of the server, which come and go."""
        return sorted(children_of(self._server)) if self._server else []

    def owner_of(self, port: int, client_port: int) -> int | None:
        """The worker that has accepted a connection from this port; None if that is not known."""
        inodes = [row[9] for row in _sockets(port) if int(row[2].rpartition(":")[2], 16) == client_port]
        return next(
            (pid for pid in self.pids() if _open_files(pid) & {f"socket:[{inode}]" for inode in inodes}), None
        )

    def cpu_seconds(self) -> float:
        """CPU seconds that the workers have used since they started."""
        return sum(int(ticks) for pid in self.pids() for ticks in _stat(pid)[10:12]) / _TICKS

    def rss(self) -> float:
        """Resident megabytes."""
        return sum(_resident(pid) for pid in self.pids()) / 1e6

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until they do next to nothing, but not longer than this."""
        deadline = time.monotonic() + seconds
        used, is_idle = self.cpu_seconds(), False
        while not is_idle and time.monotonic() < deadline:
            time.sleep(1)
            before, used = used, self.cpu_seconds()
            is_idle = used - before < IDLE


class Watch:
    """Watches the workers from now on: their load, and the normal client's part in the same time."""

    def __init__(self, workers: Workers):
        self._workers = workers
        self._cpu = workers.cpu_seconds()
        self.begun = self.ended = time.monotonic()
        self.rss = self._peak = 0.0
        self.look()

    def look(self) -> float:
        """Note how many MB the workers hold now."""
        self.rss = self._workers.rss()
        self._peak = max(self._peak, self.rss)
        return self.rss

    def end(self) -> None:
        """Watch no longer."""
        self.look()
        self.ended = time.monotonic()
        self._cpu = max(0.0, self._workers.cpu_seconds() - self._cpu)

    def phase(self, samples: Sequence[Sample]) -> Phase:
        """What was measured, after the end. A request belongs to the time in which it was sent."""
        seconds = self.ended - self.begun
        load = Load(self._cpu / seconds, self.rss, self._peak) if self.rss else None
        return Phase([sample for sample in samples if self.begun <= sample.sent < self.ended], load)


def server_of(port: int) -> int | None:
    """The process that listens on a port and has not been forked by one that does too; None if it is not visible."""
    sockets = {f"socket:[{row[9]}]" for row in _sockets(port) if row[3] == _LISTENING}
    owners = [pid for pid in _pids() if sockets & _open_files(pid)] if sockets else []
    return next((pid for pid in owners if _stat(pid) and int(_stat(pid)[0]) not in owners), None)


def _sockets(port: int) -> list[list[str]]:
    """The kernel's rows of sockets with this local port: [1] that address, [2] the other, [3] state, [9] inode."""
    found = []
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            rows = [line.split() for line in (_PROC / "net" / table).read_text().splitlines()[1:]]
            found += [row for row in rows if _port(row[1]) == port]
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()] if _PROC.is_dir() else []


def _open_files(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                found.add(os.readlink(entry))
    return found


def _stat(pid: int) -> list[str]:
    """The fields of a process's `stat` after its state: first the parent's pid; empty if it is gone."""
    try:
        # The name, in brackets, may have spaces and brackets in it.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1:]
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
