"""The files of `schemas/` (JSON Schema draft 4) in the dialect of OpenAPI 3.1 (JSON Schema 2020-12).

The service refuses to start if a file has a keyword that is not in `app/schema/keywords.py`, so only those are here.
"""

from collections.abc import Callable

from app.schema.defaults import usable_defaults
from app.schema.keywords import KEYWORDS, RawSchema

_KEPT = KEYWORDS | {"default", "description", "title"}
_MAPS = ("properties", "patternProperties")


def translated(schema: RawSchema) -> RawSchema:
    """What a request may send. A member that gets a default is not required, because the default is set first."""
    result = {name: value for name, value in schema.items() if name in _KEPT}
    defaults = dict(usable_defaults(schema))
    required = [name for name in result.pop("required", []) if name not in defaults]
    if required:
        result["required"] = required
    return _with_subschemas(result, translated)


def patch_of(schema: RawSchema) -> RawSchema:
    """What a PATCH may send, from a translated schema: any part of an object; null removes a member.

    Arrays replace stored ones as a whole, so their items are complete.
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
