"""The audit of accounts."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from app.audit import Finding, Severity, numbers, trunk, worst_first
from app.audit.number_index import Find, looked_up
from app.audit.places import Places
from app.documents import Document, connectivity, fields
from app.documents.names import account_db
from app.schema import Schemas
from app.store import DatabaseMissing, Store
from app.store.cache import DocumentCache
from app.store.couchdb.branches import differing_paths
from app.store.view_comparison import ViewComparison

SCHEMA = "connectivity"
SYSTEM_SCHEMAS = "system_schemas"
CONFLICTS = "_conflicts"
READERS = 4


@dataclass
class Report:
    """What was found in an account, whose document is `account`. `trunks` are its documents, deleted ones too."""

    account_id: str
    account: Document = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    trunks: list[Document] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The account's name."""
        return str(self.account.get("name", ""))

    @property
    def counting(self) -> int:
        """How many of the findings are more than notes."""
        return sum(finding.severity > Severity.NOTE for finding in self.findings)


class Auditor:
    """Audits accounts one after the other, and remembers what only one server of all may have.

    `find_numbers` finds the documents of numbers; what it knows may be old.
    """

    def __init__(self, store: Store, cache: DocumentCache, schemas: Schemas, find_numbers: Find | None = None):
        self._store = store
        self._cache = cache
        self._schema = schemas.get(SCHEMA)
        self._look_up = looked_up(store)
        self._find_numbers = find_numbers or self._look_up
        self._places = Places()
        self._views = ViewComparison(store.engine())

    def accounts(self, account_ids: Iterable[str]) -> Iterator[Report | None]:
        """The report of each account, in order; None where it has no database. Raises Unavailable.

        The documents of the next accounts are read meanwhile, because a CouchDB answers several requests at once.
        """
        with ThreadPoolExecutor(READERS) as pool:
            waiting: deque[tuple[str, Future[list[Document]]]] = deque()
            for account_id in account_ids:
                waiting.append((account_id, pool.submit(self._documents, account_db(account_id))))
                if len(waiting) > 2 * READERS:
                    yield self._report(*waiting.popleft())
            while waiting:
                yield self._report(*waiting.popleft())

    def _report(self, account_id: str, read: Future[list[Document]]) -> Report | None:
        try:
            documents = read.result()
        except DatabaseMissing:
            return None
        return self._audit(account_id, documents)

    def _audit(self, account_id: str, documents: list[Document]) -> Report:
        found = next((one for one in documents if one["_id"] == account_id), None)
        report = Report(account_id, found or {"_id": account_id}, trunks=list(filter(trunk.is_trunk, documents)))
        if found is None:
            message = "the account's document is missing from its database"
            report.findings.append(Finding(Severity.ERROR, "private", message))
        report.findings += _conflicts(documents)
        coercing = self._cache.setting("crossbar", "schema_strict_validation", default=False) is not True
        for one in report.trunks:
            report.findings += trunk.findings(one, report.account, self._schema, coercing)
        live = [
            one for one in report.trunks if not fields.is_deleted(one) and one.get("pvt_type") == connectivity.TYPE
        ]
        for one in live:
            report.findings += [found.in_document(one["_id"]) for found in self._places.findings(account_id, one)]
        report.findings += numbers.findings(self._find_numbers, self._look_up, self._cache, account_id, live)
        report.findings += self._of_views(account_db(account_id), documents)
        report.findings = worst_first(report.findings)
        return report

    def system(self) -> Report:
        """What concerns all accounts: the schema that Kazoo and its other services use."""
        report = Report("system", {"name": "system"})
        stored = self._store.find_doc(SYSTEM_SCHEMAS, SCHEMA)
        if stored is not None:
            raw = fields.public(self._schema.raw)
            paths = {*differing_paths(fields.public(stored), raw), *differing_paths(raw, fields.public(stored))}
            for path in sorted(paths):
                message = f"differs in {SYSTEM_SCHEMAS} from the schema that this service uses"
                report.findings.append(Finding(Severity.WARNING, "system-schema", message, path, SCHEMA))
        return report

    def _documents(self, db: str) -> list[Document]:
        """The account, its trunks, its design documents and what has conflicts. Nothing else is kept in memory."""

        def counts(document: Document) -> bool:
            return (
                trunk.is_trunk(document)
                or document.get("pvt_type") == "account"
                or document["_id"].startswith("_design/")
                or CONFLICTS in document
            )

        return [document for document in self._store.iterate_docs(db, conflicts=True) if counts(document)]

    def _of_views(self, db: str, documents: list[Document]) -> Iterator[Finding]:
        designs = {one["_id"]: one for one in documents if one["_id"].startswith("_design/")}
        others = [one for one in documents if one["_id"] not in designs]
        for finding in self._views.findings(db, designs, others):
            design, _, problem = finding.partition(": ")
            message = f"{problem}: `views install` replaces it"
            yield Finding(Severity.WARNING, "views", message, "", f"_design/{design}")


def _conflicts(documents: list[Document]) -> Iterator[Finding]:
    """Tell which documents have conflicting leaves, and take the list of them out of the documents."""
    for document in documents:
        if document.pop(CONFLICTS, None):
            message = "the document has conflicting leaves: `conflicts repair` merges them"
            yield Finding(Severity.ERROR, "conflict", message, "", document["_id"])
