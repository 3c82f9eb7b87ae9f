"""`create-account`, and what all commands need of accounts."""

import os

import click

from app.accounts import descendants
from app.accounts.creation import add_account
from app.accounts.system import DEMO_FILE, DEMO_NAME, DEMO_USER, Demo, prepare_store
from app.commands.terminal import echo
from app.commands.writing import services_of_command
from app.documents import names
from app.settings import Settings
from app.store import Store, StoreError
from app.store.engines import open_store


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


def database_of(store: Store, account_id: str) -> str:
    """The name of an account's database. Raises ClickException if there is no such account."""
    db = names.account_db(account_id)
    if not names.is_account_id(account_id) or not store.has_db(db):
        raise click.ClickException(f"there is no account {account_id}")
    return db


def prepared_store() -> tuple[Store, Settings]:
    """The store for a command, with its keys created, and the settings. Raises KeysMissing."""
    settings = Settings.from_environment().for_commands()
    store = open_store(settings)
    prepare_store(store, settings)
    return store, settings


def print_demo(settings: Settings, demo: Demo) -> None:
    """Print how to use a demonstration account that was just created."""
    path = settings.data_dir / DEMO_FILE
    click.echo(
        f"""
A demonstration account was created in {settings.data_dir}: {DEMO_NAME}, user {DEMO_USER}, password {demo.password}
Its credentials are in {path}. To use them, run this in another shell, in this folder:

    . {os.path.relpath(path)}
    TOKEN=$(curl -s -X PUT $URL/api_auth -d "{{\\"data\\":{{\\"api_key\\":\\"$API_KEY\\"}}}}" |
      sed 's/.*"auth_token":"\\([^"]*\\)".*/\\1/')
    curl -H "X-Auth-Token: $TOKEN" $URL/accounts/$ACCOUNT_ID/connectivity
"""
    )


def print_console_address(settings: Settings) -> None:
    """Print the console's address and, if there is a demonstration account, how to log in."""
    path = settings.data_dir / DEMO_FILE
    login = f": account {DEMO_NAME}, user {DEMO_USER}, password in {path}" if path.exists() else ""
    echo(f"The console is at http://{settings.address}/console{login}")
