"""The report of `audit` as one self-contained HTML page, with a diagram of each trunk."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, PackageLoader

from app.audit import Finding, Severity
from app.audit.account import Report
from app.audit.trunk import is_enabled, method
from app.documents import Document, connectivity, fields, object_member
from app.files import whole_file

NUMBERS_SHOWN = 3
ROW_HEIGHT = 44


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
        self._index: list[tuple[int, int, str, str, int]] = []

    def add(self, report: Report) -> None:
        """Write the section of an account."""
        if not report.findings and not report.trunks:
            return
        errors, warnings, _ = (
            sum(finding.severity is severity for finding in report.findings) for severity in reversed(Severity)
        )
        self._index.append((-errors, -warnings, report.name, report.account_id, len(report.trunks)))
        trunks = [(trunk, _rows(trunk, report.findings)) for trunk in report.trunks if not fields.is_deleted(trunk)]
        self._sections.write(self._section.render(report=report, trunks=trunks, row_height=ROW_HEIGHT))

    def finish(self, file: IO[str], made_at: str) -> None:
        """Write the whole page: a table of contents with the worst account first, then the sections."""
        head, _, tail = (
            self._templates.get_template("page.html")
            .render(index=sorted(self._index), made_at=made_at)
            .partition("<!-- sections -->")
        )
        self._sections.seek(0)
        file.write(head)
        shutil.copyfileobj(self._sections, file)
        file.write(tail)


@contextmanager
def page_in(path: Path, made_at: str) -> Iterator[AuditPage]:
    """A page that appears at this path once it is complete. Only its owner can read it. Raises OSError."""
    with tempfile.TemporaryFile("w+", dir=path.parent, encoding="utf-8") as sections:
        page = AuditPage(sections)
        yield page
        with whole_file(path, encoding="utf-8") as file:
            page.finish(file, made_at)


def _rows(trunk: Document, findings: list[Finding]) -> list[DiagramRow]:
    findings = [finding for finding in findings if finding.document_id == trunk["_id"]]
    stored = trunk.get("servers")
    servers = stored if isinstance(stored, list) else []
    return [
        _row(f"servers.{index}", server if isinstance(server, dict) else {}, findings)
        for index, server in enumerate(servers)
    ]


def _row(path: str, server: Document, findings: list[Finding]) -> DiagramRow:
    dids = list(connectivity.dids({"servers": [server]}))
    at_numbers = [
        finding
        for finding in findings
        if finding.path.startswith(f"{path}.DIDs") or finding.path.removeprefix("DIDs.") in dids
    ]
    at_auth = [finding for finding in findings if finding.path.startswith(f"{path}.auth")]
    elsewhere = [finding for finding in findings if finding not in at_numbers + at_auth]
    at_server = [finding for finding in elsewhere if finding.path.startswith(path)]
    name = str(server.get("server_name") or server.get("name") or path)
    more = f" and {len(dids) - NUMBERS_SHOWN} more" if len(dids) > NUMBERS_SHOWN else ""
    failover = object_member(server, "options", "failover")
    return DiagramRow(
        numbers=", ".join(dids[:NUMBERS_SHOWN]) + more or "no numbers",
        numbers_trouble=_worst(at_numbers),
        server=name if is_enabled(server) else f"{name} (disabled)",
        server_trouble=_worst(at_server),
        auth=_auth_text(server.get("auth")),
        auth_trouble=_worst(at_auth),
        failover=", ".join(map(str, failover.values())) if isinstance(failover, dict) else "",
    )


def _auth_text(auth: Any) -> str:
    """How a server authenticates, without its password."""
    if not isinstance(auth, dict):
        return "nothing"
    if method(auth) == "ip":
        return f"IP {auth.get('ip', '')}"
    return f"password of {auth.get('auth_user', 'nobody')}"


def _worst(findings: list[Finding]) -> str:
    return max(finding.severity for finding in findings).name.lower() if findings else ""
