"""Trunks: `/accounts/{ACCOUNT_ID}/connectivity[/{CONNECTIVITY_ID}]`, crossbar's cb_connectivity."""

import logging
import re
from collections.abc import Callable
from typing import Any

from app import json_text
from app.auth import restrictions
from app.context import Context, Stop, not_found_error, system_error, validation_error
from app.documents import MISSING, Document, connectivity, fields, names, value_at
from app.documents.merge import merge
from app.numbers import ownership
from app.resources import crossbar_doc, limits
from app.resources.base import Resource
from app.schema import Invalid
from app.schema.errors import error

SCHEMA = "connectivity"
LISTING = "trunkstore/crossbar_listing"

log = logging.getLogger(__name__)

_GIVEN_ID = re.compile(r"[^_\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,254}")
# Kazoo and this service look up documents by these names to decide what the account may do.
_SETTINGS = (restrictions.DOCUMENT, limits.DOCUMENT)
_SETTINGS_PREFIX = "configs_"


class Connectivity(Resource):
    """The collection and the items. PUT creates, POST replaces, PATCH merges, DELETE deletes softly
    unless the client asks for a hard delete.
    """

    METHODS = {0: ("GET", "PUT"), 1: ("GET", "POST", "PATCH", "DELETE")}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer a GET. Otherwise fill in `doc`, to be written, and `stored`, the current one (not for a PUT)."""
        _VALIDATE[context.verb, len(params)](context, *params)

    def execute(self, context: Context, *params: str) -> None:
        """Write `doc`, tell the other nodes, and (except for a PUT) mark its numbers."""
        if context.verb != "GET":
            _EXECUTE[context.verb](context)


def _list(context: Context) -> None:
    crossbar_doc.load_list(context, LISTING)


def _read(context: Context, doc_id: str) -> None:
    document = crossbar_doc.load(context, doc_id, connectivity.TYPE)
    context.respond_document(document, fields.answer_data(document))


def _validate_create(context: Context) -> None:
    data = context.data
    given = fields.given_id(data) if isinstance(data, dict) else None
    if given is not None:
        _check_id(given)
    # An empty array, PHP's way to write an empty object, skips the schema in Kazoo and so has no defaults.
    validated = {} if data == [] else _validated(context, _public_data(context))
    document = {**validated, "pvt_type": connectivity.TYPE, "_id": given or names.new_id()}
    _accept(context, document)


def _check_id(given: object) -> None:
    message = None
    if not isinstance(given, str) or not _GIVEN_ID.fullmatch(given):
        message = "Must be up to 255 characters, not begin with '_' and have no control characters"
    elif given in _SETTINGS or given.startswith(_SETTINGS_PREFIX):
        message = "Is the name of a document of settings"
    if message:
        raise validation_error(error("id", "invalid", message=message, value=given))


def _validate_replace(context: Context, doc_id: str) -> None:
    """The data is checked before the document: bad data is a 400 even if there is no document to replace."""
    data = _public_data(context)
    validated = _validated(context, data, lambda: crossbar_doc.find(context, doc_id))
    context.stored = crossbar_doc.load(context, doc_id, connectivity.TYPE)
    _keep_revision(context)
    _accept(context, {**validated, **fields.private(context.stored)})


def _validate_patch(context: Context, doc_id: str) -> None:
    """Validates the merged document. If the document is missing, the patch alone is validated before the 404."""
    stored = crossbar_doc.find(context, doc_id)
    patch = _public_data(context)
    data = fields.public(merge(patch, stored)) if stored else patch
    validated = _validated(context, data, lambda: stored)
    if stored is None:
        raise not_found_error(doc_id)
    context.stored = crossbar_doc.of_type(stored, doc_id, connectivity.TYPE)
    _keep_revision(context)
    _accept(context, {**validated, **fields.private(stored)})


def _validate_delete(context: Context, doc_id: str) -> None:
    context.stored = context.doc = crossbar_doc.load(context, doc_id, connectivity.TYPE)
    _keep_revision(context)


def _public_data(context: Context) -> Document:
    data = context.data
    if isinstance(data, dict):
        return fields.public(data)
    message = "Value did not match type(s): object"
    raise validation_error(error("data", "type", message=message, target="object", value=data))


def _validated(context: Context, data: Document, stored: Callable[[], Document | None] = lambda: None) -> Document:
    """The data with the schema's defaults. Stops with 400 where the schema refuses it.

    `stored` returns the current document. If its legacy values are tolerated, the data is returned as it is.
    """
    strict = context.services.config("crossbar", "schema_strict_validation", default=False)
    try:
        return context.services.schemas.get(SCHEMA).validate(data, coercing=strict is not True)
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

    return stored is not None and all(same(path) for path in invalid.paths)


def _keep_revision(context: Context) -> None:
    """For the preconditions: set the ETag of the revision that is about to be replaced."""
    context.etag = f'"{context.stored["_rev"]}"'


def _accept(context: Context, document: Document) -> None:
    """Set the account's realm, stop with 403 on numbers of others, and fill in `doc`."""
    document = connectivity.with_realm(document, context.account.get("realm"))
    refused = ownership.refused(context.services, context.auth, connectivity.dids(document))
    if refused:
        raise _unauthorized(refused)
    for warning in connectivity.routing_warnings(document):
        log.warning("%s/%s: %s", context.account_id, document["_id"], warning)
    context.doc = document


def _unauthorized(numbers: list[str]) -> Stop:
    return system_error(403, "forbidden", {"message": f"unauthorized to use {', '.join(numbers)}"})


def _create(context: Context) -> None:
    stored = crossbar_doc.save(context, context.doc, status=201)
    context.location_id = stored["_id"]
    _flush_registrations(context)
    context.services.notices.created(context.db, stored)


def _replace(context: Context) -> None:
    stored = crossbar_doc.save(context, context.doc)
    context.services.notices.edited(context.db, stored)
    _track_assignment(context, connectivity.dids(context.stored), connectivity.dids(stored))


def _delete(context: Context) -> None:
    deleted = crossbar_doc.delete(context, context.doc)
    _flush_registrations(context)
    context.services.notices.deleted(context.db, deleted)
    _track_assignment(context, connectivity.dids(context.stored), [])


def _track_assignment(context: Context, before: list[str], after: list[str]) -> None:
    context.services.assignment.track(context.services, context.account_id, before, after)


def _flush_registrations(context: Context) -> None:
    realm = context.account.get("realm")
    if isinstance(realm, str):
        context.services.notices.registrations_flushed(realm)


_VALIDATE: dict[tuple[str, int], Any] = {
    ("GET", 0): _list,
    ("PUT", 0): _validate_create,
    ("GET", 1): _read,
    ("POST", 1): _validate_replace,
    ("PATCH", 1): _validate_patch,
    ("DELETE", 1): _validate_delete,
}
_EXECUTE = {"PUT": _create, "POST": _replace, "PATCH": _replace, "DELETE": _delete}
