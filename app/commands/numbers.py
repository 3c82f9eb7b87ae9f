"""`reconcile-numbers`: compare trunk documents with the marks on numbers."""

import click

from app.commands.accounts import database_of
from app.numbers import reconcile
from app.numbers.ownership import TRUNKSTORE
from app.services import make_services
from app.settings import Settings


@click.command("reconcile-numbers")
@click.argument("account_id", required=False)
@click.option("--apply", "applies", is_flag=True, help="Write the marks that differ.")
def reconcile_numbers(account_id: str | None, applies: bool) -> None:
    """Show the numbers whose marks do not fit the trunks of ACCOUNT_ID (or of all accounts)."""
    services = make_services(Settings.from_environment().for_commands())
    if account_id:
        database_of(services.store, account_id)
    found = written = 0
    for one in [account_id] if account_id else reconcile.accounts(services):
        for difference in reconcile.differences(services, one):
            found += 1
            click.echo(
                f"{difference.account_id} {difference.number}: "
                f"{difference.found or 'not marked'}, should be {difference.wanted or 'not marked'}"
            )
            if applies:
                # The marks of other applications are never changed; for them only the account's copy is corrected.
                app = TRUNKSTORE if difference.wanted == TRUNKSTORE else None
                written += services.assignment.mark(services, one, difference.number, app)
    click.echo(f"{found} numbers differ" + (f", {written} mended" if applies else ""))
    services.close()
