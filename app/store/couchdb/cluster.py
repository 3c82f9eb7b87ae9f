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
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from app import deadline, metrics
from app.couchdb_url import parse_address
from app.documents.names import encoded
from app.kazoo import json_text
from app.store import Unavailable
from app.store.couchdb.session import InvalidAnswer, NotConnected, Refusal, Session, decoded, server_of

# How much of its time a request gives to a node while there are others to ask: a share, and a limit in seconds.
SHARE, MOST_SECONDS = 0.4, 2.0
# The same for a first attempt while a copy is out of reach: before CouchDB refuses a write, it waits for that copy.
# What became of the write can be read from the others meanwhile.
MOST_SECONDS_OF_A_FIRST_ATTEMPT = 0.25
# How long a copy counts as out of reach after a request took too long although all nodes are up, in seconds. They may
# not reach each other.
SECONDS_OF_TROUBLE = 20.0
# How long a node may take to tell that it is up, and how often one that is down is asked; in seconds.
SECONDS_TO_ANSWER = 0.5
SECONDS_BETWEEN_PROBES = 1.0
MOST_DATABASES = 16_384

# No answer, or none that makes sense.
FAULTS = (OSError, InvalidAnswer)
_ANSWERS_TO_WRITES = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)

log = logging.getLogger(__name__)


class LostAnswer(Unavailable):
    """A write was sent to `node`, and there was no answer, or one of a fault. It may have happened, or may yet."""

    def __init__(self, text: str, node: "Node | None" = None):
        super().__init__(text)
        self.node = node


class _NotAnswered(Exception):
    """A node did not answer; nothing is lost if another one is asked."""


class Node:
    """A node of a cluster. `is_down` while it is passed over."""

    def __init__(self, url: str):
        address = parse_address(url)
        self.url, self.credentials = address.url, address.credentials
        self.server = server_of(self.url)
        # Without the path and the credentials, which may differ between instances.
        self.name = urlsplit(self.server).netloc.lower()
        self.is_down = False


@dataclass(frozen=True)
class Call:
    """One request to CouchDB, whichever node is asked.

    `path` has the segments of the path, unencoded; the first one is the database. `body` is JSON, or its text.
    `decode` makes the answer of its bytes, and may raise InvalidAnswer. A write is not sent to another node if it may
    have happened. Other calls are repeated after any fault.

    `end` is a time of `time.monotonic`. `is_first` means that there will be another attempt if this one takes too
    long. `failed` is the node of the attempt before.
    """

    method: str
    path: list[str]
    params: dict[str, str] | None = None
    body: Any = None
    decode: Callable[[bytes], Any] = decoded
    is_write: bool = False
    end: float | None = None
    is_first: bool = False
    failed: Node | None = None

    @property
    def db(self) -> str:
        """The database; empty for a call to the server itself."""
        return self.path[0] if self.path else ""

    def target(self) -> str:
        """Path and query, encoded."""
        segments = (quote(segment, safe="") for segment in self.path[1:])
        query = f"?{urlencode(self.params)}" if self.params else ""
        return "/".join(["", encoded(self.db), *segments]) + query

    def text(self) -> bytes | None:
        """The body's bytes."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json_text.dumps(self.body).encode("utf-8")


class Cluster:
    """Nodes of one CouchDB cluster, or a single server. Safe with threads.

    `timeout` is how long one request may take in seconds, all nodes together.
    """

    def __init__(self, urls: list[str], timeout: float):
        self.nodes = list({node.name: node for node in map(Node, urls)}.values())
        self.timeout = timeout
        self._session = Session(timeout)
        self._mutex = threading.Lock()
        self._troubled_until = 0.0
        self._order = lru_cache(MOST_DATABASES)(self._order_by_score)

    def close(self) -> None:
        """Close all connections that nobody uses."""
        self._session.connection_pool.close()

    @property
    def is_troubled(self) -> bool:
        """Whether copies on some node are out of reach."""
        return any(node.is_down for node in self.nodes) or time.monotonic() < self._troubled_until

    def coordinator(self, db: str) -> Node:
        """The node that requests about a database go to now."""
        return self._candidates(db)[0]

    def request(self, call: Call) -> tuple[int, Any]:
        """Status and decoded answer of the first node that gives one.

        Raises Unavailable, LostAnswer, and Refusal for the statuses 404 and, of a write, 409 and 412.
        """
        end = deadline.within(self.timeout) if call.end is None else call.end
        tried: list[Node] = []
        fault: _NotAnswered | None = None
        # What is found out about a node meanwhile counts at once.
        while nodes := [node for node in self._candidates(call.db) if node not in tried]:
            if time.monotonic() >= end:
                break
            nodes.sort(key=lambda node: node is call.failed)
            has_more = len(nodes) > 1 or (call.is_first and len(self.nodes) > 1)
            limit = self._limit(call.is_first, end) if has_more else end
            try:
                return self._ask(nodes[0], call, limit)
            except _NotAnswered as error:
                fault = error
                tried.append(nodes[0])
        raise Unavailable(str(fault or "no time is left")) from (fault and fault.__cause__)

    def _ask(self, node: Node, call: Call, limit: float) -> tuple[int, Any]:
        """Status and decoded answer of this node. Raises as `request`, or _NotAnswered if another node may answer."""
        body = call.text()
        headers = {} if body is None else {"Content-Type": "application/json"}

        def send() -> tuple[int, Any]:
            metrics.node_asked(node.name)
            status, _, answer = self._session.request(
                call.method, node.url + call.target(), body, headers, node.credentials, deadline=limit
            )
            return status, call.decode(answer.read())

        try:
            try:
                return send()
            except ConnectionError:
                if call.is_write or node.is_down:
                    raise
            # If the server has closed this connection, it has probably closed the others too.
            self._session.connection_pool.close()
            return send()
        except (*FAULTS, Refusal) as error:
            if isinstance(error, Refusal) and _is_answer(error, call.is_write):
                raise
            told = f"{node.server}: {_describe(error)}"[:300]
            if _is_final(error):
                raise Unavailable(told) from error
            self._note_fault(node, error)
            if call.is_write and not isinstance(error, NotConnected):
                raise LostAnswer(told, node) from error
            raise _NotAnswered(told) from error

    def _limit(self, is_first: bool, end: float) -> float:
        """Until when a node may take, while there are others to ask."""
        now = time.monotonic()
        most = MOST_SECONDS_OF_A_FIRST_ATTEMPT if is_first and self.is_troubled else MOST_SECONDS
        return now + min((end - now) * SHARE, most)

    # Which nodes

    def _candidates(self, db: str) -> tuple[Node, ...]:
        """The nodes to ask, in this order: those that are up, or all if none is."""
        order = self._order(db)
        return tuple(node for node in order if not node.is_down) or order

    def _order_by_score(self, db: str) -> tuple[Node, ...]:
        def score(node: Node) -> bytes:
            return hashlib.blake2b(f"{node.name}\n{db}".encode(), digest_size=8).digest()

        return tuple(sorted(self.nodes, key=score, reverse=True))

    # The circuit breaker

    def _note_fault(self, node: Node, error: Exception) -> None:
        """Pass over nodes that are down: this one, or another one for whose copy it has waited."""
        metrics.node_failed(node.name)
        if len(self.nodes) == 1 or node.is_down:
            return
        if not self._answers(node):
            self._pass_over(node, error)
            return
        if not isinstance(error, TimeoutError):
            return
        for other in self.nodes:
            if other is not node and not other.is_down and not self._answers(other):
                self._pass_over(other, error)
        if not self.is_troubled:
            self._troubled_until = time.monotonic() + SECONDS_OF_TROUBLE
            log.warning("node %s is slow although all nodes are up", node.name)

    def _pass_over(self, node: Node, error: Exception) -> None:
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
        except Refusal as error:
            # A node in maintenance answers with a status instead of an error.
            return error.status == HTTPStatus.NOT_FOUND and bool(error.error)
        except FAULTS:
            return False
        return True


def _describe(error: BaseException) -> str:
    # Why there is no connection is in its text.
    return str(error) if isinstance(error, NotConnected) else f"{type(error).__name__}: {error}"


def _is_answer(refusal: Refusal, is_write: bool) -> bool:
    """Whether the caller wants to know it."""
    return (is_write and refusal.status in _ANSWERS_TO_WRITES) or refusal.status == HTTPStatus.NOT_FOUND


def _is_final(error: BaseException) -> bool:
    """Whether the node has decided that it does not do this, as every other node would."""
    return isinstance(error, Refusal) and 400 <= error.status < 500
