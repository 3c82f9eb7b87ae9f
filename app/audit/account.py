"""The audit of accounts."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from app.accounts import descendants
from app.audit import Finding, Severity, numbers, system_schema, trunk, worst_first
from app.audit.number_index import FindNumbers, store_lookup
from app.audit.places import Places
from app.documents import Document, connectivity, fields
from app.documents.names import SYSTEM_SCHEMAS, account_db
from app.schema import Schemas
from app.store import DatabaseMissing, Store, ViewMissing
from app.store.cache import DocumentCache
from app.store.design import ROUTING
from app.store.view_comparison import ViewComparison
from app.trunks.knowledge import installed_views

CONFLICTS = "_conflicts"
READERS = 4


@dataclass
class Report:
    """The findings for one account. `account` is its document, and `trunks` are its trunks, even deleted ones."""

    account_id: str
    account: Document = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    trunks: list[Document] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The account's name."""
        return str(self.account.get("name", ""))

    @property
    def live(self) -> list[Document]:
        """The trunks that are not softly deleted."""
        return [trunk for trunk in self.trunks if not fields.is_deleted(trunk)]

    @property
    def problems(self) -> int:
        """How many of the findings are errors or warnings."""
        return sum(finding.severity > Severity.NOTE for finding in self.findings)


class Auditor:
    """Audits accounts one after another, and remembers what must be unique among all of their servers.

    `find_numbers` finds the documents of numbers, which may be out of date.
    """

    def __init__(self, store: Store, cache: DocumentCache, schemas: Schemas, find_numbers: FindNumbers | None = None):
        self._store = store
        self._cache = cache
        self._schema = schemas.get(connectivity.SCHEMA)
        self._look_up = store_lookup(store)
        self._find_numbers = find_numbers or self._look_up
        self._places = Places()
        self._views = ViewComparison(store.engine())
        self._wrong_counts: dict[str, tuple[int, int]] | None = None

    def accounts(self, account_ids: Iterable[str], with_findings: bool = True) -> Iterator[Report | None]:
        """The report on each account, in order; None if it has no database. Raises Unavailable.

        Without findings, a report has only the account and its trunks.

        Meanwhile the documents of the next accounts are read, because CouchDB answers several requests at once.
        """
        with ThreadPoolExecutor(READERS) as pool:
            waiting: deque[tuple[str, Future[list[Document]]]] = deque()
            for account_id in account_ids:
                waiting.append((account_id, pool.submit(self._documents, account_db(account_id))))
                if len(waiting) > 2 * READERS:
                    yield self._report(*waiting.popleft(), with_findings)
            while waiting:
                yield self._report(*waiting.popleft(), with_findings)

    def _report(self, account_id: str, reading: Future[list[Document]], with_findings: bool) -> Report | None:
        try:
            documents = reading.result()
        except DatabaseMissing:
            return None
        account = next((document for document in documents if document["_id"] == account_id), {"_id": account_id})
        report = Report(account_id, account, trunks=list(filter(connectivity.is_trunk, documents)))
        conflicts = list(_conflicts(documents))
        if with_findings:
            report.findings += conflicts
            self._audit(report, documents)
        return report

    def _audit(self, report: Report, documents: list[Document]) -> None:
        account_id = report.account_id
        if report.account not in documents:
            message = "the account's document is missing from its database"
            report.findings.append(Finding(Severity.ERROR, "private", message))
        coercing = trunk.is_coercing(self._cache)
        views = installed_views(next((one for one in documents if one["_id"] == ROUTING), None))
        for document in report.trunks:
            report.findings += trunk.findings(document, report.account, self._schema, coercing, views)
        report.findings = _grouped(report.findings)
        live = [document for document in report.live if document.get("pvt_type") == connectivity.TYPE]
        for document in live:
            shared = self._places.findings(account_id, document)
            report.findings += [finding.in_document(document["_id"]) for finding in shared]
        report.findings += numbers.findings(self._find_numbers, self._look_up, self._cache, account_id, live)
        report.findings += self._count_findings(account_id)
        report.findings += self._view_findings(account_db(account_id), documents)
        report.findings = worst_first(report.findings)

    def system(self) -> Report:
        """The findings that concern all accounts: about the schema that Kazoo itself uses."""
        report = Report("system", {"name": "system"})
        for path in system_schema.differences(self._store, self._schema.raw):
            message = f"differs in {SYSTEM_SCHEMAS} from the schema that this service uses"
            report.findings.append(Finding(Severity.WARNING, "system-schema", message, path, connectivity.SCHEMA))
        return report

    def _documents(self, db: str) -> list[Document]:
        """The account, its trunks, its design documents and documents with conflicts.

        All others are skipped to save memory.
        """

        def is_needed(document: Document) -> bool:
            return (
                connectivity.is_trunk(document)
                or document.get("pvt_type") == "account"
                or document["_id"].startswith("_design/")
                or CONFLICTS in document
            )

        return [document for document in self._store.iterate_docs(db, conflicts=True) if is_needed(document)]

    def _count_findings(self, account_id: str) -> Iterator[Finding]:
        if self._wrong_counts is None:
            try:
                self._wrong_counts = descendants.wrong_counts(self._store)
            except (DatabaseMissing, ViewMissing):
                self._wrong_counts = {}
        if account_id in self._wrong_counts:
            shown, right = self._wrong_counts[account_id]
            message = f"UIs show {shown} accounts below it, and there are {right}"
            yield Finding(Severity.WARNING, "descendants-count", message, descendants.MEMBER, account_id)

    def _view_findings(self, db: str, documents: list[Document]) -> Iterator[Finding]:
        designs = {document["_id"]: document for document in documents if document["_id"].startswith("_design/")}
        others = [document for document in documents if document["_id"] not in designs]
        for finding in self._views.findings(db, designs, others):
            message = f"{finding.problem}: `views install` replaces it" if finding.is_wrong else finding.problem
            yield Finding(Severity.WARNING, "views", message, "", f"_design/{finding.design}")


def _conflicts(documents: list[Document]) -> Iterator[Finding]:
    """Report the documents with conflicting leaves, and remove the list of leaves from each document."""
    for document in documents:
        if document.pop(CONFLICTS, None):
            message = "the document has conflicting leaves: `conflicts repair` merges them"
            yield Finding(Severity.ERROR, "conflict", message, "", document["_id"])


def _grouped(findings: list[Finding]) -> list[Finding]:
    """The findings, with one in place of those on deleted documents."""
    deleted = [finding for finding in findings if finding.rule == "deleted"]
    if len(deleted) < 2:
        return findings
    message = f"{len(deleted)} documents are deleted and still have servers, or have a mark of a deletion"
    others = [finding for finding in findings if finding.rule != "deleted"]
    return [*others, Finding(Severity.NOTE, "deleted", message)]
