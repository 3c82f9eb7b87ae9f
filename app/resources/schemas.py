"""JSON schemas, and validation without saving: `/schemas[/{ID}[/validation]]`.

Spec: docs/kazoo/http.md, section 10.
"""

from app.crossbar.context import Context, not_found_error, system_error, validation_error
from app.crossbar.resource import Public
from app.documents import Document, connectivity, fields, is_true
from app.documents.names import SYSTEM_SCHEMAS
from app.resources import trunk_findings
from app.schema import Invalid, UnknownSchema
from app.store import DatabaseMissing, is_document_id

VALIDATION = "validation"


class SchemaDocuments(Public):
    """The raw files of `schemas/` and the other schemas of Kazoo's `system_schemas`, for everyone.

    Only the files validate: Kazoo's schemas refer to each other, and nothing here stores what they describe.
    """

    METHODS = {0: ("GET",), 1: ("GET",), 2: ("PUT",)}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """The list, a schema, and `validation` below it."""
        return super().resource_exists(context, *params) and params[1:] in ((), (VALIDATION,))

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the list of schemas, with one schema, or with the validated data and its defaults."""
        match params:
            case ():
                context.respond(sorted({*context.services.schemas.ids(), *_stored_ids(context)}))
            case (name,):
                document = _document(context, name)
                context.respond_document(document, fields.answer_data(document))
            case (name, _):
                _validate_data(context, name)


def _stored_ids(context: Context) -> list[str]:
    """The ids in `system_schemas`, as Kazoo lists them. Those of messages (`kapi.`) only with `internals=true`."""
    hidden = ("_",) if is_true(context.req_value("internals")) else ("_", "kapi.")
    try:
        return [name for name in context.services.store.doc_ids(SYSTEM_SCHEMAS) if not name.startswith(hidden)]
    except DatabaseMissing:
        return []


def _document(context: Context, name: str) -> Document:
    """The file with this name, or else Kazoo's document. Stops with 404 if there is neither."""
    try:
        schema = context.services.schemas.get(name)
    except UnknownSchema:
        return _stored(context, name)
    return {**schema.raw, "_id": name, "_rev": schema.revision}


def _stored(context: Context, name: str) -> Document:
    """Kazoo's document with this name. Stops with 404 if there is none."""
    document = context.services.store.find_doc(SYSTEM_SCHEMAS, name) if is_document_id(name) else None
    if document is None or fields.is_deleted(document):
        raise not_found_error(name)
    return document


def _validate_data(context: Context, name: str) -> None:
    try:
        schema = context.services.schemas.get(name)
    except UnknownSchema:
        _stored(context, name)
        raise system_error(501, f"validation by the schema {name} is left to Kazoo") from None
    data = fields.public(context.data) if isinstance(context.data, dict) else {}
    client_id = fields.given_id(context.data) if isinstance(context.data, dict) else None
    try:
        validated = schema.validate(data)
    except Invalid as invalid:
        raise validation_error(invalid.errors) from None
    if name == connectivity.SCHEMA and context.has_account:
        realm = context.account.get("realm")
        document = connectivity.with_realm(validated, realm)
        trunk_findings.add(context, document if client_id is None else {**document, "_id": str(client_id)})
    context.respond(validated if client_id is None else {**validated, "_id": client_id}, 201)
