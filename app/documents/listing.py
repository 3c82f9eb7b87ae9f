"""Kazoo's paging of lists, including the way it counts `page_size`.

Spec: docs/kazoo/http.md, section 9 and docs/kazoo/documents.md, section 5.3.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

READ_AHEAD = 200


class KeyedRow(Protocol):
    """The part of a row that paging uses."""

    @property
    def id(self) -> str | None:
        """The id of the row's document."""

    @property
    def key(self) -> Any:
        """The key that rows are sorted by."""


Row = TypeVar("Row", bound=KeyedRow)
# Fetches rows, starting at a key (None: the first row), up to a limit (None: all).
Fetch = Callable[[Any, int | None], list[Row]]


@dataclass
class Page(Generic[Row]):
    """One page: `items` in descending key order, and the envelope's paging members."""

    items: list[Row] = field(default_factory=list)
    page_size: int = 0
    start_key: Any = None
    next_start_key: Any = None


def read_page(
    fetch: Fetch[Row],
    select: Callable[[list[Row]], list[Row]] | None,
    page_size: int,
    start_key: Any = None,
) -> Page[Row]:
    """Read one page of the rows that `select` returns of those it gets, or of all rows if `select` is None.

    `fetch(start_key, limit)` returns rows in ascending order, from `start_key` on, or from the first row if that is
    None. As in Kazoo, the page's `page_size` also counts the row that is read ahead.
    """
    page: Page[Row] = Page()
    remaining = page_size
    rows = _Rows(fetch, start_key, reads_ahead=select is not None)
    while True:
        chunk = rows.peek(remaining + 1)
        if start_key is not None:
            page.start_key = start_key
        if not chunk:
            break
        has_next = len(chunk) == remaining + 1
        kept = select(chunk[:remaining]) if select else chunk[:remaining]
        page.items = kept[::-1] + page.items
        page.page_size += len(kept) if len(chunk) < remaining else len(chunk)
        if not has_next:
            break
        page.next_start_key = start_key = chunk[-1].key
        rows.advance(remaining)
        remaining -= len(kept)
        if remaining <= 0:
            break
    if not page.items:
        page.page_size = 0
    return page


class _Rows(Generic[Row]):
    """The rows from a key on, fetched on demand. With `reads_ahead`, each fetch reads at least READ_AHEAD rows."""

    def __init__(self, fetch: Fetch[Row], start_key: Any, reads_ahead: bool):
        self._fetch = fetch
        self._start_key = start_key
        self._ahead = READ_AHEAD if reads_ahead else 0
        self._rows: list[Row] = []
        self._last_fetched: list[Row] = []
        self._is_complete = False

    def peek(self, count: int) -> list[Row]:
        """The next `count` rows, or fewer at the end. They are not consumed."""
        while len(self._rows) < count and not self._is_complete:
            self._read(max(count - len(self._rows), self._ahead))
        return self._rows[:count]

    def advance(self, count: int) -> None:
        """Skip the next `count` rows."""
        del self._rows[:count]

    def _read(self, count: int) -> None:
        if not self._rows:
            rows = self._fetch(self._start_key, count)
            self._is_complete = len(rows) < count
            self._rows, self._last_fetched = rows[:], rows
            return
        # The next fetch starts at the last row's key, so it repeats the known rows with that key. If many rows share
        # that key, the fetch may return known rows only.
        known_rows, limit = {_identity(row) for row in self._last_fetched}, count + 1
        while True:
            rows = self._fetch(self._rows[-1].key, limit)
            self._is_complete = len(rows) < limit
            fresh = [row for row in rows if _identity(row) not in known_rows]
            if fresh or self._is_complete:
                break
            limit *= 2
        self._rows += fresh
        self._last_fetched = rows


def _identity(row: KeyedRow) -> tuple[str | None, str]:
    return row.id, repr(row.key)
