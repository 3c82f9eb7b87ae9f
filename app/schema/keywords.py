"""The draft-4 validator of the `jsonschema` package, adapted to the keywords that Kazoo treats differently."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from app.schema.errors import SHAPES

# The parsed file of a schema.
RawSchema = dict[str, Any]
FoundErrors = Iterator[ValidationError]

# To support another keyword, add its error to SHAPES. If Kazoo interprets it differently from the `jsonschema`
# package, also add a function to Validator.
KEYWORDS = SHAPES.keys() | {"items", "patternProperties", "properties"}
ANNOTATIONS = {"$schema", "_id", "default", "description", "id", "title"}


TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class UnsupportedKeyword(ValueError):
    """A schema file uses a keyword that is not supported here."""


@cache
def pattern(source: str) -> re.Pattern[str]:
    """A pattern that matches like Kazoo's PCRE: by code points, except that `\\d` and `\\w` match only ASCII.

    Spec: docs/kazoo/http.md, section 8.7.
    """
    return re.compile(source, re.ASCII)


def subschemas(schema: RawSchema) -> Iterator[RawSchema]:
    """The schemas directly inside a schema."""
    for keyword in ("properties", "patternProperties"):
        yield from schema.get(keyword, {}).values()
    if "items" in schema:
        yield schema["items"]


def check_keywords(schema: RawSchema) -> None:
    """Refuse a schema with keywords that validation would silently ignore. Raises UnsupportedKeyword."""
    unknown = schema.keys() - KEYWORDS - ANNOTATIONS
    if unknown or schema.get("additionalProperties", False) not in (True, False):
        raise UnsupportedKeyword(", ".join(sorted(unknown)) or "additionalProperties as a schema")
    for inner in subschemas(schema):
        check_keywords(inner)


def _required(validator: Any, names: list[str], instance: Any, schema: RawSchema) -> FoundErrors:
    """One error for each missing member. Its path ends with the member's name."""
    if validator.is_type(instance, "object"):
        for name in names:
            if name not in instance:
                yield ValidationError("missing", path=[name], instance=name)


def _pattern(validator: Any, source: str, instance: Any, schema: RawSchema) -> FoundErrors:
    if validator.is_type(instance, "string") and not pattern(source).search(instance):
        yield ValidationError("no match")


def _pattern_properties(
    validator: Any, patterns: dict[str, RawSchema], instance: Any, schema: RawSchema
) -> FoundErrors:
    if not validator.is_type(instance, "object"):
        return
    for source, inner in patterns.items():
        for name, member in instance.items():
            if pattern(source).search(name):
                yield from validator.descend(member, inner, path=name, schema_path=source)


def _additional_properties(validator: Any, allowed: bool, instance: Any, schema: RawSchema) -> FoundErrors:
    """One error for each member that is not allowed. The path is the member's; the value is the whole object."""
    if allowed or not validator.is_type(instance, "object"):
        return
    for name in instance:
        if not is_defined(name, schema):
            yield ValidationError("not defined", path=[name], instance=instance)


def is_defined(name: str, schema: RawSchema) -> bool:
    """Whether `properties` or `patternProperties` of a schema define a member with this name."""
    return name in schema.get("properties", {}) or any(
        pattern(source).search(name) for source in schema.get("patternProperties", {})
    )


Validator = extend(
    Draft4Validator,
    validators={
        "required": _required,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
