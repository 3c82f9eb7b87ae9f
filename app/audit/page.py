"""The report of `audit` as one self-contained HTML page, with a diagram of each trunk."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, PackageLoader

from app.audit import Finding, Severity
from app.audit.account import Report
from app.audit.calls import is_enabled, method
from app.audit.style import style_sheet
from app.documents import Document, connectivity, object_member
from app.files import whole_file

NUMBERS_SHOWN = 3
ROW_HEIGHT = 44
# Where in a trunk a finding belongs in its diagram.
_Place = tuple[str, str]


@dataclass(frozen=True)
class DiagramRow:
    """One server in the diagram of its trunk. The `_trouble` members are the name of a severity, or empty."""

    numbers: str
    numbers_trouble: str
    server: str
    server_trouble: str
    auth: str
    auth_trouble: str
    failover: str


class AuditPage:
    """Writes the page section by section, because the whole page may not fit into memory."""

    def __init__(self, sections: IO[str]):
        self._templates = Environment(
            loader=PackageLoader("app.audit", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._section = self._templates.get_template("section.html")
        self._sections = sections
        # An account's line in the table of contents, where its section begins, and its length.
        self._index: list[tuple[tuple[int, int, str, str, int], int, int]] = []

    def add(self, report: Report) -> None:
        """Write the section of an account."""
        if not report.findings and not report.trunks:
            return
        errors, warnings, _ = (
            sum(finding.severity is severity for finding in report.findings) for severity in reversed(Severity)
        )
        findings = defaultdict(list)
        for finding in report.findings:
            findings[finding.document_id].append(finding)
        trunks = [(trunk, _rows(trunk, findings[trunk["_id"]])) for trunk in report.live]
        section = self._section.render(report=report, trunks=trunks, row_height=ROW_HEIGHT)
        entry = (-errors, -warnings, report.name, report.account_id, len(report.live))
        self._index.append((entry, self._sections.tell(), len(section)))
        self._sections.write(section)

    def finish(self, file: IO[str], made_at: str) -> None:
        """Write the whole page: a table of contents, then the sections, both with the worst account first.

        Raises OSError.
        """
        ordered = sorted(self._index)
        head, _, tail = (
            self._templates.get_template("page.html")
            .render(index=[entry for entry, _, _ in ordered], made_at=made_at, style_sheet=style_sheet())
            .partition("<!-- sections -->")
        )
        file.write(head)
        for _, start, length in ordered:
            self._sections.seek(start)
            file.write(self._sections.read(length))
        file.write(tail)


@contextmanager
def page_in(path: Path, made_at: str) -> Iterator[AuditPage]:
    """A page that appears at this path once it is complete. Only its owner can read it. Raises OSError."""
    with tempfile.TemporaryFile("w+", dir=path.parent, encoding="utf-8", newline="") as sections:
        page = AuditPage(sections)
        yield page
        with whole_file(path, encoding="utf-8") as file:
            page.finish(file, made_at)


def _rows(trunk: Document, findings: list[Finding]) -> list[DiagramRow]:
    worst: dict[_Place, Severity] = {}
    for finding in findings:
        place = _place(finding.path)
        worst[place] = max(worst.get(place, finding.severity), finding.severity)
    return [_row(str(index), server, worst) for index, server in enumerate(connectivity.servers_by_index(trunk))]


def _place(path: str) -> _Place:
    """``("0", "auth")`` for the credentials of the first server, ``("DIDs", number)`` for a number anywhere."""
    first, _, rest = path.partition(".")
    if first == "DIDs":
        return first, rest
    index, _, member = rest.partition(".")
    member = member.partition(".")[0]
    return index if first == "servers" else "", member if member in ("auth", "DIDs") else ""


def _row(index: str, server: Document, worst: dict[_Place, Severity]) -> DiagramRow:
    dids = list(connectivity.dids({"servers": [server]}))
    name = str(server.get("server_name") or server.get("name") or f"servers.{index}")
    more = f" and {len(dids) - NUMBERS_SHOWN} more" if len(dids) > NUMBERS_SHOWN else ""
    failover = object_member(server, "options", "failover")
    return DiagramRow(
        numbers=", ".join(dids[:NUMBERS_SHOWN]) + more or "no numbers",
        numbers_trouble=_worst_of(worst, (index, "DIDs"), *(("DIDs", did) for did in ([*dids, ""] if dids else []))),
        server=name if is_enabled(server) else f"{name} (disabled)",
        server_trouble=_worst_of(worst, (index, "")),
        auth=_auth_text(server.get("auth")),
        auth_trouble=_worst_of(worst, (index, "auth")),
        failover=", ".join(map(str, failover.values())) if isinstance(failover, dict) else "",
    )


def _worst_of(worst: dict[_Place, Severity], *places: _Place) -> str:
    severities = [worst[place] for place in places if place in worst]
    return max(severities).name.lower() if severities else ""


def _auth_text(auth: Any) -> str:
    """How a server authenticates, without its password."""
    if not isinstance(auth, dict):
        return "nothing"
    if method(auth) == "ip":
        return f"IP {auth.get('ip', '')}"
    return f"password of {auth.get('auth_user', 'nobody')}"
