"""Translates the files in `schemas/` (JSON Schema draft 4) to the dialect of OpenAPI 3.1 (JSON Schema 2020-12).

Only the keywords in `app/schema/keywords.py` are handled. With any other, the service does not start.
"""

from collections.abc import Callable

from app.schema.defaults import usable_defaults
from app.schema.keywords import KEYWORDS, RawSchema

_KEPT = KEYWORDS | {"default", "description", "title"}
_MAPS = ("properties", "patternProperties")


def translated(schema: RawSchema) -> RawSchema:
    """What a request may send. A member with a default is not required, because defaults are set first."""
    result = {name: value for name, value in schema.items() if name in _KEPT}
    defaults = dict(usable_defaults(schema))
    required = [name for name in result.pop("required", []) if name not in defaults]
    if required:
        result["required"] = required
    return _with_subschemas(result, translated)


def patch_of(schema: RawSchema) -> RawSchema:
    """What a PATCH may send, made from a translated schema: any part of an object, or null to remove a member.

    An array replaces the stored one as a whole, so its items must be complete.
    """
    result = {name: value for name, value in schema.items() if name not in ("required", "default")}
    return _with_members(result, lambda member: _or_null(patch_of(member)))


def _with_subschemas(schema: RawSchema, change: Callable[[RawSchema], RawSchema]) -> RawSchema:
    if "items" in schema:
        schema = {**schema, "items": change(schema["items"])}
    return _with_members(schema, change)


def _with_members(schema: RawSchema, change: Callable[[RawSchema], RawSchema]) -> RawSchema:
    maps = {name: schema[name] for name in _MAPS if name in schema}
    return schema | {name: {key: change(inner) for key, inner in members.items()} for name, members in maps.items()}


def _or_null(schema: RawSchema) -> RawSchema:
    result = dict(schema)
    if "type" in result:
        result["type"] = [result["type"], "null"]
    if "enum" in result:
        result["enum"] = [*result["enum"], None]
    return result
