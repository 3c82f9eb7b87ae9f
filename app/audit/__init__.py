"""Reads the trunks of accounts and finds what prevents calls, bills them to the wrong account, or prevents a save.

Each rule is a function of its own: those of one document are in `trunk.py`, those of an account's numbers in
`numbers.py`, those that compare documents in `places.py`. `account.py` runs all of them. Nothing is changed.
A save through the API warns of the errors that `trunk.handling` finds.
"""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How bad a finding is."""

    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True)
class Finding:
    """One finding. `path` is that of a member, such as ``servers.0.auth``; "" for the whole document."""

    severity: Severity
    rule: str
    message: str
    path: str = ""
    document_id: str = ""

    def in_document(self, document_id: str) -> "Finding":
        """The same for this document."""
        return Finding(self.severity, self.rule, self.message, self.path, document_id)

    def as_json(self) -> dict[str, Any]:
        """The finding as `audit --json` has it."""
        return {**asdict(self), "severity": self.severity.name.lower()}


def worst_first(findings: list[Finding]) -> list[Finding]:
    """The findings of one account, the worst first, those of a document together where they are equally bad."""
    return sorted(findings, key=lambda found: (-found.severity, found.document_id, found.rule, found.path))
