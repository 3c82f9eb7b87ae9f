"""Keeps replaced versions, in a database for each month: ``connectivity_history/202611``.

A version has the id ``{account}/{document}/{generation, 10 digits}-{hash of the revision}-{random}``, so a range of
ids has the versions of a document in order. Two writers that replace the same version get different
ids, because the loser deletes its own. The document's id is percent-encoded, with `-` for `%`.
"""

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as dataclass_fields
from urllib.parse import quote

from app.documents import Document
from app.documents.clock import GREGORIAN_EPOCH
from app.store import DatabaseMissing, Store, StoreError

PREFIX = "connectivity_history/"
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
        self._cleaned_on = 0

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
        for db in self._databases():
            for document in self._newest_first(db, prefix, last):
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

    def _is_kept(self, version: Version) -> bool:
        """Whether a version is recent enough to show. Its database is deleted later."""
        oldest = time.time() - self._days * SECONDS_A_DAY + GREGORIAN_EPOCH
        return (version.replaced_by.when or 0) >= oldest

    def _finish(self, account_id: str, replaced: Document, error: StoreError | None) -> None:
        if error is not None:
            self._on_failure()
            log.error("version %s of %s %s was not kept: %s", replaced["_rev"], account_id, replaced["_id"], error)
            return
        today = int(time.time()) // SECONDS_A_DAY
        if self._cleaned_on != today:
            self._cleaned_on = today
            # In a thread, because it may take a while.
            oldest = (self._oldest_month(),)
            threading.Thread(target=self._delete_old, args=oldest, name="old versions", daemon=True).start()

    def _delete_old(self, oldest: int) -> None:
        """Delete the databases of months before the oldest kept month."""
        with suppress(StoreError):
            for db in _months_back(oldest - 1, MONTHS_DELETED):
                self._store.delete_db(db)

    def _current_db(self) -> str:
        return _months_back(_month(time.time()), 1)[0]

    def _databases(self) -> list[str]:
        """The databases that may have versions, newest first."""
        newest = _month(time.time())
        return _months_back(newest, newest - self._oldest_month() + 1)

    def _oldest_month(self) -> int:
        return _month(time.time() - self._days * SECONDS_A_DAY)

    def _newest_first(self, db: str, prefix: str, last: str) -> Iterator[Document]:
        after = None
        while True:
            try:
                page = self._store.all_docs(db, prefix, last, limit=PAGE, descending=True)
            except DatabaseMissing:
                return
            yield from (document for document in page if document["_id"] != after)
            if len(page) < PAGE:
                return
            last = after = page[-1]["_id"]


def is_revision(text: str) -> bool:
    """Whether a text looks like a revision."""
    return _REVISION.fullmatch(text) is not None


def _prefix(account_id: str, doc_id: str) -> str:
    account, document = (quote(text, safe="").replace("-", "%2D").replace("%", "-") for text in (account_id, doc_id))
    return f"{account}/{document}/"


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


def _months_back(newest: int, count: int) -> list[str]:
    """The databases of this many months, newest first."""
    return [f"{PREFIX}{month // 12:04}{month % 12 + 1:02}" for month in range(newest, newest - count, -1)]
