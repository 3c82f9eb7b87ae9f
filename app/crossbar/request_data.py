"""Checks a request's data against a schema (docs/kazoo/http.md, section 8; docs/kazoo/documents.md, section 3)."""

from collections.abc import Callable

from app.crossbar import crossbar_doc
from app.crossbar.context import Context, validation_error
from app.documents import Document, fields
from app.documents.merge import merge
from app.schema import Invalid
from app.schema.errors import Errors, error


def replacement(context: Context, schema: str, doc_id: str, pvt_type: str) -> Document:
    """The public members that a POST replaces the stored ones with. Fills in `stored`.

    The data is checked before the document is loaded, so invalid data is a 400 even if there is no document.
    """
    members = validated(context, schema, public_data(context), lambda: crossbar_doc.find(context, doc_id))
    crossbar_doc.set_stored(context, crossbar_doc.load(context, doc_id, pvt_type))
    return members


def patched(context: Context, schema: str, stored: Document) -> Document:
    """The public members after a PATCH of this document. The merged document is checked."""
    return validated(context, schema, fields.public(merge(public_data(context), stored)), lambda: stored)


def public_data(context: Context) -> Document:
    """The members that a client may set. Stops with 400 if the data is not an object."""
    data = context.data
    if isinstance(data, dict):
        return fields.public(data)
    message = "Value did not match type(s): object"
    raise validation_error(error("data", "type", message=message, target="object", value=data))


def validated(
    context: Context,
    schema: str,
    data: Document,
    stored: Callable[[], Document | None] = lambda: None,
    errors: Errors | None = None,
) -> Document:
    """`Services.validated`. Stops with 400 if the schema refuses the data, or if there are other errors already."""
    try:
        checked = context.services.validated(schema, data, stored)
    except Invalid as invalid:
        raise validation_error(invalid.errors | (errors or {})) from None
    if errors:
        raise validation_error(errors)
    return checked
