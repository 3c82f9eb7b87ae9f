"""The replaced versions, in one database for each month: ``connectivity_history/202611``.

A version has the id ``{account}/{document}/{generation, 10 digits}-{hash of the revision}-{random}``, so that a range
of ids has the versions of one document in their order. Two writers who replace one version never use the same id,
because the one who loses deletes its own. The document's id is percent-encoded there, with `-` for `%`.
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
# As many months before the oldest kept one are looked for, to be deleted.
MONTHS_DELETED = 24
SECONDS_A_DAY = 86_400
# A document may have megabytes.
PAGE = 8
_REVISION = re.compile(r"[0-9]{1,10}-[0-9a-z]{1,64}")
_LAST_PLACE = "9999999999"
# After the random part of every id.
_END = "-z"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Write:
    """The write that replaced a version: by whom, and when (Gregorian seconds).

    `revision` is what it made, where that was known when the version was kept. `restored` is the revision that it put
    back, if it did.
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
        """The same write, whose revision is known now."""
        return replace(self, revision=revision)


@dataclass(frozen=True)
class Version:
    """A replaced version of a document, and the write that replaced it."""

    document: Document
    replaced_by: Write

    @property
    def revision(self) -> str:
        """The revision of the version itself."""
        revision: str = self.document["_rev"]
        return revision


class History:
    """Keeps versions for `days`. `on_failure` is called when one could not be written."""

    def __init__(self, store: Store, days: int, on_failure: Callable[[], None] = lambda: None):
        self._store = store
        self._days = days
        self._on_failure = on_failure
        self._cleaned_on = 0

    def replace(self, account_id: str, replaced: Document, write: Write, db: str, document: Document) -> str:
        """Write a document in place of a version, and keep that. Returns the new revision. Raises as `save_doc`."""
        revision, error = self._store.save_with(db, document, self._newest(), _kept(account_id, replaced, write))
        self._finish(account_id, replaced, error)
        return revision

    def keep(self, account_id: str, replaced: Document, write: Write) -> None:
        """Keep a version that has been replaced. Errors of the store are logged and not raised."""
        version, db, error = _kept(account_id, replaced, write), self._newest(), None
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
        """The versions of a document, newest first, read in pages; with `first`, from that revision on."""
        prefix = _prefix(account_id, doc_id)
        last = prefix + (place(first) if first else _LAST_PLACE) + _END
        for db in self._databases():
            for document in self._newest_first(db, prefix, last):
                version = _version(document)
                if self._is_kept(version):
                    yield version

    def find(self, account_id: str, doc_id: str, revision: str) -> Version | None:
        """A version by its revision; None if it was never kept, or is too old."""
        start = _prefix(account_id, doc_id) + place(revision)
        for db in self._databases():
            for document in self._newest_first(db, start, start + _END):
                version = _version(document)
                if self._is_kept(version):
                    return version
        return None

    def _is_kept(self, version: Version) -> bool:
        """Whether a version is young enough; the whole month is deleted later."""
        oldest = time.time() - self._days * SECONDS_A_DAY + GREGORIAN_EPOCH
        return (version.replaced_by.when or 0) >= oldest

    def _finish(self, account_id: str, replaced: Document, error: StoreError | None) -> None:
        if error is not None:
            self._on_failure()
            log.error("version %s of %s %s is not kept: %s", replaced["_rev"], account_id, replaced["_id"], error)
            return
        today = int(time.time()) // SECONDS_A_DAY
        if self._cleaned_on != today:
            self._cleaned_on = today
            # It may take a while, and nobody waits for it.
            before = (self._oldest_month(),)
            threading.Thread(target=self._delete_old, args=before, name="old versions", daemon=True).start()

    def _delete_old(self, oldest: int) -> None:
        """Delete the databases of the months before the oldest one that is kept."""
        with suppress(StoreError):
            for db in _months_back(oldest - 1, MONTHS_DELETED):
                self._store.delete_db(db)

    def _newest(self) -> str:
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
    """Whether a text has the form of a revision, so that it can be looked for."""
    return _REVISION.fullmatch(text) is not None


def _prefix(account_id: str, doc_id: str) -> str:
    account, document = (quote(text, safe="").replace("-", "%2D").replace("%", "-") for text in (account_id, doc_id))
    return f"{account}/{document}/"


def place(revision: str) -> str:
    """A revision in the form that sorts by its generation."""
    generation, _, digest = revision.partition("-")
    return f"{generation:0>10}-{digest}"


def _kept(account_id: str, replaced: Document, write: Write) -> Document:
    """The document of a version."""
    return {
        "_id": f"{_prefix(account_id, replaced['_id'])}{place(replaced['_rev'])}-{secrets.token_hex(4)}",
        "pvt_type": "connectivity_version",
        "document": replaced,
        "replaced_by": {name: value for name, value in asdict(write).items() if value is not None},
    }


def _version(document: Document) -> Version:
    by = document["replaced_by"]
    return Version(document["document"], Write(**{each.name: by.get(each.name) for each in dataclass_fields(Write)}))


def _month(at: float) -> int:
    """The month of a time in Unix seconds, UTC, as a number: 12 a year."""
    year, month = time.gmtime(at)[:2]
    return 12 * year + month - 1


def _months_back(newest: int, count: int) -> list[str]:
    """The databases of so many months, newest first."""
    return [f"{PREFIX}{month // 12:04}{month % 12 + 1:02}" for month in range(newest, newest - count, -1)]
