"""Kazoo's validation of request data, driven by the raw files in `schemas/` alone (docs/kazoo/http.md, section 8).

A document is first checked by closures compiled from the schema, which also set its defaults; only where
they refuse it does the `jsonschema` package say what is wrong. Both are built from the same file.
"""

import hashlib
import json
import logging
from pathlib import Path
from typing import TypeVar

from jsonschema.exceptions import ValidationError

from app.files import data_directory, json_files
from app.schema.coercion import coerce
from app.schema.compiled import compile_schema
from app.schema.errors import Errors, describe
from app.schema.keywords import RawSchema, Validator, check_keywords

DIRECTORY = data_directory("schemas")

Data = TypeVar("Data")

log = logging.getLogger(__name__)


class UnknownSchema(LookupError):
    """No file of that name in `schemas/`."""


class Invalid(ValueError):
    """Data that a schema refuses.

    `errors` is what Kazoo answers: {path: {keyword: {message, ...}}}; `paths` are the same places as tuples
    of names and indexes.
    """

    def __init__(self, found: list[ValidationError]):
        self.errors: Errors = describe(found)
        self.paths = [tuple(error.absolute_path) for error in found]
        super().__init__(", ".join(self.errors))


class Schema:
    """One schema: `raw` as the file has it, `revision` of its text, `validate` for data."""

    def __init__(self, text: str):
        self.raw: RawSchema = json.loads(text)
        self.revision = f"1-{hashlib.md5(text.encode()).hexdigest()}"
        check_keywords(self.raw)
        self._conforms = compile_schema(self.raw)
        self._validator = Validator(self.raw)

    def validate(self, data: Data, coercing: bool = True) -> Data:
        """The data with defaults set and, unless told not to, texts made integers and booleans.

        `data` is changed in place and returned. Raises Invalid.
        """
        while not self._conforms(data):
            found = list(self._validator.iter_errors(data))
            if not found:
                log.error("compiled schema %s refuses what jsonschema accepts", self.raw.get("_id"))
                break
            if not (coercing and coerce(data, found)):
                raise Invalid(found)
        return data


class Schemas:
    """All schemas of a directory, read once at start."""

    def __init__(self, directory: Path = DIRECTORY):
        self._schemas = {path.stem: _read(path) for path in json_files(directory)}

    def ids(self) -> list[str]:
        """The names of all schemas, sorted."""
        return sorted(self._schemas)

    def get(self, name: str) -> Schema:
        """Raises UnknownSchema."""
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
