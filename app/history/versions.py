"""Keeps replaced versions, in a database for each month: ``connectivity_history/202611``.

A version has the id ``{account}/{document}/{generation, 10 digits}-{hash of the revision}-{random}``, so a range of
ids has the versions of a document in order. Two writers that replace the same version get different
ids, because the loser deletes its own. The document's id is percent-encoded, with `-` for `%`.
"""

import calendar
import itertools
import logging
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as dataclass_fields
from urllib.parse import quote, unquote

from app.documents import Document
from app.documents.clock import GREGORIAN_EPOCH
from app.store import Conflict, DatabaseMissing, Store, StoreError, in_time

PREFIX = "connectivity_history/"
# The ids of documents that note on which days there were writes. Versions begin with an account id.
DAY = "day/"
# How many months to look back for old databases to delete.
MONTHS_DELETED = 24
SECONDS_A_DAY = 86_400
# Small, because a document may have megabytes.
PAGE = 8
_REVISION = re.compile(r"[0-9]{1,10}-[0-9a-z]{1,64}")
_LAST_SORT_KEY = "9999999999"
# Sorts after every random part of an id.
_END = "-z"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Write:
    """A write that replaced a version. `when` is in Gregorian seconds.

    `revision` is the new revision, if it was known when the version was kept. `restored` is the revision that it
    restored, if any.
    """

    verb: str | None
    when: int | None
    account_id: str | None = None
    user_id: str | None = None
    ip: str | None = None
    request_id: str | None = None
    revision: str | None = None
    restored: str | None = None

    def making(self, revision: str) -> "Write":
        """The same write, with its revision."""
        return replace(self, revision=revision)


@dataclass(frozen=True)
class Version:
    """A replaced version of a document, and the write that replaced it."""

    document: Document
    replaced_by: Write

    @property
    def revision(self) -> str:
        """The version's own revision."""
        revision: str = self.document["_rev"]
        return revision


class History:
    """Keeps versions for `days`. Calls `on_failure` if a version cannot be written."""

    def __init__(self, store: Store, days: int, on_failure: Callable[[], None] = lambda: None):
        self._store = store
        self._days = days
        self._on_failure = on_failure
        self._cleaned_on = ""

    def replace(self, account_id: str, replaced: Document, write: Write, db: str, document: Document) -> str:
        """Replace a version with a document, and keep the version. Returns the new revision. Raises as `save_doc`."""
        version = _version_document(account_id, replaced, write)
        revision, error = self._store.save_with(db, document, self._current_db(), version)
        self._finish(account_id, replaced, error)
        return revision

    def keep(self, account_id: str, replaced: Document, write: Write) -> None:
        """Keep a version that was replaced. Store errors are logged, not raised."""
        version, db, error = _version_document(account_id, replaced, write), self._current_db(), None
        try:
            try:
                self._store.save_doc(db, version)
            except DatabaseMissing:
                self._store.create_db(db)
                self._store.save_doc(db, version)
        except StoreError as fault:
            error = fault
        self._finish(account_id, replaced, error)

    def versions(self, account_id: str, doc_id: str, first: str | None = None) -> Iterator[Version]:
        """The versions of a document, newest first. With `first`, they begin at that revision. Reads in pages."""
        prefix = _prefix(account_id, doc_id)
        last = prefix + (sort_key(first) if first else _LAST_SORT_KEY) + _END
        for document in self._newest_first_of_all(prefix, last):
            version = _version(document)
            if self._is_kept(version):
                yield version

    def find(self, account_id: str, doc_id: str, revision: str) -> Version | None:
        """A version by its revision, or None if it was never kept or is too old."""
        start = _prefix(account_id, doc_id) + sort_key(revision)
        for db in self._databases():
            for document in self._newest_first(db, start, start + _END):
                version = _version(document)
                if self._is_kept(version):
                    return version
        return None

    def newest_versions(self, account_id: str, skipped: Container[str] = ()) -> Iterator[Version]:
        """The newest kept version of each of an account's documents in each month, the latest month first.

        Reads no others, and none of the documents with the ids in `skipped`, which may grow meanwhile. Raises
        Unavailable, also after the request's deadline.
        """
        for db in self._databases():
            for doc_id, version_id in self._newest_ids(db, account_id):
                document = None if doc_id in skipped else self._store.find_doc(db, version_id)
                if document and self._is_kept(version := _version(document)):
                    yield version

    def _newest_ids(self, db: str, account_id: str) -> Iterator[tuple[str, str]]:
        """The ids of an account's documents, and of their newest versions in this month."""
        prefix = _account_prefix(account_id)
        with suppress(DatabaseMissing):
            # The prefix ends with "/", and "0" is the character after that.
            ids = self._store.doc_ids(db, after=prefix, before=prefix[:-1] + "0")
            timely = in_time(ids, "the account has too many versions to find the newest in time")
            for quoted_id, of_document in itertools.groupby(timely, lambda each: each.split("/")[1]):
                (newest,) = deque(of_document, maxlen=1)
                yield _unquoted(quoted_id), newest

    def _page(self, db: str, first: str, last: str, limit: int) -> list[Document]:
        try:
            return self._store.all_docs(db, first, last, limit=limit, descending=True)
        except DatabaseMissing:
            return []

    def _is_kept(self, version: Version) -> bool:
        """Whether a version is recent enough to show. Its database is deleted later."""
        oldest = time.time() - self._days * SECONDS_A_DAY + GREGORIAN_EPOCH
        return (version.replaced_by.when or 0) >= oldest

    def _finish(self, account_id: str, replaced: Document, error: StoreError | None) -> None:
        if error is not None:
            self._on_failure()
            log.error("version %s of %s %s was not kept: %s", replaced["_rev"], account_id, replaced["_id"], error)
            return
        now = time.time()
        if self._cleaned_on != _day(now):
            self._cleaned_on = _day(now)
            # In a thread, because it may take a while.
            threading.Thread(target=self._clean, args=(now,), name="old versions", daemon=True).start()

    def _clean(self, now: float) -> None:
        """Once a day, delete the oldest month that is too old, both by the clock and by the last day with a write.

        A clock that is wrong for a day deletes nothing.
        """
        with suppress(StoreError):
            self._forget_days_after(now)
            last = self._last_day(now)
            if not self._mark_day(now):
                return
            oldest = self._oldest_month(now)
            months = [month for month in range(oldest - MONTHS_DELETED, oldest) if self._store.has_db(_db(month))]
            if not months:
                return
            if last and months[0] < self._oldest_month(last):
                self._store.delete_db(_db(months[0]))
            elif last:
                log.warning(
                    "the clock says %s, but the last version is of %s: no old versions are deleted today",
                    _day(now),
                    _day(last),
                )

    def _forget_days_after(self, now: float) -> None:
        """Forget the days that a wrong clock has noted, so that it finds no witness if it is wrong again."""
        newest, today = _month(now), _day(now)
        for month in range(newest, newest + MONTHS_DELETED):
            with suppress(DatabaseMissing):
                for document in self._store.all_docs(_db(month), DAY, DAY + "9"):
                    if document["_id"].removeprefix(DAY) > today:
                        self._store.delete_doc(_db(month), document["_id"], document["_rev"])

    def _last_day(self, now: float) -> float | None:
        """The last day with a write before today, as a Unix time; None if there is none."""
        newest, today = _month(now), _day(now)
        for month in range(newest, newest - MONTHS_DELETED, -1):
            with suppress(DatabaseMissing):
                for document in self._store.all_docs(_db(month), DAY, DAY + "9", limit=2, descending=True):
                    day = document["_id"].removeprefix(DAY)
                    if day < today:
                        return float(calendar.timegm(time.strptime(day, "%Y%m%d")))
        return None

    def _mark_day(self, now: float) -> bool:
        """Note that there was a write today. False if that is noted already."""
        try:
            self._store.save_doc(_db(_month(now)), {"_id": DAY + _day(now), "pvt_type": "connectivity_history_day"})
        except Conflict:
            return False
        return True

    def _current_db(self) -> str:
        return _db(_month(time.time()))

    def _databases(self) -> list[str]:
        """The databases that may have versions, newest first.

        The clock may have been set back over the end of a month, so the next month is one of them.
        """
        now = time.time()
        return [_db(month) for month in range(_month(now) + 1, self._oldest_month(now) - 1, -1)]

    def _oldest_month(self, now: float) -> int:
        """The month of the oldest versions to keep."""
        return _month(now - self._days * SECONDS_A_DAY)

    def _newest_first_of_all(self, prefix: str, last: str) -> Iterator[Document]:
        """The documents of all months. Of two months that follow each other, the versions may be mixed."""
        heads: list[tuple[Document, Iterator[Document]]] = []
        for db in self._databases():
            heads += _head(self._newest_first(db, prefix, last))
            while len(heads) > 1:
                document, rest = max(heads, key=lambda head: head[0]["_id"])
                yield document
                heads = [*(head for head in heads if head[1] is not rest), *_head(rest)]
        for document, rest in heads:
            yield document
            yield from rest

    def _newest_first(self, db: str, prefix: str, last: str) -> Iterator[Document]:
        after = None
        while True:
            page = self._page(db, prefix, last, PAGE)
            yield from (document for document in page if document["_id"] != after)
            if len(page) < PAGE:
                return
            last = after = page[-1]["_id"]


def _head(documents: Iterator[Document]) -> list[tuple[Document, Iterator[Document]]]:
    """The first document and the rest; nothing if there is none."""
    return [(document, documents) for document in itertools.islice(documents, 1)]


def is_revision(text: str) -> bool:
    """Whether a text looks like a revision."""
    return _REVISION.fullmatch(text) is not None


def _prefix(account_id: str, doc_id: str) -> str:
    return f"{_account_prefix(account_id)}{_quoted(doc_id)}/"


def _account_prefix(account_id: str) -> str:
    return f"{_quoted(account_id)}/"


def _quoted(text: str) -> str:
    return quote(text, safe="").replace("-", "%2D").replace("%", "-")


def _unquoted(text: str) -> str:
    return unquote(text.replace("-", "%"))


def sort_key(revision: str) -> str:
    """The revision with a padded generation, which sorts correctly."""
    generation, _, digest = revision.partition("-")
    return f"{generation:0>10}-{digest}"


def _version_document(account_id: str, replaced: Document, write: Write) -> Document:
    """The document of a version."""
    return {
        "_id": f"{_prefix(account_id, replaced['_id'])}{sort_key(replaced['_rev'])}-{secrets.token_hex(4)}",
        "pvt_type": "connectivity_version",
        "document": replaced,
        "replaced_by": {name: value for name, value in asdict(write).items() if value is not None},
    }


def _version(document: Document) -> Version:
    by = document["replaced_by"]
    write = Write(**{field.name: by.get(field.name) for field in dataclass_fields(Write)})
    return Version(document["document"], write)


def _month(at: float) -> int:
    """The month of a Unix time, in UTC, counted from the year 0."""
    year, month = time.gmtime(at)[:2]
    return 12 * year + month - 1


def _db(month: int) -> str:
    """The database of a month."""
    return f"{PREFIX}{month // 12:04}{month % 12 + 1:02}"


def _day(at: float) -> str:
    return time.strftime("%Y%m%d", time.gmtime(at))
