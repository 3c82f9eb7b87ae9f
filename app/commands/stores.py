"""The store that a command opens."""

import os
import pwd

import click

from app.accounts.system import prepare_store
from app.settings import Settings
from app.store import Store
from app.store.embedded.store import FILE_NAME
from app.store.engines import open_store


def prepared_store() -> tuple[Store, Settings]:
    """The store for a command that may be the first, with its keys created, and the settings.

    Raises KeysMissing, and ClickException if the store is another user's.
    """
    settings = Settings.from_environment().for_commands()
    check_owner(settings)
    store = open_store(settings)
    prepare_store(store, settings)
    return store, settings


def existing_store(settings: Settings) -> Store:
    """The store for a command that needs one. Raises ClickException if there is none, or if it is another user's."""
    check_owner(settings)
    if settings.engine == "embedded" and not (settings.data_dir / FILE_NAME).exists():
        raise click.ClickException(
            f"there is no store in {settings.data_dir}: DATA_DIR names its folder, or COUCHDB_URL a CouchDB"
        )
    return open_store(settings, creates=False)


def check_owner(settings: Settings) -> None:
    """Refuse to be root in a store of another user, who could not open its files. Raises ClickException."""
    directory = settings.data_dir
    if settings.engine != "embedded" or os.geteuid() != 0 or not directory.exists():
        return
    owner = directory.stat().st_uid
    if owner == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    raise click.ClickException(
        f"{directory} belongs to {name}: run this as that user, as in `runuser -u {name} -- …`"
    )
