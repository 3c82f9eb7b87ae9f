"""What commands that write have in common: they tell Kazoo's nodes, and warn where they cannot."""

import contextlib
from collections.abc import Iterator

import click

from app.services import Services, make_services
from app.settings import Settings


@contextlib.contextmanager
def services_of_command(writes: bool = True) -> Iterator[Services]:
    """The services for a command. At its end they are closed, after the queued notices have been sent.

    A command that `writes` to a CouchDB without AMQP_URL warns in one line.
    """
    settings = Settings.from_environment().for_commands()
    if writes:
        warn_untold(settings)
    services = make_services(settings)
    try:
        yield services
    finally:
        services.close()


def warn_untold(settings: Settings) -> None:
    """Warn that Kazoo's nodes do not learn of a write, if that is so."""
    if settings.couchdb_urls and not settings.amqp_url:
        click.echo("warning: without AMQP_URL, Kazoo's nodes may show old documents for up to 15 minutes", err=True)
