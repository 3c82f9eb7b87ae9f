"""gunicorn's worker for this service: an event loop that holds all connections, and threads that hold none.

The event loop collects requests and sends what clients are slow to take. A thread gets a request when all of it has
arrived, and is done with it when the answer is made. So clients that send or read slowly occupy no thread.

A thread that has answered waits briefly for the next request of its connection, if no other request waits. Going back
through the event loop takes longer than answering a read.
"""

import errno
import os
import queue
import selectors
import socket
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from wsgiref.types import WSGIApplication

from gunicorn.workers import base

from app import metrics
from app.server import memory
from app.server.answer import Answer, answer, busy, plain
from app.server.connection import Connection
from app.server.reader import Request

SECONDS_FOR_A_REQUEST = 20.0
SECONDS_FOR_AN_ANSWER = 60.0
SECONDS_IDLE = 30.0
SECONDS_TO_CLOSE = 2.0
# A request that has waited so long for a thread is refused: its client does better to come back later.
SECONDS_IN_THE_QUEUE = 0.5
SECONDS_WITHOUT_ACCEPTING = 0.5
SECONDS_TO_KEEP_MEMORY = 2.0
# How long a thread computes before the event loop may. Python's default of 5 ms makes other clients wait longer.
SECONDS_OF_A_TURN = 0.001
MOST_DISCARDED = 64 * 1024
# A client nearby, or a busy proxy, has sent its next request by then.
MILLISECONDS_TO_LINGER = 2
# Connections that hold less than this do not count towards the limit for all.
SMALL = 64 * 1024
# Open files that a worker needs besides connections: for itself, and for each thread with its connections to a store.
FILES, FILES_OF_A_THREAD = 48, 4
MOST_CONNECTIONS = 4096
_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Waiting(dict[Connection, None]):
    """The connections that wait for the same thing, the one that has waited longest first."""

    def __init__(self, seconds: float):
        super().__init__()
        self._seconds = seconds

    def put(self, conn: Connection) -> None:
        """Add a connection, from now on."""
        conn.deadline = time.monotonic() + self._seconds
        self[conn] = None

    def oldest(self) -> Connection | None:
        """The connection that has waited longest."""
        return next(iter(self), None)


class Worker(base.Worker):
    """The worker. A connection is in one of its four `Waiting`s, or in `_busy` while it is with the threads."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        server: Any = self.app
        self._most_connections: int = server.connections
        self._most_held: int = server.held
        self._idle = Waiting(SECONDS_IDLE)
        self._arriving = Waiting(SECONDS_FOR_A_REQUEST)
        self._sending = Waiting(SECONDS_FOR_AN_ANSWER)
        self._closing = Waiting(SECONDS_TO_CLOSE)
        self._busy: set[Connection] = set()
        # Bytes held for each of the connections that hold many.
        self._held: dict[Connection, int] = {}
        self._queue: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        # When each of the queue's requests was put there.
        self._queued: deque[float] = deque()
        self._done: deque[Connection] = deque()
        # Whether a connection has held much since memory was given back, and when to do that next.
        self._held_much = False
        self._give_back_at = 0.0
        self._listening = False
        self._accepts_from = 0.0

    def init_process(self) -> None:
        """Start working. Does not return before the worker ends."""
        memory.share_heap()
        sys.setswitchinterval(SECONDS_OF_A_TURN)
        self._selector = selectors.DefaultSelector()
        super().init_process()

    def run(self) -> None:
        """Serve until gunicorn ends the worker; then finish what has begun, within its time for that."""
        # The base class has signals write to this pipe, and threads do so too.
        self._selector.register(self.PIPE[0], selectors.EVENT_READ, self._take_back)
        for listener in self.sockets:
            listener.setblocking(False)
        for number in range(self.cfg.threads):
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()
        self._accept_again()
        while self.alive and self.ppid == os.getppid():
            self._turn()
        self._stop_accepting()
        for conn in list(self._idle):
            self._drop(conn)
        end = time.monotonic() + self.cfg.graceful_timeout
        while (self._busy or self._arriving or self._sending or self._closing) and time.monotonic() < end:
            self._turn()
        for _ in range(self.cfg.threads):
            self._queue.put(None)

    # In the event loop

    def _turn(self) -> None:
        """One turn of the event loop."""
        self.notify()
        for key, _ in self._selector.select(0.5 if self._listening else 0.1):
            key.data(key.fileobj)
        now = time.monotonic()
        for waiting in (self._idle, self._arriving, self._sending, self._closing):
            while (conn := waiting.oldest()) and conn.deadline <= now:
                self._give_up(conn, waiting)
        if self._held_much and now >= self._give_back_at and not self._busy:
            self._held_much = False
            self._give_back_at = now + SECONDS_TO_KEEP_MEMORY
            memory.give_back()
        if self._accepts_from and self._accepts_from <= now and self.alive:
            self._accept_again()

    def _give_up(self, conn: Connection, waiting: Waiting) -> None:
        if waiting is self._arriving:
            self._answer_at_once(conn, plain(HTTPStatus.REQUEST_TIMEOUT))
        else:
            self._drop(conn)

    def _accept(self, listener: socket.socket) -> None:
        if self._count() >= self._most_connections and not self._make_room():
            self._pause_accepting()
            return
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in _NO_MORE_FILES and not self._make_room():
                self._pause_accepting()
            return
        conn = Connection(sock, address, listener.getsockname())
        self._selector.register(sock, selectors.EVENT_READ, partial(self._readable, conn))
        self._idle.put(conn)

    def _count(self) -> int:
        return len(self._idle) + len(self._arriving) + len(self._sending) + len(self._closing) + len(self._busy)

    def _make_room(self) -> bool:
        """Close the connection that matters least. Returns whether there was one."""
        for waiting in (self._closing, self._idle, self._arriving, self._sending):
            if conn := waiting.oldest():
                self._drop(conn)
                return True
        return False

    def _accept_again(self) -> None:
        self._accepts_from = 0.0
        for listener in self.sockets:
            self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._listening = True

    def _stop_accepting(self) -> None:
        if self._listening:
            for listener in self.sockets:
                self._selector.unregister(listener)
        self._listening = False

    def _pause_accepting(self) -> None:
        self._stop_accepting()
        self._accepts_from = time.monotonic() + SECONDS_WITHOUT_ACCEPTING

    def _readable(self, conn: Connection, _: socket.socket) -> None:
        conn.receive()
        self._go_on(conn)

    def _go_on(self, conn: Connection) -> None:
        """Do what comes next with a connection that is not with the threads and that sends nothing."""
        if conn.is_closed:
            self._drop(conn)
        elif conn.refusal:
            self.log.warning("no HTTP from %s: %s", conn.client, conn.refusal.phrase)
            self._answer_at_once(conn, plain(conn.refusal))
        elif self._holds_too_much(conn):
            self._answer_at_once(conn, busy())
        elif conn.request:
            self._enqueue(conn)
        elif not self.alive and not conn.has_begun:
            self._drop(conn)
        else:
            self._await_bytes(conn, self._arriving if conn.has_begun else self._idle)

    def _await_bytes(self, conn: Connection, waiting: Waiting) -> None:
        if conn in waiting:
            return
        if not self._forget(conn):
            self._selector.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn))
        waiting.put(conn)

    def _enqueue(self, conn: Connection) -> None:
        """Give a request to the threads, unless those before it have waited too long already."""
        now = time.monotonic()
        if now - self._oldest_queued() > SECONDS_IN_THE_QUEUE:
            self._answer_at_once(conn, _refuse_for_load())
            return
        if self._forget(conn):
            self._selector.unregister(conn.sock)
        self._busy.add(conn)
        conn.queued_at = now
        self._queued.append(now)
        self._queue.put(conn)

    def _oldest_queued(self) -> float:
        """Since when the first request in the queue has waited; now, if none waits. Threads empty it meanwhile."""
        try:
            return self._queued[0]
        except IndexError:
            return time.monotonic()

    def _answer_at_once(self, conn: Connection, final: Answer) -> None:
        """Send the server's own answer, which is the last one on its connection."""
        if self._forget(conn):
            self._selector.unregister(conn.sock)
        conn.request = conn.refusal = None
        conn.send(final)
        self._after_answer(conn)

    def _take_back(self, pipe: int) -> None:
        """Take the connections back that threads are done with."""
        os.read(pipe, 4096)
        while self._done:
            conn = self._done.popleft()
            self._busy.discard(conn)
            self._after_answer(conn)

    def _after_answer(self, conn: Connection) -> None:
        if conn.is_closed:
            self._drop(conn)
        elif conn.is_sending:
            self._selector.register(conn.sock, selectors.EVENT_WRITE, partial(self._writable, conn))
            self._sending.put(conn)
            while self._holds_too_much(conn) and (oldest := self._sending.oldest()):
                self._drop(oldest)
        elif not conn.keeps_alive:
            self._let_go(conn)
        else:
            self._release(conn)
            self._go_on(conn)

    def _writable(self, conn: Connection, _: socket.socket) -> None:
        conn.send_more()
        if conn.is_closed:
            self._drop(conn)
        elif not conn.is_sending:
            self._forget(conn)
            self._selector.unregister(conn.sock)
            if conn.keeps_alive:
                conn.take_next()
            self._after_answer(conn)

    def _let_go(self, conn: Connection) -> None:
        """Close a connection when its client has closed it, or after SECONDS_TO_CLOSE.

        If it were closed at once, the client might lose the answer.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        self._release(conn)
        self._selector.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
        self._closing.put(conn)

    def _discard(self, conn: Connection, _: socket.socket) -> None:
        conn.discard()
        if conn.is_closed or conn.discarded > MOST_DISCARDED:
            self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        """Close a connection at once."""
        if self._forget(conn):
            self._selector.unregister(conn.sock)
        self._release(conn)
        conn.close()

    def _forget(self, conn: Connection) -> bool:
        """Take a connection out of where it waits. Returns whether it waited, and so was registered."""
        for waiting in (self._idle, self._arriving, self._sending, self._closing):
            if conn in waiting:
                del waiting[conn]
                return True
        return False

    def _holds_too_much(self, conn: Connection) -> bool:
        """Whether a connection with many bytes makes all of them together hold too many."""
        held = conn.held
        if held <= SMALL:
            return False
        self._held[conn] = held
        return sum(self._held.values()) > self._most_held

    def _release(self, conn: Connection) -> None:
        if self._held.pop(conn, None) is not None:
            self._held_much = True

    # In a thread

    def _work(self) -> None:
        while conn := self._queue.get():
            self._queued.popleft()
            try:
                self._serve(conn)
            except Exception:
                self.log.exception("unexpected fault of the HTTP server")
                conn.is_closed = True
            self._done.append(conn)
            # A full pipe wakes the event loop just as well.
            with suppress(BlockingIOError):
                os.write(self.PIPE[1], b".")

    def _serve(self, conn: Connection) -> None:
        """Answer a request and those that follow at once, if no other request waits."""
        if time.monotonic() - conn.queued_at > SECONDS_IN_THE_QUEUE:
            conn.request = None
            conn.send(_refuse_for_load())
            return
        while request := conn.request:
            request.keeps_alive = request.keeps_alive and self.alive
            conn.request = None
            made = self._answer(conn, request)
            conn.send(made)
            made.when_sent()
            if conn.is_sending or conn.is_closed or not conn.keeps_alive:
                return
            conn.take_next()
            if conn.refusal or self._queued or not self.alive:
                return
            if conn.request is None and not conn.follows_within(MILLISECONDS_TO_LINGER):
                return

    def _answer(self, conn: Connection, request: Request) -> Answer:
        try:
            return answer(cast(WSGIApplication, self.wsgi), request, conn.client, conn.server)
        except Exception:
            self.log.exception("unexpected fault")
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR)


def share_files(files: int, threads: int) -> tuple[int, int]:
    """How many threads and connections a worker can have that may open so many files."""
    threads = max(1, min(threads, (files - FILES) // FILES_OF_A_THREAD))
    return threads, max(8, min(MOST_CONNECTIONS, files - FILES - threads * FILES_OF_A_THREAD))


def _refuse_for_load() -> Answer:
    metrics.request_refused()
    return busy()
