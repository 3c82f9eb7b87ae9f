"""Which node of a CouchDB cluster is asked, and when another one is.

Two nodes that take writes of one document at the same time may each keep one of them. So all instances choose the
same node for a database, without talking to each other: the order of the nodes depends on their addresses and the
name of the database only (rendezvous hashing). A node that does not answer is passed over until it does again.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httptools
from couchdb import http as couchdb_http

from app import deadline, metrics
from app.store import Unavailable
from app.store.session import NotConnected, Session, server_of

# How much of its time a request gives to a node while there are others to ask: a share, and for a read a limit in
# seconds. A write gets more, because nobody knows what became of one that is given up.
READ_SHARE, MOST_FOR_A_READ = 0.4, 2.0
WRITE_SHARE = 0.6
# How long a node may take to tell that it is up, and how often one that is down is asked; in seconds.
SECONDS_TO_ANSWER = 0.5
SECONDS_BETWEEN_PROBES = 1.0
MOST_DATABASES = 16_384

FAULTS = (
    OSError,
    httptools.HttpParserError,
    httptools.HttpParserUpgrade,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
)

log = logging.getLogger(__name__)


class LostAnswer(Unavailable):
    """A write was sent, and there was no answer, or one of a fault. It may have happened, or may yet happen."""


class _NotAnswered(Exception):
    """A node did not answer; nothing is lost if another one is asked."""


class Kind(Enum):
    """What a request does. One that may be repeated is sent to the next node after any fault."""

    REPEATABLE = "repeatable"
    WRITE = "write"


class Node:
    """A node of a cluster. `is_down` while it is passed over."""

    def __init__(self, url: str):
        self.url, self.credentials = couchdb_http.extract_credentials(url.rstrip("/"))
        self.server = server_of(self.url)
        # Without the path and the credentials, which may differ between instances.
        self.name = urlsplit(self.server).netloc.lower()
        self.is_down = False


class Cluster:
    """Nodes of one CouchDB cluster, or a single server. Safe with threads.

    `timeout` is how long one request may take in seconds, all nodes together.
    """

    def __init__(self, urls: list[str], timeout: float):
        self.nodes = list({node.name: node for node in map(Node, urls)}.values())
        self.timeout = timeout
        self._session = Session(timeout)
        self._mutex = threading.Lock()
        self._order = lru_cache(MOST_DATABASES)(self._order_by_score)

    def close(self) -> None:
        """Close all connections that nobody uses."""
        self._session.connection_pool.close()

    def coordinator(self, db: str) -> Node:
        """The node that requests about a database go to now."""
        return self._candidates(db)[0]

    def request(
        self,
        kind: Kind,
        db: str,
        method: str,
        target: str,
        body: bytes | None,
        decode: Callable[[bytes], Any],
        end: float | None = None,
    ) -> Any:
        """The decoded answer of the first node that gives one. `end` is a time of `time.monotonic`.

        Raises Unavailable, LostAnswer, and the `couchdb` package's errors for the statuses 404, 409 and 412.
        """
        end = deadline.within(self.timeout) if end is None else end
        *others, last = self._candidates(db)
        for node in others:
            with suppress(_NotAnswered):
                return self._ask(node, kind, method, target, body, decode, self._limit(kind, end))
        try:
            return self._ask(last, kind, method, target, body, decode, end)
        except _NotAnswered as error:
            raise Unavailable(str(error)) from error.__cause__

    def _ask(
        self,
        node: Node,
        kind: Kind,
        method: str,
        target: str,
        body: bytes | None,
        decode: Callable[[bytes], Any],
        limit: float,
    ) -> Any:
        """The decoded answer of this node. Raises as `request`, and _NotAnswered where another node may answer."""
        headers = {} if body is None else {"Content-Type": "application/json"}

        def send() -> Any:
            metrics.node_asked(node.name)
            url = node.url + target
            return self._session.request(method, url, body, headers, node.credentials, deadline=limit)[2].read()

        try:
            try:
                return decode(send())
            except ConnectionError:
                if kind is Kind.WRITE or node.is_down:
                    raise
            # If the server has closed this connection, it has probably closed the others too.
            self._session.connection_pool.close()
            return decode(send())
        except (couchdb_http.ResourceNotFound, couchdb_http.PreconditionFailed, couchdb_http.ResourceConflict):
            raise
        except (*FAULTS, couchdb_http.HTTPError) as error:
            told = f"{node.name}: {type(error).__name__}: {error}"[:300]
            if _is_refusal(error):
                raise Unavailable(told) from error
            self._note_fault(node, error)
            if kind is Kind.WRITE and not isinstance(error, NotConnected):
                raise LostAnswer(told) from error
            raise _NotAnswered(told) from error

    def _limit(self, kind: Kind, end: float) -> float:
        """Until when a node may take, while there are others to ask."""
        now = time.monotonic()
        share = READ_SHARE if kind is Kind.REPEATABLE else WRITE_SHARE
        seconds = (end - now) * share
        return now + (min(seconds, MOST_FOR_A_READ) if kind is Kind.REPEATABLE else seconds)

    # Which nodes

    def _candidates(self, db: str) -> tuple[Node, ...]:
        """The nodes to ask, in this order. Those that are down come last."""
        order = self._order(db)
        if any(node.is_down for node in order):
            return tuple(sorted(order, key=lambda node: node.is_down))
        return order

    def _order_by_score(self, db: str) -> tuple[Node, ...]:
        def score(node: Node) -> bytes:
            return hashlib.blake2b(f"{node.name}\n{db}".encode(), digest_size=8).digest()

        return tuple(sorted(self.nodes, key=score, reverse=True))

    # The circuit breaker

    def _note_fault(self, node: Node, error: Exception) -> None:
        """Pass over a node that is down. One that was only slow with this request answers at once."""
        metrics.node_failed(node.name)
        if len(self.nodes) == 1 or node.is_down or self._answers(node):
            return
        with self._mutex:
            if node.is_down:
                return
            node.is_down = True
        metrics.node_is_down(node.name, True)
        log.warning("node %s is down: %s", node.name, type(error).__name__)
        # Whoever waits for it need not wait any longer.
        self._session.connection_pool.abort(node.server)
        threading.Thread(target=self._wait_until_up, args=(node,), name=f"probe {node.name}", daemon=True).start()

    def _wait_until_up(self, node: Node) -> None:
        """Ask a node that is down until it answers. No request waits for that."""
        time.sleep(SECONDS_BETWEEN_PROBES)
        while not self._answers(node):
            time.sleep(SECONDS_BETWEEN_PROBES)
        node.is_down = False
        metrics.node_is_down(node.name, False)
        log.warning("node %s is up again", node.name)

    def _answers(self, node: Node) -> bool:
        """Whether a node says that it is up. Old servers know no `/_up`."""
        session = Session(SECONDS_TO_ANSWER)
        try:
            session.request("GET", f"{node.url}/_up", credentials=node.credentials)
        except couchdb_http.ResourceNotFound as error:
            # A node in maintenance answers with a status instead of an error.
            answer = error.args[0]
            return isinstance(answer, tuple) and answer[0] is not None
        except (*FAULTS, couchdb_http.HTTPError):
            return False
        return True


def _is_refusal(error: BaseException) -> bool:
    """Whether the node has decided that it does not do this, as every other node would."""
    if isinstance(error, (couchdb_http.Unauthorized, couchdb_http.Forbidden)):
        return True
    return isinstance(error, couchdb_http.ServerError) and 400 <= error.args[0][0] < 500
