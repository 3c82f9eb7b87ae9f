"""Kazoo's validation of request data, driven entirely by the files in `schemas/` (docs/kazoo/http.md, section 8).

First, defaults are set (`defaults.py`). Then the `jsonschema` package validates, with Kazoo's interpretation of a few
keywords (`keywords.py`). Values of the wrong type are converted if possible (`coercion.py`). Errors are described in
Kazoo's words (`errors.py`).
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

# An answer repeats the invalid value for each error.
MOST_ERRORS = 1000
# Each round converts every value that can be converted.
MOST_ROUNDS = 20
DIRECTORY = data_directory("schemas")

Data = TypeVar("Data")


class UnknownSchema(LookupError):
    """There is no file with this name in `schemas/`."""


class Invalid(ValueError):
    """Data that violates a schema.

    `errors` is Kazoo's answer: {path: {keyword: {message, ...}}}. `paths` are the paths of the errors as tuples of
    names and indexes. Both have at most MOST_ERRORS entries. If there are more errors, `has_more` is True.
    """

    def __init__(self, errors: list[ValidationError]):
        self.has_more = len(errors) > MOST_ERRORS
        errors = errors[:MOST_ERRORS]
        self.errors: Errors = describe(errors)
        if self.has_more:
            self.errors |= error("data", "maxErrors", message="There are more errors than these", target=MOST_ERRORS)
        self.paths = [tuple(error.absolute_path) for error in errors]
        super().__init__(", ".join(self.errors))

    def sentences(self) -> list[str]:
        """What is wrong, for people: ``username: Failed to match pattern …``."""
        return [
            f"{path}: {found['message']}" for path, by_keyword in self.errors.items() for found in by_keyword.values()
        ]

    def was_stored(self, data: Document, stored: Document | None) -> bool:
        """Whether the stored document has the same value in every place that the schema refuses."""
        return stored is not None and not self.has_more and all(_is_same(data, stored, path) for path in self.paths)


def _is_same(data: Document, stored: Document, path: tuple[str | int, ...]) -> bool:
    sent, kept = value_at(data, path), value_at(stored, path)
    if MISSING in (sent, kept):
        return sent is kept
    return json_text.dumps(sent) == json_text.dumps(kept)


class Schema:
    """One schema. `raw` is the parsed file, and `revision` is derived from its text."""

    def __init__(self, text: str):
        self.raw: RawSchema = json.loads(text)
        self.revision = f"1-{hashlib.md5(text.encode()).hexdigest()}"
        check_keywords(self.raw)
        self._validator = Validator(self.raw)

    def validate(self, data: Data, coercing: bool = True) -> Data:
        """Set defaults in the data and validate it. Raises Invalid.

        With `coercing`, values of the wrong type are first converted to integers or booleans if possible. `data` is
        changed in place and returned.
        """
        set_defaults(self.raw, data)
        for number in range(MOST_ROUNDS + 1):
            errors = list(islice(self._validator.iter_errors(data), MOST_ERRORS + 1))
            if not errors:
                break
            if not (coercing and number < MOST_ROUNDS and coerce(data, errors)):
                raise Invalid(errors)
        return data


class Schemas:
    """All schemas in a directory, read once at the start."""

    def __init__(self, directory: Path = DIRECTORY):
        self._schemas = {path.stem: _read(path) for path in json_files(directory)}

    def ids(self) -> list[str]:
        """The names of all schemas, sorted."""
        return sorted(self._schemas)

    def get(self, name: str) -> Schema:
        """The schema with this name. Raises UnknownSchema."""
        try:
            return self._schemas[name]
        except KeyError:
            raise UnknownSchema(name) from None


def _read(path: Path) -> Schema:
    try:
        return Schema(path.read_text("utf-8"))
    except ValueError as error:
        error.add_note(f"in {path}")
        raise
