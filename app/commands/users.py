"""`create-user`: creates a user in an account."""

import sys
from typing import BinaryIO

import click

from app import contention
from app.accounts import apps, users
from app.accounts.creation import add_user
from app.commands.accounts import database_of
from app.commands.apps import check_url, find_user, grant, master_account_id, set_address
from app.commands.stores import existing_store
from app.commands.terminal import echo
from app.commands.writing import services_of_command
from app.documents.clock import gregorian_now
from app.settings import Settings
from app.store import Conflict


@click.command("create-user")
@click.argument("account_id")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--level", type=click.Choice(["admin", "user"]), default="admin", show_default=True)
@click.option(
    "--app", "app_name", type=click.Choice([apps.PBXS]), help="An application that kazoo-ui opens for the user."
)
@click.option(
    "--app-url",
    help="The API's address for browsers, for all users of the application. The default is PBXS_API_URL, "
    "or else HOST and PORT.",
)
def create_user(
    account_id: str, name: str, password_stdin: bool, level: str, app_name: str | None, app_url: str | None
) -> None:
    """Create a user NAME in an account and print its id."""
    settings = Settings.from_environment().for_commands()
    store = existing_store(settings)
    database_of(store, account_id)
    password = new_password(password_stdin)
    if not app_name:
        echo(f"user_id {add_user(store, account_id, name, password, level)['_id']}")
        return
    with services_of_command(store=store) as services:
        url = app_url or settings.pbxs_api_url or f"http://{settings.address}"
        # Check everything before anything is written.
        check_url(url)
        master_id = master_account_id(services)
        user = add_user(store, account_id, name, password, level)
        echo(f"user_id {user['_id']}")
        if app_url or apps.find(store, master_id, app_name) is None:
            set_address(services, app_name, url)
        grant(services, account_id, user, app_name, url, is_default=True)


@click.command("set-password")
@click.argument("account_id")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def set_password(account_id: str, name: str, password_stdin: bool) -> None:
    """Give the user NAME of an account a new password. If it differs, the user's old tokens end."""
    with services_of_command() as services:
        db = database_of(services.store, account_id)
        find_user(services, account_id, name)
        password = new_password(password_stdin)
        for _ in contention.attempts():
            stored = find_user(services, account_id, name)
            user = {**users.with_password(stored, password), "pvt_modified": gregorian_now()}
            try:
                user["_rev"] = services.store.save_doc(db, user)
            except Conflict:
                continue
            services.notices.edited(db, user)
            return
    raise click.ClickException(f"others keep changing the user {name}: try again")


def new_password(is_on_stdin: bool) -> str:
    """A password from standard input, or typed twice. Raises ClickException."""
    if is_on_stdin:
        password = _first_line(sys.stdin.buffer)
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        raise click.ClickException("there is no terminal to type a password at: use --password-stdin")
    if not password:
        raise click.ClickException("the password is empty")
    return password


def _first_line(stream: BinaryIO) -> str:
    try:
        return stream.readline().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.ClickException("the password is not UTF-8") from None
