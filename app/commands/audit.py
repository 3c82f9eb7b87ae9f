"""`audit`: what is wrong with the trunks of accounts, read from the store. Nothing is changed."""

import json
import sys

import click

from app.audit import Severity
from app.audit.account import Auditor, Report
from app.commands.accounts import database_of
from app.numbers.reconcile import accounts
from app.services import Services, make_services
from app.settings import Settings
from app.store import DatabaseMissing, StoreError

NOTHING_FOUND, FOUND, COULD_NOT_LOOK = 0, 1, 2
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}


@click.command()
@click.argument("account_ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All accounts, and what concerns all of them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each account, on a line of its own.")
def audit(account_ids: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Show what prevents calls or saves in the trunks of ACCOUNT_IDS, or bills calls to the wrong account.

    The worst findings of each account come first. The exit status is 0 if nothing was found, 1 if something was
    (notes do not count), and 2 if an account could not be read.
    """
    if bool(account_ids) == every:
        raise click.UsageError("name accounts, or --all")
    services = make_services(Settings.from_environment().for_commands())
    try:
        status = _audit_all(services, account_ids, every, as_json)
    except StoreError as error:
        click.echo(f"error: {type(error).__name__}: {error}", err=True)
        status = COULD_NOT_LOOK
    finally:
        services.close()
    raise SystemExit(status)


def _audit_all(services: Services, account_ids: tuple[str, ...], every: bool, as_json: bool) -> int:
    for account_id in account_ids:
        database_of(services.store, account_id)
    chosen = list(accounts(services.store)) if every else list(account_ids)
    auditor = Auditor(services.store, services.cache, services.schemas)
    found = trunks = 0
    unread = []
    with click.progressbar(chosen, label="accounts", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        for account_id in bar:
            try:
                report = auditor.account(account_id)
            except DatabaseMissing:
                unread.append(account_id)
                click.echo(f"warning: the account {account_id} has no database", err=True)
                continue
            trunks += report.trunks
            found += _tell(report, as_json)
    if every:
        found += _tell(auditor.system(), as_json)
    if not as_json:
        click.echo(f"{found} findings in {trunks} trunks of {len(chosen)} accounts")
    if unread:
        return COULD_NOT_LOOK
    return FOUND if found else NOTHING_FOUND


def _tell(report: Report, as_json: bool) -> int:
    """Print a report, and return how many of its findings count."""
    if as_json:
        members = {"account_id": report.account_id, "name": report.name, "trunks": report.trunks}
        findings = [finding.as_json() for finding in report.findings]
        click.echo(json.dumps({**members, "findings": findings}, ensure_ascii=False))
    elif report.findings:
        click.echo(f"{report.account_id} {report.name}")
        for finding in report.findings:
            severity = click.style(f"{finding.severity.name.lower():7}", fg=_COLOURS[finding.severity])
            place = " ".join(filter(None, (finding.document_id, finding.path)))
            click.echo(f"  {severity} {finding.rule}: {place}: {finding.message}")
    return sum(finding.severity > Severity.NOTE for finding in report.findings)
