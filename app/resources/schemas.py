"""JSON schemas, and validation without saving: `/schemas[/{ID}[/validation]]`.

Spec: docs/kazoo/http.md, section 10.
"""

from app.crossbar.context import Context, not_found_error, validation_error
from app.crossbar.resource import Public
from app.documents import fields
from app.schema import Invalid, Schema, UnknownSchema

VALIDATION = "validation"


class SchemaDocuments(Public):
    """The raw files of `schemas/`, for everyone."""

    METHODS = {0: ("GET",), 1: ("GET",), 2: ("PUT",)}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """The list, a schema, and `validation` below it."""
        return super().resource_exists(context, *params) and params[1:] in ((), (VALIDATION,))

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the list of schemas, with one schema, or with the validated data and its defaults."""
        if not params:
            context.respond(context.services.schemas.ids())
        elif len(params) == 1:
            _show(context, params[0])
        else:
            _validate_data(context, params[0])


def _find(context: Context, name: str) -> Schema:
    """The schema of this name. Stops with 404 if there is none."""
    try:
        return context.services.schemas.get(name)
    except UnknownSchema:
        raise not_found_error(name) from None


def _show(context: Context, name: str) -> None:
    schema = _find(context, name)
    document = {**schema.raw, "_id": name, "_rev": schema.revision}
    context.respond_document(document, fields.answer_data(document))


def _validate_data(context: Context, name: str) -> None:
    schema = _find(context, name)
    data = fields.public(context.data) if isinstance(context.data, dict) else {}
    client_id = fields.given_id(context.data) if isinstance(context.data, dict) else None
    try:
        validated = schema.validate(data)
    except Invalid as invalid:
        raise validation_error(invalid.errors) from None
    context.respond(validated if client_id is None else {**validated, "_id": client_id}, 201)
