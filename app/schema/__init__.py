"""Kazoo's validation of request data, driven only by the files in `schemas/` (docs/kazoo/http.md, section 8).

Functions compiled from the schema first check a document and set its defaults. If they refuse it, the `jsonschema`
package, which is slower, finds the errors. Both use the same file.
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
    """There is no file of this name in `schemas/`."""


class Invalid(ValueError):
    """Data that a schema refuses.

    `errors` is Kazoo's answer: {path: {keyword: {message, ...}}}. `paths` are the paths of the errors as tuples of
    names and indexes.
    """

    def __init__(self, found: list[ValidationError]):
        self.errors: Errors = describe(found)
        self.paths = [tuple(error.absolute_path) for error in found]
        super().__init__(", ".join(self.errors))


class Schema:
    """One schema. `raw` is the content of its file, and `revision` depends on the file's text."""

    def __init__(self, text: str):
        self.raw: RawSchema = json.loads(text)
        self.revision = f"1-{hashlib.md5(text.encode()).hexdigest()}"
        check_keywords(self.raw)
        self._conforms = compile_schema(self.raw)
        self._validator = Validator(self.raw)

    def validate(self, data: Data, coercing: bool = True) -> Data:
        """Set the defaults in the data and check it. Raises Invalid.

        With `coercing`, values for integers and booleans are converted first if they have another type. `data` is
        changed in place and returned.
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
    except ValueError as error:
        error.add_note(f"in {path}")
        raise
