"""What must hold after a storm, and the table that tells it."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from app.documents import Document
from tests.load.storm.clients import Write

# Slower than a request ever is without a fault, in seconds.
SLOW = 1.0
# How long the others may be slow after the first one that was slow or failed, in seconds.
SECONDS_TO_RECOVER = 1.0

Read = Callable[[str], Document | None]


def missing(writes: Iterable[Write], read: Read) -> list[Write]:
    """The acknowledged writes whose effect is not there, although nothing that came later explains it.

    `read` gives a document as clients see it; None if there is none.
    """
    by_document: dict[str, list[Write]] = {}
    for write in writes:
        by_document.setdefault(write.doc_id, []).append(write)
    found = []
    for doc_id, own in by_document.items():
        document = read(doc_id)
        found += [write for write in own if write.is_acknowledged and not _is_kept(write, own, document)]
    return found


def _is_kept(write: Write, own: list[Write], document: Document | None) -> bool:
    if write.kind == "DELETE":
        return document is None
    if document is None:
        return _came_later(write, own, "DELETE")
    if write.kind == "POST":
        return document.get("posted") == write.mark or _came_later(write, own, "POST")
    return not write.mark or write.mark in document.get("marks", {}) or _came_later(write, own, "POST")


def _came_later(write: Write, own: list[Write], kind: str) -> bool:
    """Whether another write of this kind may have come after this one."""
    return any(
        other is not write and other.kind == kind and other.may_have_happened and other.ended >= write.begun
        for other in own
    )


def refused_but_kept(writes: Iterable[Write], read: Read) -> list[Write]:
    """The conditional writes that were refused although their effect is there."""
    refused = [write for write in writes if write.kind == "If-Match" and write.status in (409, 412)]
    return [write for write in refused if write.mark in ((read(write.doc_id) or {}).get("marks") or {})]


def slow_for_too_long(writes: list[Write]) -> float:
    """The longest time in seconds that a write took which began after the others had time to recover."""
    bad = [write for write in writes if write.ended - write.begun > SLOW or write.status in (0, 503)]
    first = min((write.ended for write in bad), default=None)
    if first is None:
        return 0.0
    late = (write.ended - write.begun for write in writes if write.begun > first + SECONDS_TO_RECOVER)
    return max(late, default=0.0)


def is_whole(revisions: list[str]) -> bool:
    """Whether a document's history leads back without a gap."""
    generations = [int(revision.split("-")[0]) for revision in revisions]
    return bool(generations) and generations == list(range(generations[0], generations[0] - len(generations), -1))


def table(rows: dict[str, Any]) -> str:
    """Names and values as Markdown."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def summary(writes: list[Write], seconds: float) -> dict[str, Any]:
    """How the writes were answered, and how fast."""
    times = sorted(write.ended - write.begun for write in writes)
    statuses = Counter(write.status for write in writes)
    rows: dict[str, Any] = {
        "writes": f"{len(writes)} in {seconds:.0f} s",
        "answers": ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items())),
    }
    if times:
        p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
        rows["p50, p99, longest"] = f"{p50 * 1000:.0f} ms, {p99 * 1000:.0f} ms, {times[-1] * 1000:.0f} ms"
    rows["longest after the others recovered"] = f"{slow_for_too_long(writes) * 1000:.0f} ms"
    return rows


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether this comes about within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True
