"""For commands that write: they notify Kazoo's nodes, and warn if they cannot."""

import contextlib
from collections.abc import Iterator

import click

from app.commands.stores import existing_store
from app.services import Services, make_services
from app.settings import Settings
from app.store import Store
from app.store.replicated import Replicated


@contextlib.contextmanager
def services_of_command(writes: bool = True, store: Store | None = None) -> Iterator[Services]:
    """The services for a command. At the end, queued notices are sent and the services closed.

    `store` is one that the command has opened already. A command that `writes` prints a warning if it uses CouchDB
    without AMQP_URL. Others do not even repair conflicts.
    """
    settings = Settings.from_environment().for_commands()
    if writes:
        warn_untold(settings)
    services = make_services(settings, store=store or existing_store(settings))
    if not writes and isinstance(services.store, Replicated):
        services.store.repairs = False
    try:
        yield services
    finally:
        services.close()


def warn_untold(settings: Settings) -> None:
    """Warn if Kazoo's nodes will not be notified of writes."""
    if settings.couchdb_urls and not settings.amqp_url:
        click.echo("warning: without AMQP_URL, Kazoo's nodes may show old documents for up to 15 minutes", err=True)
