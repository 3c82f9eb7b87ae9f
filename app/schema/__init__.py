"""Kazoo's validation of request data, driven only by the files in `schemas/` (docs/kazoo/http.md, section 8).

Defaults are set first (`defaults.py`). Then the `jsonschema` package decides what is valid, with Kazoo's reading of
a few keywords (`keywords.py`). Values of another type are converted (`coercion.py`), and errors are described
(`errors.py`).
"""

import hashlib
import json
from itertools import islice
from pathlib import Path
from typing import TypeVar

from jsonschema.exceptions import ValidationError

from app.documents import MISSING, Document, value_at
from app.files import data_directory, json_files
from app.kazoo import json_text
from app.schema.coercion import coerce
from app.schema.defaults import set_defaults
from app.schema.errors import Errors, describe, error
from app.schema.keywords import RawSchema, Validator, check_keywords

# Each is answered with its value.
MOST_ERRORS = 1000
# Each round converts all values whose errors were found.
MOST_ROUNDS = 20
DIRECTORY = data_directory("schemas")

Data = TypeVar("Data")


class UnknownSchema(LookupError):
    """There is no file of this name in `schemas/`."""


class Invalid(ValueError):
    """Data that a schema refuses.

    `errors` is Kazoo's answer: {path: {keyword: {message, ...}}}. `paths` are the paths of the errors as tuples of
    names and indexes. If there are more than MOST_ERRORS, both have only the first ones, and `has_more` is True.
    """

    def __init__(self, found: list[ValidationError]):
        self.has_more = len(found) > MOST_ERRORS
        found = found[:MOST_ERRORS]
        self.errors: Errors = describe(found)
        if self.has_more:
            self.errors |= error("data", "maxErrors", message="There are more errors than these", target=MOST_ERRORS)
        self.paths = [tuple(one.absolute_path) for one in found]
        super().__init__(", ".join(self.errors))

    def was_stored(self, data: Document, stored: Document | None) -> bool:
        """Whether the stored document has the same value in every place that the schema refuses."""
        return stored is not None and not self.has_more and all(_is_same(data, stored, path) for path in self.paths)


def _is_same(data: Document, stored: Document, path: tuple[str | int, ...]) -> bool:
    sent, kept = value_at(data, path), value_at(stored, path)
    if MISSING in (sent, kept):
        return sent is kept
    return json_text.dumps(sent) == json_text.dumps(kept)


class Schema:
    """One schema. `raw` is the content of its file, and `revision` depends on the file's text."""

    def __init__(self, text: str):
        self.raw: RawSchema = json.loads(text)
        self.revision = f"1-{hashlib.md5(text.encode()).hexdigest()}"
        check_keywords(self.raw)
        self._validator = Validator(self.raw)

    def validate(self, data: Data, coercing: bool = True) -> Data:
        """Set the defaults in the data and check it. Raises Invalid.

        With `coercing`, values for integers and booleans are converted first if they have another type. `data` is
        changed in place and returned.
        """
        set_defaults(self.raw, data)
        for number in range(MOST_ROUNDS + 1):
            found = list(islice(self._validator.iter_errors(data), MOST_ERRORS + 1))
            if not found:
                break
            if not (coercing and number < MOST_ROUNDS and coerce(data, found)):
                raise Invalid(found)
        return data


class Schemas:
    """All schemas of a directory, read once at the start."""

    def __init__(self, directory: Path = DIRECTORY):
        self._schemas = {path.stem: _read(path) for path in json_files(directory)}

    def ids(self) -> list[str]:
        """The names of all schemas, sorted."""
        return sorted(self._schemas)

    def get(self, name: str) -> Schema:
        """The schema of this name. Raises UnknownSchema."""
        try:
            return self._schemas[name]
        except KeyError:
            raise UnknownSchema(name) from None


def _read(path: Path) -> Schema:
    try:
        return Schema(path.read_text("utf-8"))
    except ValueError as fault:
        fault.add_note(f"in {path}")
        raise
