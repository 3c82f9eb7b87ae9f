"""Reads the trunks of accounts and finds what prevents calls, bills them to the wrong account, or prevents a save.

Each rule is a function. The rules for one document are in `trunk.py`, and those of them on calls in `calls.py`; those
for an account's numbers are in `numbers.py`, and those that compare servers in `places.py`. `account.py` runs them.
They change nothing; `repairs.py` writes what `fixes.py` corrects. When the API saves a trunk, it logs what
`trunk.worst_errors` finds.
"""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from app.audit.rules import RULES


class Severity(IntEnum):
    """How bad a finding is."""

    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True)
class Finding:
    """One finding. `path` is the member's, such as ``servers.0.auth``, or "" for the whole document."""

    severity: Severity
    rule: str
    message: str
    path: str = ""
    document_id: str = ""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise LookupError(self.rule)

    def in_document(self, document_id: str) -> "Finding":
        """The same finding, in this document."""
        return Finding(self.severity, self.rule, self.message, self.path, document_id)

    def as_json(self) -> dict[str, Any]:
        """The finding as `audit --json` prints it."""
        return {**asdict(self), "severity": self.severity.name.lower()}


def worst_first(findings: list[Finding]) -> list[Finding]:
    """The findings of one account by severity, then by document."""
    return sorted(findings, key=lambda finding: (-finding.severity, finding.document_id, finding.rule, finding.path))
