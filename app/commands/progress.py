"""A progress bar on standard error, if that is a terminal."""

import sys
from collections.abc import Iterable
from typing import Any

import click


def progress(items: Iterable[Any] | None, label: str, length: int | None = None) -> Any:
    """A `with` block that yields the items to iterate over. Without items, call `update` up to `length`."""
    return click.progressbar(items, length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())
