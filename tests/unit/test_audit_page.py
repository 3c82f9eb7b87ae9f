"""The page of an audit looks at each finding a few times, however many trunks and servers there are."""

import io

import pytest

from app.audit import Finding, Severity
from app.audit.account import Report
from app.audit.page import AuditPage

MANY = 200
# Looks at one finding.
MOST_LOOKS = 50


class Counted(Finding):
    """A finding that counts how often its place is looked at."""

    looks = 0

    def __getattribute__(self, name):
        if name in ("path", "document_id"):
            Counted.looks += 1
        return super().__getattribute__(name)


def looks_at(trunks, findings):
    """How often the findings of an account with these trunks are looked at, for each finding; and the page."""
    sections = io.StringIO()
    report = Report("a" * 32, {"_id": "a" * 32, "name": "Acme"}, findings, trunks)
    Counted.looks = 0
    AuditPage(sections).add(report)
    return Counted.looks / len(findings), sections.getvalue()


def server(number):
    return {"server_name": f"pbx {number}", "auth": {"auth_method": "Password", "auth_user": f"user{number}"}}


@pytest.mark.parametrize("path", ["servers.0.auth", "servers.0", "DIDs.+14155550100", ""])
def test_the_page_of_many_trunks_takes_time_in_proportion_to_them(path):
    findings = [Counted(Severity.ERROR, "private", "message", path, f"trunk {number}") for number in range(MANY)]
    trunks = [{"_id": f"trunk {number}", "servers": [server(number)]} for number in range(MANY)]
    looks, page = looks_at(trunks, findings)
    assert f"trunk {MANY - 1}" in page
    assert looks <= MOST_LOOKS


def test_the_page_of_a_trunk_with_many_servers_takes_time_in_proportion_to_them():
    findings = [
        Counted(Severity.ERROR, "private", "message", f"servers.{number}.auth", "t") for number in range(MANY)
    ]
    looks, page = looks_at([{"_id": "t", "servers": [server(number) for number in range(MANY)]}], findings)
    assert f"pbx {MANY - 1}" in page
    assert looks <= MOST_LOOKS


def test_a_finding_is_drawn_at_its_own_server_only():
    findings = [Finding(Severity.ERROR, "private", "message", "servers.1.auth.ip", "t")]
    _, page = looks_at([{"_id": "t", "servers": [server(number) for number in range(12)]}], findings)
    # The line to the box, and the box.
    assert page.count('<g class="error">') == 2
