"""Metrics for Prometheus, summed over the workers on a machine.

Each worker of `serve` counts in its own files in PROMETHEUS_MULTIPROC_DIR. The client library reads that variable
when it is imported. It is imported only inside functions, after `serve` has set the variable.
"""

import os
import threading
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app import last_hour

_REGISTERING = threading.Lock()
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def request_answered(noun: str, verb: str, status: int, seconds: float) -> None:
    """Count an answered request. `seconds` is the time from the first stage to the answer."""
    _requests(noun, verb, status).inc()
    last_hour.count(status)
    _counts().seconds.observe(seconds)


def store_failed() -> None:
    """Count a request that failed because of the store."""
    _counts().store_faults.inc()


def write_retried() -> None:
    """Count a write that lost a race and is tried again."""
    _counts().retries.inc()


def request_refused() -> None:
    """Count a request that was refused because there were too many others."""
    _counts().refused.inc()


def notice_dropped() -> None:
    """Count a notice that was dropped because the queue was full or the routing key too long."""
    _counts().notices_dropped.inc()


def mark_failed() -> None:
    """Count a number whose mark or copy could not be written."""
    _counts().marks_failed.inc()


def history_failed() -> None:
    """Count a replaced version that could not be saved."""
    _counts().history_failed.inc()


def number_overwritten() -> None:
    """Count a POST that took away a number which another request had just added."""
    _counts().overwrites.inc()


def node_asked(node: str) -> None:
    """Count a request to a CouchDB node. `node` is its host and port."""
    _node_requests(node).inc()


def node_failed(node: str) -> None:
    """Count a request that a node did not answer, or answered with an error."""
    _counts().node_faults.labels(node).inc()


def node_down(node: str, is_down: bool) -> None:
    """Record whether this process skips a node."""
    _counts().node_down.labels(node).set(is_down)


def conflict_met(outcome: str) -> None:
    """Count a conflicting leaf: ``merged``, ``withdrawn``, partly ``lost``, or ``failed`` if the repair did."""
    _counts().conflicts.labels(outcome).inc()


def write_is_weak() -> None:
    """Count a write that fewer than a majority of the copies accepted at once."""
    _counts().weak_writes.inc()


def registry() -> Any:
    """The metrics of all workers of `serve`. Under another server, those of this process alone."""
    from prometheus_client import REGISTRY, CollectorRegistry

    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    summed = CollectorRegistry()
    summed.register(_AllWorkers())
    return summed


def process_ended(pid: int) -> None:
    """Forget what a worker said about the present. What it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)


def start_counting() -> None:
    """Create this process's metrics before its threads start."""
    _counts()
    last_hour.start()


class _AllWorkers:
    """Collects what is in the files of all workers."""

    def collect(self) -> Any:
        from prometheus_client.multiprocess import MultiProcessCollector

        paths = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("*.db")
        return MultiProcessCollector.merge([str(path) for path in paths if _is_begun(path)])


def _is_begun(path: Path) -> bool:
    """Whether a worker's file can be read. It is empty for a moment, and may go when the worker does."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


@cache
def _requests(noun: str, verb: str, status: int) -> Any:
    return _counts().requests.labels(noun, verb, status)


@cache
def _node_requests(node: str) -> Any:
    return _counts().node_requests.labels(node)


def _counts() -> SimpleNamespace:
    # Two threads must not register the same metrics.
    with _REGISTERING:
        return _registered()


@cache
def _registered() -> SimpleNamespace:
    from prometheus_client import Counter, Gauge, Histogram

    return SimpleNamespace(
        requests=Counter("connectivity_requests", "Requests answered", ["noun", "verb", "status"]),
        seconds=Histogram("connectivity_request_seconds", "Time to answer", buckets=_BUCKETS),
        store_faults=Counter("connectivity_store_faults", "Requests the store did not answer"),
        retries=Counter("connectivity_write_retries", "Writes applied again after a lost race"),
        refused=Counter("connectivity_refused", "Requests refused because there were too many"),
        notices_dropped=Counter("connectivity_notices_dropped", "Notices that never reached the broker"),
        node_requests=Counter("connectivity_node_requests", "Requests to a CouchDB node", ["node"]),
        node_faults=Counter("connectivity_node_faults", "Requests that a node did not answer", ["node"]),
        node_down=Gauge(
            "connectivity_node_open",
            "Whether a process skips a node",
            ["node"],
            multiprocess_mode="livemax",
        ),
        weak_writes=Counter("connectivity_weak_writes", "Writes that a minority of copies accepted at once"),
        conflicts=Counter("connectivity_conflicts", "Conflicting leaves of documents", ["outcome"]),
        history_failed=Counter("connectivity_history_failed", "Replaced versions that were not saved"),
        overwrites=Counter("connectivity_overwrites", "POSTs that took away a number which was just added"),
        marks_failed=Counter("connectivity_number_marks_failed", "Numbers whose mark or copy was not written"),
    )
