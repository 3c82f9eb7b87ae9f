"""The connectivity API of Kazoo 4.3's crossbar, in Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """The Flask application, for `gunicorn 'app:create_app()'` and `flask --app app`. Raises SettingsError.

    Settings come from the environment unless they are given. Only this function imports what a server needs.
    """
    from app.factory import create_app as make

    return make(settings)
