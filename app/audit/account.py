"""The audit of one account."""

from dataclasses import dataclass, field

from app.audit import Finding, Severity, numbers, trunk, worst_first
from app.audit.places import Places
from app.documents import Document, connectivity, fields
from app.documents.branches import differing_paths
from app.documents.names import account_db
from app.schema import Schemas
from app.store import Store
from app.store.cache import DocumentCache
from app.store.view_comparison import ViewComparison

SCHEMA = "connectivity"
SYSTEM_SCHEMAS = "system_schemas"


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
    """Audits accounts one after the other, and remembers what only one server of all may have."""

    def __init__(self, store: Store, cache: DocumentCache, schemas: Schemas):
        self._store = store
        self._cache = cache
        self._schema = schemas.get(SCHEMA)
        self._places = Places()
        self._views = ViewComparison(store.engine())

    def account(self, account_id: str) -> Report:
        """The findings of an account, the worst first. Raises DatabaseMissing, Unavailable."""
        db = account_db(account_id)
        documents = self._documents(db)
        found = next((one for one in documents if one["_id"] == account_id), None)
        report = Report(account_id, found or {"_id": account_id}, trunks=list(filter(trunk.is_trunk, documents)))
        if found is None:
            message = "the account's document is missing from its database"
            report.findings.append(Finding(Severity.ERROR, "private", message))
        for one in report.trunks:
            report.findings += trunk.findings(one, report.account, self._schema)
        live = [
            one for one in report.trunks if not fields.is_deleted(one) and one.get("pvt_type") == connectivity.TYPE
        ]
        for one in live:
            report.findings += [found.in_document(one["_id"]) for found in self._places.findings(account_id, one)]
        report.findings += numbers.findings(self._store, self._cache, account_id, live)
        report.findings += self._database(db, documents)
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
        """The account, its trunks and its design documents. Of an account's other documents nothing is kept."""

        def counts(document: Document) -> bool:
            return (
                trunk.is_trunk(document)
                or document.get("pvt_type") == "account"
                or document["_id"].startswith("_design/")
            )

        return [document for document in self._store.iterate_docs(db) if counts(document)]

    def _database(self, db: str, documents: list[Document]) -> list[Finding]:
        found = []
        designs = {one["_id"]: one for one in documents if one["_id"].startswith("_design/")}
        others = [one for one in documents if one["_id"] not in designs]
        for finding in self._views.findings(db, designs, others):
            design, _, problem = finding.partition(": ")
            message = f"{problem}: `views install` replaces it"
            found.append(Finding(Severity.WARNING, "views", message, "", f"_design/{design}"))
        for doc_id in self._store.documents_with_leaves(db):
            if len([leaf for leaf in self._store.leaves(db, doc_id) if not leaf.is_deleted]) > 1:
                message = "the document has conflicting leaves: `conflicts repair` merges them"
                found.append(Finding(Severity.ERROR, "conflict", message, "", doc_id))
        return found
