"""The connection to the broker: a bounded queue and a thread, so that no request ever waits for RabbitMQ."""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import pika

from app.words import reason

QUEUE_SIZE = 10_000
# In bytes. AMQP stores the length in one byte.
LONGEST_KEY = 255
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
IDLE_SECONDS = 1.0
TIMEOUT = 5.0
EXCHANGES = ("configuration", "registrar", "notifications")

log = logging.getLogger(__name__)


class Publisher:
    """Publishes messages in order, as fast as the broker accepts them. Safe with threads.

    While the broker is unreachable, messages wait in the queue. If the queue is full, a message is dropped and
    counted, and `on_drop` is called. The first message starts the publishing thread, so that a worker starts its own
    after the fork.
    """

    def __init__(self, url: str, on_drop: Callable[[], None] = lambda: None, size: int = QUEUE_SIZE):
        self._parameters = pika.URLParameters(url)
        self._parameters.socket_timeout = TIMEOUT
        self._parameters.blocked_connection_timeout = TIMEOUT
        self._queue: queue.Queue[tuple[str, str, str]] = queue.Queue(size)
        self._on_drop = on_drop
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._connected = False
        self.dropped = 0

    @property
    def is_connected(self) -> bool:
        """Whether the publishing thread was connected when it last used the connection."""
        return self._connected

    def publish(self, exchange: str, routing_key: str, payload: dict[str, Any]) -> None:
        """Queue a message. It is dropped if the queue is full or the routing key is too long for AMQP."""
        if len(routing_key.encode("utf-8")) > LONGEST_KEY:
            self._drop("the routing key is too long")
            return
        self._start()
        try:
            self._queue.put_nowait((exchange, routing_key, json.dumps(payload, separators=(",", ":"))))
        except queue.Full:
            self._drop("the queue for the broker is full")

    def close(self, seconds: float = 2.0) -> None:
        """Send the queued messages for up to this many seconds, then close the connection."""
        self._closing.set()
        if self._thread:
            self._thread.join(seconds)

    def _drop(self, reason: str) -> None:
        self.dropped += 1
        self._on_drop()
        if self.dropped & (self.dropped - 1) == 0:
            log.warning("dropped a notice: %s; %d dropped so far", reason, self.dropped)

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        """Connect and send until the connection breaks. Then reconnect, after a pause that grows each time."""
        pause = SHORTEST_PAUSE
        waiting: tuple[str, str, str] | None = None
        while not (self._closing.is_set() and waiting is None and self._queue.empty()):
            try:
                channel = self._connect()
                pause = SHORTEST_PAUSE
                while True:
                    waiting = waiting or self._next(channel)
                    if waiting is None:
                        if self._closing.is_set():
                            channel.connection.close()
                            return
                        continue
                    _send(channel, *waiting)
                    waiting = None
            except Exception as error:
                # No error may end this thread: nothing else sends messages.
                self._connected = False
                log.warning("the broker is unreachable: %s", reason(error))
                if self._closing.wait(pause):
                    return
                pause = min(pause * 2, LONGEST_PAUSE)

    def _connect(self) -> pika.adapters.blocking_connection.BlockingChannel:
        channel = pika.BlockingConnection(self._parameters).channel()
        for exchange in EXCHANGES:
            channel.exchange_declare(exchange, exchange_type="topic", durable=False, auto_delete=False)
        channel.confirm_delivery()
        self._connected = True
        return channel

    def _next(self, channel: pika.adapters.blocking_connection.BlockingChannel) -> tuple[str, str, str] | None:
        """The next message; None after IDLE_SECONDS without one. Heartbeats are answered then."""
        try:
            return self._queue.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            channel.connection.process_data_events(time_limit=0)
            return None


def _send(channel: pika.adapters.blocking_connection.BlockingChannel, exchange: str, key: str, body: str) -> None:
    properties = pika.BasicProperties(content_type="application/json", timestamp=int(time.time()))
    channel.basic_publish(exchange, key, body.encode("utf-8"), properties)
