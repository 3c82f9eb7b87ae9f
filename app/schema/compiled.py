"""Schemas compiled to functions that set an object's defaults and check the object in one pass.

Kazoo sets the defaults of an object before it checks the required members. It sets them only in objects that exist
(docs/kazoo/http.md, section 8.2).
"""

import copy
from collections.abc import Callable
from typing import Any

from app.schema.keywords import TYPES, RawSchema, pattern, usable_defaults

Conforms = Callable[[Any], bool]

_OBJECT_KEYWORDS = {"properties", "patternProperties", "required", "additionalProperties"}


def compile_schema(schema: RawSchema) -> Conforms:
    """A function that sets the defaults in a value and returns whether the schema accepts the value."""
    if schema.get("type") == "object" and not schema.keys() & _VALUE_KEYWORDS:
        return _object(schema)
    checks = [make(schema) for keywords, make in _MAKERS if keywords & schema.keys()]
    if not checks:
        return lambda value: True
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return lambda value: first(value) and second(value)
    return lambda value: all(check(value) for check in checks)


def _type(schema: RawSchema) -> Conforms:
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    types = tuple(kind for name in names for kind in TYPES[name])
    if len(types) == 1:
        (kind,) = types
        return lambda value: type(value) is kind
    return lambda value: type(value) in types


def _enum(schema: RawSchema) -> Conforms:
    allowed = schema["enum"]
    if all(type(item) is str for item in allowed):
        texts = frozenset(allowed)
        return lambda value: type(value) is str and value in texts
    return lambda value: any(type(value) is type(item) and value == item for item in allowed)


def _length(schema: RawSchema) -> Conforms:
    least, most = schema.get("minLength", 0), schema.get("maxLength", float("inf"))
    return lambda value: type(value) is not str or least <= len(value) <= most


def _range(schema: RawSchema) -> Conforms:
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return lambda value: type(value) not in (int, float) or least <= value <= most


def _pattern(schema: RawSchema) -> Conforms:
    search = pattern(schema["pattern"]).search
    return lambda value: type(value) is not str or search(value) is not None


def _items(schema: RawSchema) -> Conforms:
    check = compile_schema(schema["items"])

    def conforms(value: Any) -> bool:
        if type(value) is not list:
            return True
        for item in value:
            if not check(item):
                return False
        return True

    return conforms


def _object(schema: RawSchema) -> Conforms:
    others_conform = schema.get("type") != "object"
    check_of = {name: compile_schema(inner) for name, inner in schema.get("properties", {}).items()}.get
    check_other = _other_members(schema)
    constants, containers = _defaults(schema)
    required = schema.get("required", [])

    def conforms(value: Any) -> bool:
        if type(value) is not dict:
            return others_conform
        for name, default in constants:
            if name not in value:
                value[name] = default
        for name, default in containers:
            if name not in value:
                value[name] = copy.deepcopy(default)
        for name in required:
            if name not in value:
                return False
        for name, member in value.items():
            check = check_of(name)
            if check is not None and not check(member):
                return False
            if check_other is not None and not check_other(name, member, check is not None):
                return False
        return True

    return conforms


def _other_members(schema: RawSchema) -> Callable[[str, Any, bool], bool] | None:
    """The check of members by patternProperties and additionalProperties; None if the schema has neither.

    Its arguments are a member's name, its value, and whether `properties` defines the name.
    """
    closed = schema.get("additionalProperties") is False
    patterns = [
        (pattern(source).search, compile_schema(inner))
        for source, inner in schema.get("patternProperties", {}).items()
    ]
    if not patterns and not closed:
        return None
    if len(patterns) == 1 and not closed:
        ((matches_it, check_it),) = patterns
        return lambda name, member, defined: not matches_it(name) or check_it(member)

    def conforms(name: str, member: Any, defined: bool) -> bool:
        for matches, check in patterns:
            if matches(name):
                defined = True
                if not check(member):
                    return False
        return defined or not closed

    return conforms


def _defaults(schema: RawSchema) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """The defaults that documents can share, and those of which each document needs a copy."""
    defaults = usable_defaults(schema)
    containers = [(name, default) for name, default in defaults if isinstance(default, (dict, list))]
    return [pair for pair in defaults if pair not in containers], containers


_MAKERS: list[tuple[set[str], Callable[[RawSchema], Conforms]]] = [
    ({"type"}, _type),
    ({"enum"}, _enum),
    ({"minLength", "maxLength"}, _length),
    ({"minimum", "maximum"}, _range),
    ({"pattern"}, _pattern),
    ({"items"}, _items),
    (_OBJECT_KEYWORDS, _object),
]
_VALUE_KEYWORDS = set().union(*(keywords for keywords, _ in _MAKERS)) - _OBJECT_KEYWORDS - {"type"}
