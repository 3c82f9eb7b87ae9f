"""Differences between Kazoo 4.3 and this service that `docs/deviations.md` lists, recognised in answers to GETs."""

import re
from collections.abc import Callable

from app.compare.conversation import RawAnswer

# The old server's answer, the new one's, and the condition of the request.
Recognise = Callable[[RawAnswer, RawAnswer, str], bool]

_REVISION = re.compile(r'"[0-9]+-[0-9a-f]{32}"')


def _etag_of_a_list(old: RawAnswer, new: RawAnswer, condition: str) -> bool:
    is_document = _REVISION.fullmatch(old[1].get("etag", "")) is not None
    return condition == "If-None-Match" and (old[0], new[0]) == (200, 304) and not is_document


def _fault_of_the_store(old: RawAnswer, new: RawAnswer, condition: str) -> bool:
    return (old[0], new[0]) == (500, 503) and b"datastore" in old[2] and b"datastore" in new[2]


# The row of the page, in short, and what shows it.
ROWS: tuple[tuple[str, Recognise], ...] = (
    ("the ETag of a list of objects can match here", _etag_of_a_list),
    ("a fault of the store is a 503 here", _fault_of_the_store),
)


def known_as(old: RawAnswer, new: RawAnswer, condition: str) -> str:
    """The row that explains why these answers differ; empty if none does."""
    return next((row for row, recognise in ROWS if recognise(old, new, condition)), "")
