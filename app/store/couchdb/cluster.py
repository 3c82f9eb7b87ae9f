"""Chooses the node of a CouchDB cluster for each request, and tries the next one after a fault.

If two nodes take writes to the same document at the same time, each may keep a different one. So all instances send
a database's requests to the same node. They need not talk to each other: the order of the nodes depends only on their
addresses and the database's name (rendezvous hashing). A node that does not answer is skipped until it is up again.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from app import deadline, metrics
from app.couchdb_url import parse_address
from app.documents.names import encoded
from app.kazoo import json_text
from app.store import DatabaseMissing, NotFound, Unavailable
from app.store.couchdb.session import InvalidAnswer, NotConnected, Refusal, Session, decoded, server_of
from app.words import reason

# How long a request waits for a node before it tries the next one: a share of the time left, and a limit in seconds.
SHARE_OF_TIME, SECONDS_A_NODE = 0.4, 2.0
# The limit for a first attempt while a copy is out of reach. CouchDB waits for that copy before it refuses a write.
# It is faster to ask the other nodes whether the write was done.
SECONDS_OF_A_FIRST_ATTEMPT = 0.25
# After a timeout although all nodes are up, how long copies count as out of reach. The nodes may be cut off from each
# other.
SECONDS_OF_TROUBLE = 20.0
# How long a node may take to answer a probe, and the pause between probes.
SECONDS_TO_ANSWER = 0.5
SECONDS_BETWEEN_PROBES = 1.0
MOST_DATABASES = 16_384

# No answer, or an invalid one.
FAULTS = (OSError, InvalidAnswer)
_ANSWERS_TO_WRITES = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)

log = logging.getLogger(__name__)


class LostAnswer(Unavailable):
    """A write was sent to `node`, which failed to answer. The write may have been done, or may be done later."""

    def __init__(self, text: str, node: "Node | None" = None):
        super().__init__(text)
        self.node = node


class _NotAnswered(Exception):
    """A node did not answer, and it is safe to ask another one."""


class Node:
    """A node of a cluster. It is skipped while `is_down`."""

    def __init__(self, url: str):
        address = parse_address(url)
        self.url, self.credentials = address.url, address.credentials
        self.server = server_of(self.url)
        # Without the path and the credentials, which may differ between instances.
        self.name = urlsplit(self.server).netloc.lower()
        self.is_down = False


@dataclass(frozen=True)
class Call:
    """A request to CouchDB, for any node.

    `path` has the unencoded segments of the path; the first is the database. `body` is a JSON value, or JSON text.
    `decode` turns the answer's bytes into a value, and may raise InvalidAnswer. A write that may have been done is
    not sent to another node. Other calls are repeated after any fault.

    `end` is a time as in `time.monotonic`. `is_first` means that there will be another attempt if this one takes too
    long. `is_repeated` means that it was sent before, on a connection that the server had closed. `failed` is the
    node that failed in the previous attempt. An answer of more than `most_bytes` raises AnswerTooLong.
    """

    method: str
    path: list[str]
    params: dict[str, str] | None = None
    body: Any = None
    decode: Callable[[bytes], Any] = decoded
    is_write: bool = False
    end: float | None = None
    is_first: bool = False
    is_repeated: bool = False
    most_bytes: int | None = None
    failed: Node | None = None

    @property
    def db(self) -> str:
        """The database, or "" for a call to the server itself."""
        return self.path[0] if self.path else ""

    def target(self) -> str:
        """The encoded path and query."""
        segments = (quote(segment, safe="") for segment in self.path[1:])
        query = f"?{urlencode(self.params)}" if self.params else ""
        return "/".join(["", encoded(self.db), *segments]) + query

    def text(self) -> bytes | None:
        """The body's bytes."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json_text.dumps(self.body).encode("utf-8")


class Cluster:
    """The nodes of a CouchDB cluster, or a single server. Thread-safe.

    `timeout` is the limit for a request in seconds, including attempts at several nodes.
    """

    def __init__(self, urls: list[str], timeout: float):
        self.nodes = list({node.name: node for node in map(Node, urls)}.values())
        self.timeout = timeout
        self._session = Session(timeout)
        self._mutex = threading.Lock()
        self._troubled_until = 0.0
        self._order = lru_cache(MOST_DATABASES)(self._order_by_score)

    def close(self) -> None:
        """Close all idle connections."""
        self._session.connection_pool.close()

    @property
    def is_troubled(self) -> bool:
        """Whether some copies may be out of reach."""
        return any(node.is_down for node in self.nodes) or time.monotonic() < self._troubled_until

    def coordinator(self, db: str) -> Node:
        """The node that a database's requests currently go to."""
        return self._candidates(db)[0]

    def request(self, call: Call) -> tuple[int, Any]:
        """The status and decoded answer of the first node that answers.

        Raises NotFound, Unavailable and LostAnswer. For a write, it raises Refusal for a 409 or 412.
        """
        end = deadline.within(self.timeout) if call.end is None else call.end
        tried: list[Node] = []
        fault: _NotAnswered | None = None
        # Look at the candidates again each time, because nodes may go down or come up meanwhile.
        while nodes := [node for node in self._candidates(call.db) if node not in tried]:
            if time.monotonic() >= end:
                break
            nodes.sort(key=lambda node: node is call.failed)
            can_retry = len(nodes) > 1 or (call.is_first and len(self.nodes) > 1)
            limit = self._limit(call.is_first, end) if can_retry else end
            try:
                return self._ask(nodes[0], call, limit)
            except _NotAnswered as error:
                fault = error
                tried.append(nodes[0])
        raise Unavailable(str(fault or "no time is left")) from (fault and fault.__cause__)

    def _ask(self, node: Node, call: Call, limit: float) -> tuple[int, Any]:
        """The status and decoded answer of one node. Raises as `request`, or _NotAnswered if another node may do."""
        body = call.text()
        headers = {} if body is None else {"Content-Type": "application/json"}
        metrics.node_asked(node.name)
        try:
            status, _, answer = self._session.request(
                call.method,
                node.url + call.target(),
                body,
                headers,
                node.credentials,
                deadline=limit,
                most_bytes=call.most_bytes,
            )
            return status, call.decode(answer.read())
        except (*FAULTS, Refusal) as error:
            if isinstance(error, ConnectionError) and not (call.is_write or call.is_repeated or node.is_down):
                # If the server closed this connection, it has probably closed the others too.
                self._session.connection_pool.close()
                return self._ask(node, replace(call, is_repeated=True), limit)
            if isinstance(error, Refusal) and error.status == HTTPStatus.NOT_FOUND:
                raise _not_found(error.reason, call.path) from error
            if isinstance(error, Refusal) and call.is_write and error.status in _ANSWERS_TO_WRITES:
                raise
            message = f"{node.server}: {reason(error)}"[:300]
            if _is_final(error):
                raise Unavailable(message) from error
            self._note_fault(node, error)
            if call.is_write and not isinstance(error, NotConnected):
                raise LostAnswer(message, node) from error
            raise _NotAnswered(message) from error

    def _limit(self, is_first: bool, end: float) -> float:
        """When to give up on a node and try again."""
        now = time.monotonic()
        seconds = SECONDS_OF_A_FIRST_ATTEMPT if is_first and self.is_troubled else SECONDS_A_NODE
        return now + min((end - now) * SHARE_OF_TIME, seconds)

    # The order of nodes

    def _candidates(self, db: str) -> tuple[Node, ...]:
        """The nodes to ask, in order: those that are up, or all nodes if none is up."""
        order = self._order(db)
        return tuple(node for node in order if not node.is_down) or order

    def _order_by_score(self, db: str) -> tuple[Node, ...]:
        def score(node: Node) -> bytes:
            return hashlib.blake2b(f"{node.name}\n{db}".encode(), digest_size=8).digest()

        return tuple(sorted(self.nodes, key=score, reverse=True))

    # Nodes that are down

    def _note_fault(self, node: Node, error: Exception) -> None:
        """Find the node that is down: this one, or after a timeout another one whose copy this one waited for."""
        metrics.node_failed(node.name)
        if len(self.nodes) == 1 or node.is_down:
            return
        if not self._is_up(node):
            self._mark_down(node, error)
            return
        if not isinstance(error, TimeoutError):
            return
        for other in self.nodes:
            if other is not node and not other.is_down and not self._is_up(other):
                self._mark_down(other, error)
        if not self.is_troubled:
            self._troubled_until = time.monotonic() + SECONDS_OF_TROUBLE
            log.warning("node %s is slow although all nodes are up", node.name)

    def _mark_down(self, node: Node, error: Exception) -> None:
        with self._mutex:
            if node.is_down:
                return
            node.is_down = True
        metrics.node_down(node.name, True)
        log.warning("node %s is down: %s", node.name, reason(error))
        # Release the requests that wait for this node.
        self._session.connection_pool.abort(node.server)
        threading.Thread(target=self._wait_until_up, args=(node,), name=f"probe {node.name}", daemon=True).start()

    def _wait_until_up(self, node: Node) -> None:
        """Probe a node until it is up. Requests do not wait for this."""
        time.sleep(SECONDS_BETWEEN_PROBES)
        while not self._is_up(node):
            time.sleep(SECONDS_BETWEEN_PROBES)
        node.is_down = False
        metrics.node_down(node.name, False)
        log.warning("node %s is up again", node.name)

    def _is_up(self, node: Node) -> bool:
        """Probe a node. Old servers do not have `/_up`."""
        session = Session(SECONDS_TO_ANSWER)
        try:
            session.request("GET", f"{node.url}/_up", credentials=node.credentials)
        except Refusal as error:
            # An old server's 404 has an `error`. The 404 of a node in maintenance mode has a `status` instead.
            return error.status == HTTPStatus.NOT_FOUND and bool(error.error)
        except FAULTS:
            return False
        return True


def _not_found(reason: str, path: list[str]) -> NotFound:
    # CouchDB up to 2 says "no_db_file", and later versions say "Database does not exist."
    database_missing = reason in ("no_db_file", "Database does not exist.")
    return (DatabaseMissing if database_missing or len(path) == 1 else NotFound)("/".join(path))


def _is_final(error: BaseException) -> bool:
    """Whether every other node would refuse this request too."""
    return isinstance(error, Refusal) and 400 <= error.status < 500
