"""The report of `audit` as one HTML page that needs nothing else, with a diagram of each trunk."""

import os
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

# So many numbers of a server are written out.
NUMBERS_SHOWN = 3
ROW_HEIGHT = 44


@dataclass(frozen=True)
class Row:
    """One server in the diagram of its trunk. The `_trouble` members are names of severities, or empty."""

    numbers: str
    numbers_trouble: str
    server: str
    server_trouble: str
    auth: str
    auth_trouble: str
    failover: str


class Page:
    """Writes the page part by part, because all of it may not fit into memory."""

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
        worst = [sum(found.severity is level for found in report.findings) for level in reversed(Severity)]
        self._index.append((-worst[0], -worst[1], report.name, report.account_id, len(report.trunks)))
        trunks = [(trunk, _rows(trunk, report.findings)) for trunk in report.trunks if not fields.is_deleted(trunk)]
        self._sections.write(self._section.render(report=report, trunks=trunks, row_height=ROW_HEIGHT))

    def finish(self, file: IO[str], made_at: str) -> None:
        """Write the whole page: what leads to the sections, the worst account first, and the sections."""
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
def page_in(path: Path, made_at: str) -> Iterator[Page]:
    """A page that appears in this file when it is complete. Only its owner can read it. Raises OSError."""
    with tempfile.TemporaryFile("w+", dir=path.parent, encoding="utf-8") as sections:
        page = Page(sections)
        yield page
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", encoding="utf-8", delete=False
        ) as file:
            try:
                page.finish(file, made_at)
                file.close()
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise


def _rows(trunk: Document, findings: list[Finding]) -> list[Row]:
    own = [finding for finding in findings if finding.document_id == trunk["_id"]]
    stored = trunk.get("servers")
    servers = stored if isinstance(stored, list) else []
    return [_row(f"servers.{index}", one if isinstance(one, dict) else {}, own) for index, one in enumerate(servers)]


def _row(path: str, server: Document, own: list[Finding]) -> Row:
    dids = list(connectivity.dids({"servers": [server]}))
    at_numbers = [one for one in own if one.path.startswith(f"{path}.DIDs") or one.path.removeprefix("DIDs.") in dids]
    at_auth = [one for one in own if one.path.startswith(f"{path}.auth")]
    at_server = [one for one in own if one.path.startswith(path) and one not in at_numbers + at_auth]
    name = str(server.get("server_name") or server.get("name") or path)
    more = f" and {len(dids) - NUMBERS_SHOWN} more" if len(dids) > NUMBERS_SHOWN else ""
    failover = object_member(server, "options", "failover")
    return Row(
        numbers=", ".join(dids[:NUMBERS_SHOWN]) + more or "no numbers",
        numbers_trouble=_worst(at_numbers),
        server=name if is_enabled(server) else f"{name} (disabled)",
        server_trouble=_worst(at_server),
        auth=_proof(server.get("auth")),
        auth_trouble=_worst(at_auth),
        failover=", ".join(map(str, failover.values())) if isinstance(failover, dict) else "",
    )


def _proof(auth: Any) -> str:
    """How a server proves who it is, without its password."""
    if not isinstance(auth, dict):
        return "nothing"
    if method(auth) == "ip":
        return f"IP {auth.get('ip', '')}"
    return f"password of {auth.get('auth_user', 'nobody')}"


def _worst(findings: list[Finding]) -> str:
    return max(findings, key=lambda found: found.severity).severity.name.lower() if findings else ""
