"""`create-account`, and what all commands need of accounts."""

import click

from app.accounts import descendants, new_api_key
from app.accounts.creation import add_account
from app.commands.stores import prepared_store
from app.commands.terminal import echo
from app.commands.writing import services_of_command
from app.documents import names
from app.store import Store, StoreError


@click.command("create-account")
@click.argument("name")
@click.option("--realm", required=True, help="The SIP realm, unique in the system.")
@click.option("--parent", help="The id of the parent account; the first account has none.")
def create_account(name: str, realm: str, parent: str | None) -> None:
    """Create an account NAME and print its id and API key."""
    store, settings = prepared_store()
    with services_of_command(store=store) as services:
        account = add_account(store, settings, name, realm, parent)
        echo(f"account_id {account['_id']}")
        echo(f"api_key    {account['pvt_api_key']}")
        try:
            descendants.update_ancestors(store, services.notices, account)
        except StoreError as error:
            hint = "`audit --all --fix descendants-count --apply` puts them right"
            echo(f"warning: the counts of accounts above it were not written ({error}): {hint}", err=True)


@click.command("rotate-api-key")
@click.argument("account_id")
def rotate_api_key(account_id: str) -> None:
    """Give an account a new API key, and print it. The old one is refused from now on; its tokens stay good."""
    with services_of_command() as services:
        database_of(services.store, account_id)
        try:
            api_key = new_api_key(services.store, services.notices, account_id)
        except StoreError as error:
            raise click.ClickException(f"the key may not be in both places, so run this again: {error}") from None
        echo(f"api_key    {api_key}")


def database_of(store: Store, account_id: str) -> str:
    """The name of an account's database. Raises ClickException if there is no such account."""
    db = names.account_db(account_id)
    if not names.is_account_id(account_id) or not store.has_db(db):
        raise click.ClickException(f"there is no account {account_id}")
    return db
