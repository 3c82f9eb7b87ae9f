"""Prints lines on the operator's terminal. What others wrote cannot control the terminal or add lines."""

import contextlib
import json
import logging
import unicodedata
from collections.abc import Iterator
from typing import Any

import click

from app.store import StoreError

# Controls, formats such as right-to-left marks, lone surrogates, and separators of lines and paragraphs.
_HARMFUL = ("Cc", "Cf", "Cs", "Zl", "Zp")

# A text, or a text and its colour.
Part = str | tuple[str, str | None]


class _Escapes(dict[int, int | str]):
    """Each code point as it is shown; filled in as code points are met."""

    def __missing__(self, code: int) -> int | str:
        is_harmful = unicodedata.category(chr(code)) in _HARMFUL
        shown = self[code] = chr(code).encode("unicode_escape").decode("ascii") if is_harmful else code
        return shown


_ESCAPES = _Escapes()


class VisibleFormatter(logging.Formatter):
    """Formats a log record as one line for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The formatted record."""
        return visible(super().format(record))


def visible(text: str) -> str:
    """A text whose harmful characters and line feeds are shown as escapes, such as ``\\x1b``."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def echo(*parts: Part, err: bool = False) -> None:
    """Print the parts as one line."""
    texts = (part if isinstance(part, tuple) else (part, None) for part in parts)
    click.echo("".join(click.style(visible(text), fg=colour) for text, colour in texts), err=err)


def echo_json(value: Any) -> None:
    """Print a JSON value on one line."""
    text = json.dumps(value, ensure_ascii=False)
    harmful = {character for character in text if unicodedata.category(character) in _HARMFUL}
    for character in harmful:
        text = text.replace(character, json.dumps(character)[1:-1])
    click.echo(text)


@contextlib.contextmanager
def exits_on_failure(status: int) -> Iterator[None]:
    """Turn what an operator can mend, and a fault of the store, into one line and this exit status."""
    try:
        yield
    except click.ClickException as error:
        harmless(error).show()
        raise SystemExit(status) from None
    except StoreError as error:
        echo(f"error: {error}", err=True)
        raise SystemExit(status) from None


def harmless(error: click.ClickException) -> click.ClickException:
    """The same error, with a text that is safe to print."""
    text = visible(error.format_message())
    return click.UsageError(text, error.ctx) if isinstance(error, click.UsageError) else click.ClickException(text)
