"""`set-app-url`: tells UIs where to find an application's API."""

from typing import Any

import click

from app.accounts import apps, users
from app.accounts.creation import command_author
from app.commands.accounts import database_of
from app.commands.terminal import echo
from app.commands.writing import services_of_command
from app.services import Services
from app.settings import is_address
from app.store import ViewMissing


@click.command("set-app-url")
@click.argument("name", type=click.Choice([apps.PBXS]))
@click.argument("url")
@click.option(
    "--user", "usernames", multiple=True, help="ACCOUNT_ID/USERNAME who gets the app in kazoo-ui. May be repeated."
)
def set_app_url(name: str, url: str, usernames: tuple[str, ...]) -> None:
    """Set the address of the application NAME to URL.

    Monster UI reads the address from the app's document, kazoo-ui from each user's document. URL is the API's
    address for browsers, with or without /v1 or /v2.
    """
    check_url(url)
    with services_of_command() as services:
        documents = [(user.partition("/")[0], _named_user(services, user)) for user in usernames]
        set_address(services, name, url)
        for account_id, document in documents:
            grant(services, account_id, document, name, url)


def check_url(url: str) -> None:
    """Check that this is an HTTP address with a host. Raises ClickException."""
    if not is_address(url, "http", "https"):
        raise click.ClickException("the URL must be http(s)://…")


def set_address(services: Services, name: str, url: str) -> None:
    """Write the app's document with this address. Raises ClickException if there is no master account."""
    master_id = master_account_id(services)
    document = apps.with_url(apps.find(services.store, master_id, name), name, apps.root_of(url))
    stored, is_new = apps.save(services.store, master_id, document, command_author())
    services.notices.saved(database_of(services.store, master_id), stored, is_new)
    echo(f"{name}: {stored['api_url']}")


def master_account_id(services: Services) -> str:
    """The id of the account that holds the documents of all apps. Raises ClickException if there is none."""
    master_id: str | None = services.config("accounts", "master_account_id")
    if not master_id:
        raise click.ClickException("there is no master account: `accounts` in system_config does not name one")
    return master_id


def grant(
    services: Services, account_id: str, user: dict[str, object], name: str, url: str, is_default: bool = False
) -> None:
    """Add the app and its address to a user's document."""
    document = apps.with_access(user, name, apps.root_of(url), is_default)
    stored, _ = apps.save(services.store, account_id, document, command_author())
    services.notices.edited(database_of(services.store, account_id), stored)
    echo(f"{name} for {stored['username']}: {stored['apps'][name]['api_url']}")


def _named_user(services: Services, named: str) -> dict[str, object]:
    account_id, _, username = named.partition("/")
    if not username:
        raise click.ClickException(f"--user {named}: name the account too, as in ACCOUNT_ID/{named}")
    return find_user(services, account_id, username)


def find_user(services: Services, account_id: str, username: str) -> dict[str, Any]:
    """A user's document, to be changed. Raises ClickException if there is no such user or account."""
    db = database_of(services.store, account_id)
    try:
        user_id = users.id_of(services.store, account_id, username)
    except ViewMissing:
        user_id = None
    user = services.store.find_to_write(db, user_id) if user_id else None
    if user is None:
        raise click.ClickException(f"there is no user {username} in the account {account_id}")
    return user
