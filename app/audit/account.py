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
from app.store.design import documents_for

SCHEMA = "connectivity"
SYSTEM_SCHEMAS = "system_schemas"


@dataclass
class Report:
    """What was found in an account. `name` is the account's."""

    account_id: str
    name: str = ""
    findings: list[Finding] = field(default_factory=list)
    trunks: int = 0


class Auditor:
    """Audits accounts one after the other, and remembers what only one server of all may have."""

    def __init__(self, store: Store, cache: DocumentCache, schemas: Schemas):
        self._store = store
        self._cache = cache
        self._schema = schemas.get(SCHEMA)
        self._places = Places()

    def account(self, account_id: str) -> Report:
        """The findings of an account, the worst first. Raises DatabaseMissing, Unavailable."""
        db = account_db(account_id)
        documents = self._documents(db)
        account = next((one for one in documents if one["_id"] == account_id), None)
        report = Report(account_id)
        if account is None:
            message = "the account's document is missing from its database"
            report.findings.append(Finding(Severity.ERROR, "private", message))
            account = {"_id": account_id}
        report.name = str(account.get("name", ""))
        trunks = [one for one in documents if trunk.is_trunk(one)]
        report.trunks = len(trunks)
        for one in trunks:
            report.findings += trunk.findings(one, account, self._schema)
        live = [one for one in trunks if not fields.is_deleted(one) and one.get("pvt_type") == connectivity.TYPE]
        for one in live:
            report.findings += [found.in_document(one["_id"]) for found in self._places.findings(account_id, one)]
        report.findings += numbers.findings(self._store, self._cache, account_id, live)
        report.findings += self._database(db, documents)
        report.findings = worst_first(report.findings)
        return report

    def system(self) -> Report:
        """What concerns all accounts: the schema that Kazoo and its other services use."""
        report = Report("system", "system")
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
        stored = {document["_id"]: document for document in documents}
        for wanted in documents_for(db):
            views = (stored.get(wanted["_id"]) or {}).get("views") or {}
            for name in wanted["views"]:
                if name not in views:
                    message = f"the view {name} is missing: `views install` writes it"
                    found.append(Finding(Severity.WARNING, "views", message, "", wanted["_id"]))
        for doc_id in self._store.documents_with_leaves(db):
            if len([leaf for leaf in self._store.leaves(db, doc_id) if not leaf.is_deleted]) > 1:
                message = "the document has conflicting leaves: `conflicts repair` merges them"
                found.append(Finding(Severity.ERROR, "conflict", message, "", doc_id))
        return found
