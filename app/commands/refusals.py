"""What refuses to save a trunk, as a line for people."""

import contextlib
import json
from collections.abc import Iterator

import click

from app.documents.secrets import masked
from app.schema import Invalid
from app.store import Conflict
from app.trunks.service import KeyTooLong, NumbersRefused


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn what refuses a save into a line for people. Raises ClickException."""
    try:
        yield
    except Invalid as invalid:
        errors = json.dumps(masked(invalid.errors), ensure_ascii=False)
        raise click.ClickException(f"the schema refuses this trunk: {errors}") from None
    except (KeyTooLong, NumbersRefused) as refused:
        raise click.ClickException(str(refused)) from None
    except Conflict:
        raise click.ClickException("someone else has just changed the trunk: try again") from None
