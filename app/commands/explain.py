"""`explain`: where a call goes, who may register, and why not."""

from collections.abc import Iterator

import click

from app.audit import Finding, Severity, calls, trunk
from app.audit.places import Places
from app.commands.terminal import echo, echo_json, exits_on_failure
from app.commands.writing import services_of_command
from app.documents import fields
from app.routing import SOMEBODY, Outcome, System, sentence
from app.routing.inbound import inbound
from app.routing.outbound import outbound
from app.routing.registration import register
from app.services import Services
from app.store import NotFound
from app.trunks import knowledge

DOES, DOES_NOT, FAILED = 0, 1, 2
# A caller from outside, of whom nothing is known.
CALLER = ("", SOMEBODY)


@click.command()
@click.argument("number", required=False)
@click.option("--register", "registering", metavar="USER@REALM", help="May this PBX log in?")
@click.option("--from", "calling", metavar="USER@REALM", help="A call of this PBX, with --to.")
@click.option("--to", help="The number that --from calls.")
@click.option("--ip", help="A call from this address, without a registration.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain(
    number: str | None, registering: str | None, calling: str | None, to: str | None, ip: str | None, as_json: bool
) -> None:
    """Explain where Kazoo sends a call to NUMBER, or what it does with a registration or a call of a PBX.

    The exit status is 0 if the number rings, the PBX may register or the call goes out, 1 if not, and 2 if nobody
    could look.
    """
    if [number, registering, calling, ip].count(None) != 3 or (calling is None) != (to is None):
        raise click.UsageError("name a number, or --register, or --from and --to, or --ip")
    with exits_on_failure(FAILED), services_of_command(writes=False) as services:
        system, outcome = _explained(services, number, registering, calling, to)
    _print(system, outcome, as_json)
    raise SystemExit(DOES if outcome.is_good else DOES_NOT)


def _explained(
    services: Services, number: str | None, registering: str | None, calling: str | None, to: str | None
) -> tuple[System | None, Outcome]:
    """What Kazoo knows of the account that is asked about, if there is one, and what it does."""
    if number is not None:
        known = knowledge.known_number(services.store, services.cache, number)
        why = "the number is assigned to no account (2)" if known else "the number is not in the system (2)"
        system = _system(services, known.account_id if known else None)
        return system, inbound(system, number, CALLER) if system else Outcome("none", why)
    if registering is None and (calling is None or to is None):
        return None, Outcome("none", "Kazoo looks for addresses among devices and resources, not in trunks (34)")
    user, realm = _split(registering or calling or "")
    system = _system(services, knowledge.account_of_realm(services.store, realm))
    if system is None:
        return None, Outcome("refused" if registering else "none", "no account has this realm (19)")
    if to is not None:
        return system, outbound(system, user, realm, to, (user, CALLER[1]), services.settings.kazoo_zone)
    return system, register(system, user, realm)


def _system(services: Services, account_id: str | None) -> System | None:
    if account_id is None:
        return None
    try:
        return knowledge.system_of(services.store, services.cache, account_id)
    except NotFound:
        raise click.ClickException(f"the account {account_id} has no database") from None


def _print(system: System | None, outcome: Outcome, as_json: bool) -> None:
    warnings = list(_warnings(system, outcome)) if system else []
    if as_json:
        account_id = system.account_id if system else None
        found = [finding.as_json() for finding in warnings]
        echo_json({"account_id": account_id, **outcome.as_json(), "warnings": found})
        return
    if system:
        echo(f"account {system.account.get('name')} ({system.account_id})")
    for line in _tree(outcome):
        echo(line)
    for finding in warnings:
        echo((f"  but {finding.rule}", "yellow"), f": {finding.path}: {finding.message}")


def _split(text: str) -> tuple[str, str]:
    user, at, realm = text.rpartition("@")
    if not (user and at and realm):
        raise click.UsageError(f"{text} is not USER@REALM")
    return user, realm


def _tree(outcome: Outcome, depth: int = 1) -> Iterator[str]:
    """The steps, then what happens, then what follows if that fails."""
    indent = "  " * depth
    for step in outcome.steps:
        place = " ".join(filter(None, (step.document_id, step.path)))
        yield f"{indent}{step.text}" + (f": {place}" if place else "")
    yield f"{indent}{sentence(outcome)}"
    if outcome.then:
        yield f"{indent}if that fails:"
        yield from _tree(outcome.then, depth + 1)


def _warnings(system: System, outcome: Outcome) -> Iterator[Finding]:
    """What `audit` says of the trunk that decided and of its number, as far as it is more than a note."""
    places = Places()
    for document in sorted(system.documents, key=lambda document: str(document["_id"])):
        if not fields.is_deleted(document):
            yield from _twice(places.findings(system.account_id, document), outcome)
        if document["_id"] == outcome.document_id:
            found = (*trunk.handling(document, system.views), *calls.passwords(document))
            yield from (finding for finding in found if finding.severity > Severity.NOTE)


def _twice(findings: Iterator[Finding], outcome: Outcome) -> Iterator[Finding]:
    """Those that say that the number which rings has a second place."""
    for finding in findings:
        if finding.rule == "number-twice" and any(step.path.endswith(f".{finding.path}") for step in outcome.steps):
            yield finding
