"""Writes the repairs of `fixes.py`, each to the revision that was audited."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonpatch

from app.accounts import descendants
from app.accounts.creation import command_author
from app.audit import fixes
from app.audit.account import Report
from app.documents import Document, connectivity, fields
from app.documents.clock import gregorian_now
from app.history.versions import Write
from app.numbers import ownership, reconcile
from app.numbers.ownership import TRUNKSTORE
from app.routing import System
from app.routing.changes import Change, changes, with_trunk
from app.services import Services
from app.store import Conflict
from app.trunks import knowledge

VERB = "FIX"


@dataclass(frozen=True)
class Repair:
    """A document or a number, the JSON Patch that repairs it, the outcome, and what changes for calls."""

    document_id: str
    patch: list[dict[str, Any]]
    outcome: str
    changes: tuple[Change, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether it was written."""
        return self.outcome == DONE


DONE, NOT_WRITTEN, FAILED = "written", "not written", "not written: it has changed in the meantime"


class Repairer:
    """Repairs what these rules find. Unless `writes` is true, it only reports what it would do."""

    def __init__(self, services: Services, rules: tuple[str, ...], writes: bool):
        self._services = services
        self._rules = rules
        self._writes = writes

    def repair(self, report: Report) -> Iterator[Repair]:
        """Repair the trunks of an account, then the marks of its numbers, then its own document."""
        dids: set[str] = set()
        system: System | None = None
        for trunk in report.trunks:
            repaired = fixes.fixed(self._rules, trunk, report.account)
            if repaired.get("pvt_type") == connectivity.TYPE and not fields.is_deleted(repaired):
                dids.update(connectivity.dids(repaired))
            if repaired != trunk:
                system = system or knowledge.system_of(self._services.store, self._services.cache, report.account_id)
                changed = tuple(changes(system, trunk["_id"], repaired))
                system = with_trunk(system, trunk["_id"], repaired)
                patch = jsonpatch.make_patch(trunk, repaired).patch
                outcome = self._save(report.account, trunk, repaired) if self._writes else NOT_WRITTEN
                yield Repair(trunk["_id"], patch, outcome, changed)
        if fixes.MARKS in self._rules:
            # The trunks count as they are after the repairs, also if those are only shown.
            yield from self._marks(report.account_id, dids)
        if fixes.COUNTS in self._rules:
            yield from self._count(report.account_id)

    def _count(self, account_id: str) -> Iterator[Repair]:
        """Repair the number of accounts below this one."""
        services = self._services
        wrong = descendants.wrong_count(services.store, account_id)
        if wrong is None:
            return
        if self._writes:
            descendants.update(services.store, services.notices, account_id)
        operation = {"op": "add", "path": f"/{descendants.MEMBER}", "value": wrong[1]}
        yield Repair(account_id, [operation], DONE if self._writes else NOT_WRITTEN)

    def _save(self, account: Document, trunk: Document, repaired: Document) -> str:
        """Save the trunk, which keeps its author, and notify Kazoo's nodes."""
        author = command_author()
        write = Write(VERB, gregorian_now(), account["_id"], ip="command", request_id=author.request_id)
        try:
            self._services.trunks.replace(account, trunk, repaired, author, write)
        except Conflict:
            return FAILED
        return DONE

    def _marks(self, account_id: str, dids: set[str]) -> Iterator[Repair]:
        """Repair the marks of the account's own numbers. The trunks of other accounts decide about theirs."""
        services = self._services
        wrong_marks = reconcile.wrong_marks(services.store, services.cache, account_id, dids)
        documents = ownership.number_documents(services.store, {wrong.number for wrong in wrong_marks})
        for wrong in wrong_marks:
            number, mark = wrong.number, wrong.expected
            if documents.get(number, {}).get("pvt_assigned_to") != account_id:
                continue
            outcome = NOT_WRITTEN
            if self._writes:
                outcome = DONE if services.assignment.mark(account_id, number, mark) else FAILED
            operation = {"op": "add", "value": TRUNKSTORE} if mark else {"op": "remove"}
            yield Repair(number, [{**operation, "path": "/pvt_used_by"}], outcome)
