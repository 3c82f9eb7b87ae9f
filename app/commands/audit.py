"""`audit`: finds what is wrong with the trunks of accounts, and repairs some of it."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from app.accounts import every_account_id
from app.audit import Severity
from app.audit.account import Auditor, Report
from app.audit.fixes import COUNTS, FIXES, MARKS
from app.audit.number_index import NumberIndex
from app.audit.page import AuditPage, page_in
from app.audit.repairs import Repairer
from app.audit.rules import RULES
from app.commands.accounts import database_of
from app.commands.patches import line_of
from app.commands.progress import progress
from app.commands.simulate import print_changes
from app.commands.terminal import echo, echo_json, harmless
from app.commands.writing import services_of_command
from app.documents.clock import iso_now
from app.numbers.ownership import databases_of_numbers
from app.services import Services
from app.store import StoreError
from app.words import counted

NOTHING_FOUND, FOUND, FAILED = 0, 1, 2
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}


def _print_rules(context: click.Context, parameter: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        for rule, meaning in RULES.items():
            echo(f"{rule:17} {meaning}")
        context.exit()


@click.command()
@click.argument("account_ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All accounts, and the schema that they share.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each account.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write the report to this HTML file."
)
@click.option(
    "--fix",
    "rules",
    multiple=True,
    type=click.Choice([*FIXES, MARKS, COUNTS]),
    help="Repair what this rule finds. May be repeated.",
)
@click.option("--dry-run/--apply", "is_dry", default=True, help="Show the repairs (the default), or write them.")
@click.option(
    "--rules",
    "lists_rules",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_rules,
    help="List the rules.",
)
def audit(
    account_ids: tuple[str, ...], every: bool, as_json: bool, html: Path | None, rules: tuple[str, ...], is_dry: bool
) -> None:
    """Show what prevents calls or saves in the trunks of ACCOUNT_IDS, or bills calls to the wrong account.

    The worst findings of each account come first. The exit status is 0 if there are none, 1 if there are any (notes
    do not count), and 2 if an account could not be read.

    --fix shows repairs instead, and --apply writes them. The exit status is then 1 if a repair was not written.
    """
    if account_ids and every:
        raise click.UsageError("--all audits every account: leave out the account ids, or --all")
    if not account_ids and not every:
        raise click.UsageError("name accounts, or --all")
    if not is_dry and not rules:
        raise click.UsageError("--apply needs --fix")
    try:
        with ExitStack() as stack:
            services = stack.enter_context(services_of_command(writes=not is_dry))
            page = stack.enter_context(page_in(html, iso_now())) if html else None
            repairer = Repairer(services, rules, writes=not is_dry) if rules else None
            status = _Run(services, page, repairer, as_json).audit(account_ids, every)
    except click.ClickException as error:
        harmless(error).show()
        status = FAILED
    except (StoreError, OSError) as error:
        text = f"{html}: {error.strerror}" if isinstance(error, OSError) and html else str(error)
        echo(f"error: {text}", err=True)
        status = FAILED
    except KeyboardInterrupt:
        echo("interrupted: not everything was audited", err=True)
        status = FAILED
    raise SystemExit(status)


@dataclass
class _Run:
    """One run of the command, and its counts."""

    services: Services
    page: AuditPage | None
    repairer: Repairer | None
    as_json: bool
    trunks: int = 0
    problems: int = 0
    unread: int = 0

    def audit(self, account_ids: tuple[str, ...], every: bool) -> int:
        """Audit the accounts, and return the exit status."""
        services = self.services
        for account_id in account_ids:
            database_of(services.store, account_id)
        account_ids = tuple(every_account_id(services.store)) if every else account_ids
        with_findings = self.page is not None or self.repairer is None
        find_numbers = self._number_index().find if every and with_findings else None
        auditor = Auditor(services.store, services.cache, services.schemas, find_numbers)
        with progress(auditor.accounts(account_ids, with_findings), "accounts", len(account_ids)) as reports:
            for account_id, report in zip(account_ids, reports, strict=True):
                if report is None:
                    self.unread += 1
                    echo(f"warning: the account {account_id} has no database", err=True)
                else:
                    self._handle(report)
        if every and not self.repairer:
            self._handle(auditor.system())
        if not self.as_json:
            found = counted(self.problems, "repair" if self.repairer else "finding")
            echo(f"{found} in {counted(self.trunks, 'trunk')} of {counted(len(account_ids), 'account')}")
        if self.unread:
            return FAILED
        return FOUND if self.problems else NOTHING_FOUND

    def _number_index(self) -> NumberIndex:
        index, databases = NumberIndex(), databases_of_numbers(self.services.store)
        with progress(index.fill(self.services.store, databases), "numbers", len(databases)) as bar:
            for _ in bar:
                pass
        return index

    def _handle(self, report: Report) -> None:
        self.trunks += len(report.live)
        if self.page:
            self.page.add(report)
        if self.repairer:
            self.problems += _repair(self.repairer, report, self.as_json)
        else:
            self.problems += report.problems
            _print(report, self.as_json)


def _print(report: Report, as_json: bool) -> None:
    if as_json:
        members = {"account_id": report.account_id, "name": report.name, "trunks": len(report.live)}
        findings = [finding.as_json() for finding in report.findings]
        echo_json({**members, "findings": findings})
    elif report.findings:
        echo(f"{report.account_id} {report.name}")
        for finding in report.findings:
            severity = (f"  {finding.severity.name.lower():7}", _COLOURS[finding.severity])
            place = " ".join(filter(None, (finding.document_id, finding.path)))
            echo(severity, f" {finding.rule}: {place}: {finding.message}")


def _repair(repairer: Repairer, report: Report, as_json: bool) -> int:
    """Make and print the repairs of an account. Returns how many of them were not written."""
    unwritten = 0
    for repair in repairer.repair(report):
        unwritten += not repair.is_done
        if as_json:
            members = {"account_id": report.account_id, "document_id": repair.document_id, "patch": repair.patch}
            changed = [change.as_json() for change in repair.changes]
            echo_json({**members, "outcome": repair.outcome, "changes": changed})
            continue
        echo(f"{report.account_id} {repair.document_id}: {repair.outcome}")
        for operation in repair.patch:
            echo("    ", line_of(operation))
        print_changes(repair.changes, indent="    ")
    return unwritten
