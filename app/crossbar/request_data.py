"""The data of a request, checked by a schema (docs/kazoo/http.md, section 8; docs/kazoo/documents.md, section 3)."""

from collections.abc import Callable

from app.crossbar import crossbar_doc
from app.crossbar.context import Context, validation_error
from app.documents import MISSING, Document, fields, value_at
from app.documents.merge import merge
from app.kazoo import json_text
from app.schema import Invalid
from app.schema.errors import error


def replacement(context: Context, schema: str, doc_id: str, pvt_type: str) -> Document:
    """The public members that a POST puts in place of the stored ones; fills in `stored`.

    The data is checked before the document: bad data is a 400 even if there is no document to replace.
    """
    checked = validated(context, schema, public_data(context), lambda: crossbar_doc.find(context, doc_id))
    crossbar_doc.write_upon(context, crossbar_doc.load(context, doc_id, pvt_type))
    return checked


def patched(context: Context, schema: str, stored: Document) -> Document:
    """The public members that result from a PATCH of this document. The merged document is checked."""
    return validated(context, schema, fields.public(merge(public_data(context), stored)), lambda: stored)


def public_data(context: Context) -> Document:
    """The members that a client may set. Stops with 400 where the data is no object."""
    data = context.data
    if isinstance(data, dict):
        return fields.public(data)
    message = "Value did not match type(s): object"
    raise validation_error(error("data", "type", message=message, target="object", value=data))


def validated(
    context: Context, schema: str, data: Document, stored: Callable[[], Document | None] = lambda: None
) -> Document:
    """The data with the schema's defaults. Stops with 400 where the schema refuses it.

    `stored` returns the current document. If its legacy values are tolerated, the data is returned as it is.
    """
    strict = context.services.config("crossbar", "schema_strict_validation", default=False)
    try:
        return context.services.schemas.get(schema).validate(data, coercing=strict is not True)
    except Invalid as invalid:
        if context.services.settings.tolerate_legacy_values and _is_stored(invalid, data, stored()):
            return data
        raise validation_error(invalid.errors) from None


def _is_stored(invalid: Invalid, data: Document, stored: Document | None) -> bool:
    """Whether the stored document has the same values in all places that the schema refuses."""

    def same(path: tuple[str | int, ...]) -> bool:
        sent, kept = value_at(data, path), value_at(stored, path)
        return sent is kept or (
            sent is not MISSING and kept is not MISSING and json_text.dumps(sent) == json_text.dumps(kept)
        )

    return stored is not None and not invalid.has_more and all(same(path) for path in invalid.paths)
