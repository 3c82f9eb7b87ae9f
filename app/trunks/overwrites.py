"""Numbers that a POST takes away right after another request has added them.

UIs read a trunk, change it, and send all of it back without `If-Match`. If two people assign numbers at the same
moment, the second document lacks the first one's number. Nothing in a request tells that apart from a deletion, so it
is written all the same.
"""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from app.auth.buckets import Buckets, Size
from app.documents import Document, connectivity, fields
from app.history.versions import Version, Write

SECONDS = 10
# Of one write, so that its cost is bounded.
MOST_NOTED = 100
# An addition empties the bucket of its number, which is full again after this time.
_MARK = Size(capacity=1, refill=0, idle=SECONDS)


class Additions:
    """Remembers for ten seconds which numbers were added. If created before the workers fork, they share it."""

    def __init__(self) -> None:
        # Not those of rate limits, which many additions would push out.
        self._buckets = Buckets()

    def overwritten(self, db: str, trunk: Document, before: list[str], after: list[str]) -> list[str]:
        """The DIDs that this write removes although another has just added them. Notes those that it adds itself."""
        removed, added = _without(before, after)[:MOST_NOTED], _without(after, before)[:MOST_NOTED]
        lost = [did for did in removed if not self._buckets.take(_name(db, trunk, did), 1, _MARK)]
        for did in added:
            self._buckets.drain(_name(db, trunk, did), _MARK)
        return lost


def _without(dids: list[str], others: list[str]) -> list[str]:
    return sorted(set(dids) - set(others))


def _name(db: str, trunk: Document, did: str) -> str:
    return f"added/{db}/{trunk['_id']}/{did}"


@dataclass(frozen=True)
class Overwrite:
    """A DID that one write added and the next one, a POST, took away. `found_in` is the trunk with the DID."""

    did: str
    added: Write
    removed: Write
    found_in: Document


def overwrites(current: Document, versions: Iterable[Version]) -> Iterator[Overwrite]:
    """The overwrites among a trunk's versions, which are newest first.

    A DID that was there again later is left out: who removed it then has seen it.
    """
    later = set(connectivity.dids(current))
    for version, older in pairwise(versions):
        removed, added = version.replaced_by, older.replaced_by
        dids = connectivity.dids(version.document)
        if removed.verb == "POST" and not removed.restored and _seconds_between(added, removed) <= SECONDS:
            for did in _without(dids, [*connectivity.dids(older.document), *later]):
                yield Overwrite(did, added, removed, version.document)
        later.update(dids)


def _seconds_between(first: Write, second: Write) -> float:
    if first.when is None or second.when is None:
        return float("inf")
    return second.when - first.when


def put_back(current: Document, overwrite: Overwrite) -> Document | None:
    """The trunk with the DID at its server again. None if the trunk no longer has that server, or is deleted.

    A DID that the trunk has anyway stays as it is.
    """
    if overwrite.did in connectivity.dids(current):
        return current
    if fields.is_deleted(current):
        return None
    mended = copy.deepcopy(current)
    for index, server in enumerate(connectivity.servers_by_index(overwrite.found_in)):
        numbers = server.get("DIDs")
        if not isinstance(numbers, dict) or overwrite.did not in numbers:
            continue
        target = _same_server(mended, index, server)
        if target is None:
            return None
        there = target.get("DIDs")
        target["DIDs"] = {**(there if isinstance(there, dict) else {}), overwrite.did: numbers[overwrite.did]}
    return mended


def _same_server(trunk: Document, index: int, server: Document) -> Document | None:
    """The server with the same names and credentials, the one at the same place first."""
    servers = connectivity.servers_by_index(trunk)
    for candidate in [*servers[index : index + 1], *servers]:
        if all(candidate.get(name) == server.get(name) for name in ("server_name", "name", "auth")):
            return candidate
    return None
