"""`add-number` and `reconcile-numbers`: an account's numbers, and the marks that say what uses them."""

import click

from app.accounts import every_account_id
from app.commands.accounts import database_of
from app.commands.terminal import echo
from app.commands.writing import services_of_command
from app.documents import Document
from app.numbers import features, reconcile
from app.numbers.documents import new_number
from app.numbers.normalise import known_numbers
from app.schema import Invalid
from app.services import Services
from app.store import DatabaseMissing, ViewMissing
from app.words import differ


@click.command("add-number")
@click.argument("account_id")
@click.argument("numbers", nargs=-1, required=True)
@click.option(
    "--carrier",
    type=click.Choice(["local", "other"]),
    default="local",
    show_default=True,
    help="The carrier module: `local` for Kazoo's own numbers, `other` for a carrier without a module in Kazoo.",
)
@click.option("--cnam", help="The numbers' caller id name, up to 15 characters. Only with --carrier other.")
def add_number(account_id: str, numbers: tuple[str, ...], carrier: str, cnam: str | None) -> None:
    """Assign NUMBERS to an account and put them in service. If one is refused, none is written."""
    with services_of_command() as services:
        database_of(services.store, account_id)
        documents = [_new_number(services, account_id, number, carrier, cnam) for number in numbers]
        for document in {document["_id"]: document for document in documents}.values():
            services.numbers.create(document)
            echo(document["_id"])


def _new_number(services: Services, account_id: str, typed: str, carrier: str, cnam: str | None) -> Document:
    """The document of a new number. Raises ClickException if the number already exists or is not valid."""
    typed = typed.strip()
    number = known_numbers([typed], services.config).get(typed)
    if number is None:
        raise click.ClickException(f"{typed} is not a telephone number")
    if services.numbers.find(number):
        raise click.ClickException(f"{number} is already in the system")
    public = {"cnam": {"display_name": cnam}} if cnam else {}
    try:
        services.schemas.get("phone_numbers").validate(public)
    except Invalid as invalid:
        raise click.ClickException(f"{invalid}: from 1 to 15 characters") from None
    document = new_number(number, account_id, f"knm_{carrier}") | public
    rules = features.policy(services.cache, account_id, is_admin=True)
    if features.refused(public, document, rules):
        raise click.ClickException(f"{number} cannot have a caller id name: it is a local number")
    return document | {"pvt_features": features.saved(public, document)}


@click.command("reconcile-numbers")
@click.argument("account_id", required=False)
@click.option("--apply", "applies", is_flag=True, help="Correct the marks and the copies.")
def reconcile_numbers(account_id: str | None, applies: bool) -> None:
    """Show numbers whose marks disagree with the trunks of ACCOUNT_ID, or of all accounts.

    Also show numbers whose copy in the account's database is out of date.
    """
    found = written = 0
    with services_of_command(writes=applies) as services:
        if account_id:
            database_of(services.store, account_id)
        for owner_id in [account_id] if account_id else every_account_id(services.store):
            try:
                wrong_marks = reconcile.wrong_marks(services.store, services.cache, owner_id)
            except (ViewMissing, DatabaseMissing) as missing:
                # Without the view, a mark might be cleared of a number that a trunk uses.
                echo(f"warning: the account {owner_id} was left out: {type(missing).__name__}: {missing}", err=True)
                continue
            for wrong in wrong_marks:
                found += 1
                echo(
                    f"{wrong.account_id} {wrong.number}: "
                    f"{wrong.current or 'not marked'}, should be {wrong.expected or 'not marked'}"
                )
                if applies:
                    written += services.assignment.mark(owner_id, wrong.number, wrong.expected)
            for number in reconcile.stale_copies(services.store, owner_id):
                found += 1
                echo(f"{owner_id} {number}: the account's copy differs from the number")
                if applies:
                    services.numbers.copy_to(owner_id, number)
                    written += 1
    echo(differ(found, "number") + (f", {written} corrected" if applies else ""))
