"""The commands of `python -m app`. Errors that an operator can fix are one line on standard error."""

import copy
import logging
from typing import Any

import click

from app.accounts.creation import CannotCreate
from app.auth.keys import KeysMissing
from app.commands.accounts import create_account, rotate_api_key
from app.commands.apps import set_app_url
from app.commands.audit import audit
from app.commands.compare import compare
from app.commands.conflicts import conflicts
from app.commands.documents import export_documents, import_documents
from app.commands.explain import explain
from app.commands.history import history
from app.commands.lists import list_accounts, list_trunks, list_users
from app.commands.numbers import add_number, reconcile_numbers
from app.commands.serve import serve
from app.commands.simulate import simulate
from app.commands.terminal import VisibleFormatter, harmless, visible
from app.commands.users import create_user, set_password
from app.commands.views import views
from app.files import FilesMissing
from app.settings import SettingsError
from app.store import StoreError
from app.version import __version__


class _Commands(click.Group):
    """Shows errors without the controls that an argument or a document may have."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise harmless(error) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kazoo-connectivity", message="%(prog)s %(version)s")
def cli() -> None:
    """The connectivity API of Kazoo 4.3. Settings come from the environment; docs/settings.md."""


for command in (
    serve,
    import_documents,
    export_documents,
    explain,
    simulate,
    audit,
    compare,
    history,
    views,
    conflicts,
    set_app_url,
):
    cli.add_command(command)


def _group(noun: str, help_text: str, **commands: click.Command) -> None:
    group = click.Group(noun, help=help_text)
    for verb, command in commands.items():
        group.add_command(command, verb.replace("_", "-"))
    cli.add_command(group)


_group(
    "accounts",
    "List and create accounts, and give them new API keys.",
    list=list_accounts,
    create=create_account,
    rotate_api_key=rotate_api_key,
)
_group(
    "users",
    "List and create users, and give them new passwords.",
    list=list_users,
    create=create_user,
    set_password=set_password,
)
_group("trunks", "List trunks, also deleted ones.", list=list_trunks, history=history)
_group(
    "numbers", "Add numbers, and compare their marks with the trunks.", add=add_number, reconcile=reconcile_numbers
)

# The same by names of their own.
for command in (create_account, rotate_api_key, create_user, set_password, add_number, reconcile_numbers):
    alias = copy.copy(command)
    alias.hidden = True
    cli.add_command(alias)


def main() -> None:
    """Run a command. Errors that an operator can fix are shown without a traceback."""
    if logging.lastResort:
        # `serve` has a log of its own.
        logging.lastResort.setFormatter(VisibleFormatter())
    try:
        cli()
    except CannotCreate as error:
        raise SystemExit(visible(f"Error: {error}")) from None
    except (StoreError, KeysMissing, SettingsError, FilesMissing) as error:
        raise SystemExit(visible(f"error: {error}")) from None
