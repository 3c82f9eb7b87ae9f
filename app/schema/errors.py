"""Validation errors in Kazoo's format (docs/kazoo/http.md, sections 8.4 and 8.5)."""

from collections.abc import Callable, Iterable
from typing import Any

from jsonschema.exceptions import ValidationError

Errors = dict[str, dict[str, dict[str, Any]]]


def describe(errors: Iterable[ValidationError]) -> Errors:
    """All errors by path, in the given order. A later error replaces an earlier one at the same path."""
    described: Errors = {}
    for error in errors:
        keyword = str(error.validator)
        described[path_text(error.absolute_path)] = {keyword: SHAPES[keyword](error)}
    return described


def error(path: str, keyword: str, **members: Any) -> Errors:
    """A single error that no schema reports, e.g. ``error("account", "expired", message=…, cause=…)``."""
    return {path: {keyword: members}}


def path_text(path: Iterable[str | int]) -> str:
    """A path as text, e.g. ``servers.0.auth``. Indexes start at 0, and dots inside names become %2E."""
    return ".".join(str(name).replace(".", "%2E") for name in path)


def types_text(types: str | list[str]) -> str:
    """A schema's type or types as messages show them."""
    return types if isinstance(types, str) else ", ".join(types)


def _type(error: ValidationError) -> dict[str, Any]:
    expected: Any = error.validator_value
    types = types_text(expected)
    return {"message": f"Value did not match type(s): {types}", "target": types, "value": error.instance}


def _length(message: str) -> Callable[[ValidationError], dict[str, Any]]:
    def shape(error: ValidationError) -> dict[str, Any]:
        return {
            "message": message.format(error.validator_value),
            "target": error.validator_value,
            "cause": error.instance,
            "value": error.instance,
        }

    return shape


def _target(message: str) -> Callable[[ValidationError], dict[str, Any]]:
    def shape(error: ValidationError) -> dict[str, Any]:
        return {
            "message": message.format(error.validator_value),
            "target": error.validator_value,
            "value": error.instance,
        }

    return shape


def _value(message: str) -> Callable[[ValidationError], dict[str, Any]]:
    return lambda error: {"message": message, "value": error.instance}


# The supported keywords, and Kazoo's error for each.
SHAPES: dict[str, Callable[[ValidationError], dict[str, Any]]] = {
    "type": _type,
    "enum": _target("Value not found in enumerated list of values"),
    "minLength": _length("String must be at least {} characters"),
    "maxLength": _length("String must not be more than {} characters"),
    "minimum": _target("Value must be at least {}"),
    "maximum": _target("Value must be at most {}"),
    "pattern": _target("Failed to match pattern '{}'"),
    "required": _value("Field is required but missing"),
    "additionalProperties": _value("Strict checking of data is enabled; only include schema-defined properties"),
}
