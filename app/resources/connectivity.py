"""Trunks: `/accounts/{ACCOUNT_ID}/connectivity[/{CONNECTIVITY_ID}]`, crossbar's cb_connectivity.

Below a trunk are `history[/{REVISION}]` with the setting HISTORY, and `calls` with EXPLAIN. Kazoo lacks both.
"""

import logging
import re

from app.audit import trunk
from app.auth import restrictions
from app.crossbar import crossbar_doc, request_data
from app.crossbar.context import Context, not_found_error, system_error, too_long_error
from app.crossbar.resource import Resource
from app.documents import Document, connectivity, fields, is_true, names
from app.documents.connectivity import SCHEMA
from app.resources import connectivity_calls, connectivity_deleted, connectivity_history, limits, trunk_findings
from app.schema.errors import Errors, error
from app.trunks.service import LONGEST_KEY, KeyTooLong, NumbersRefused

log = logging.getLogger(__name__)

_CLIENT_ID = re.compile(r"[^_\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,254}")
# Documents with these ids decide what the account may do.
_SETTINGS = (restrictions.DOCUMENT, limits.DOCUMENT)
_SETTINGS_PREFIX = "configs_"


class Connectivity(Resource):
    """The list of trunks, and single trunks. PUT creates, POST replaces, PATCH merges, and DELETE deletes.

    A DELETE is soft unless the client asks for a hard one.
    """

    METHODS = {0: ("GET", "PUT"), 1: ("GET", "POST", "PATCH", "DELETE"), 2: ("GET",), 3: ("GET", "POST")}
    NEEDS_ACCOUNT = True

    def resource_exists(self, context: Context, *params: str) -> bool:
        """The list, a trunk and, if the settings say so, its versions and what happens to calls."""
        if len(params) < 2:
            return True
        if params[1:] == (connectivity_calls.SEGMENT,):
            return context.services.settings.explain
        is_history = context.services.history is not None and params[1] == connectivity_history.SEGMENT
        return is_history and len(params) in self.METHODS

    def validate(self, context: Context, *params: str) -> None:
        """Answer a GET. Otherwise fill in `doc`, the new document, and `stored`, the current one (not for a PUT)."""
        match context.verb, params:
            case "GET", ():
                _list(context)
            case "GET", (trunk_id,):
                _read(context, trunk_id)
            case "GET", (trunk_id, connectivity_calls.SEGMENT):
                connectivity_calls.load_outcome(context, trunk_id)
            case "GET", (trunk_id, _):
                connectivity_history.load_versions(context, trunk_id)
            case "GET", (trunk_id, _, revision):
                connectivity_history.load_version(context, trunk_id, revision)
            case "PUT", ():
                _validate_create(context)
            case "POST", (trunk_id,):
                _validate_replace(context, trunk_id)
            case "PATCH", (trunk_id,):
                _validate_patch(context, trunk_id)
            case "DELETE", (trunk_id,):
                _validate_delete(context, trunk_id)
            case "POST", (trunk_id, _, revision):
                _validate_restore(context, trunk_id, revision)

    def execute(self, context: Context, *params: str) -> None:
        """Write `doc`, notify the other nodes, and (except for a PUT) mark its numbers."""
        match context.verb, params:
            case "PUT", ():
                _create(context)
            case (("POST" | "PATCH"), (_,)):
                _replace(context)
            case "DELETE", (_,):
                _delete(context)
            case "POST", (_, _, revision):
                _restore(context, revision)


def _list(context: Context) -> None:
    """Answer with the ids of the trunks, or with the deleted trunks if the client asks for them in the query."""
    if context.services.history is not None and is_true(context.query_value("deleted")):
        connectivity_deleted.load_deleted(context)
        return
    crossbar_doc.load_list(context, names.TRUNKS_VIEW)


def _read(context: Context, trunk_id: str) -> None:
    document = crossbar_doc.load(context, trunk_id, connectivity.TYPE)
    _answer(context, document)


def _validate_create(context: Context) -> None:
    data = context.data
    client_id = fields.given_id(data) if isinstance(data, dict) else None
    if data == []:
        # PHP sends this for an empty object. In Kazoo it skips the schema and gets no defaults.
        checked: Document = {}
    else:
        errors = _errors_of_id(client_id)
        checked = request_data.validated(context, SCHEMA, request_data.public_data(context), errors=errors)
    document = {**checked, "pvt_type": connectivity.TYPE, "_id": client_id or names.new_id()}
    _accept(context, document)


def _errors_of_id(client_id: object) -> Errors:
    """The error of an id that a client must not choose, as in the answer; empty if there is none."""
    if client_id is None:
        return {}
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        message = "Must be up to 255 characters, not begin with '_' and have no control characters"
    elif client_id in _SETTINGS or client_id.startswith(_SETTINGS_PREFIX):
        message = "Is the name of a document of settings"
    else:
        return {}
    return error("id", "invalid", message=message, value=client_id)


def _validate_replace(context: Context, trunk_id: str) -> None:
    checked = request_data.replacement(context, SCHEMA, trunk_id, connectivity.TYPE)
    _accept(context, {**checked, **fields.private(context.stored)})


def _validate_patch(context: Context, trunk_id: str) -> None:
    """If the document is missing, check the patch by itself before the 404."""
    stored = crossbar_doc.find(context, trunk_id)
    if stored is None:
        request_data.validated(context, SCHEMA, request_data.public_data(context))
        raise not_found_error(trunk_id)
    checked = request_data.patched(context, SCHEMA, stored)
    crossbar_doc.set_stored(context, crossbar_doc.require_type(stored, trunk_id, connectivity.TYPE))
    _accept(context, {**checked, **fields.private(stored)})


def _validate_restore(context: Context, trunk_id: str, revision: str) -> None:
    """Restore the version over the current document, even a deleted one."""
    stored = context.services.trunks.find(context.account_id, trunk_id, to_write=True)
    version = connectivity_history.find_version(context, trunk_id, revision, stored)
    if stored is None and crossbar_doc.find(context, trunk_id):
        raise not_found_error(trunk_id)
    checked = request_data.validated(context, SCHEMA, fields.public(version), lambda: stored)
    if stored and not fields.is_deleted(stored):
        crossbar_doc.set_stored(context, stored)
    context.stored = stored or {}
    _accept(context, connectivity.put_back(trunk_id, checked, stored))


def _validate_delete(context: Context, trunk_id: str) -> None:
    context.doc = crossbar_doc.load(context, trunk_id, connectivity.TYPE)
    crossbar_doc.set_stored(context, context.doc)


def _accept(context: Context, document: Document) -> None:
    """Fill in `doc` with the document as it will be saved. Stops with 403 if it has numbers of others."""
    trunks = context.services.trunks
    try:
        context.doc = trunks.accepted(context.account, document, context.auth.account_id)
    except KeyTooLong as too_long:
        raise too_long_error(too_long.path, LONGEST_KEY, "bytes") from None
    except NumbersRefused as refused:
        raise system_error(403, "forbidden", {"message": str(refused)}) from None
    for finding in trunk.worst_errors(context.doc):
        log.warning("%s/%s: %r: %s", context.account_id, document["_id"], finding.path, finding.message)


def _create(context: Context) -> None:
    created = context.services.trunks.create(context.account, context.doc, context.author)
    _answer(context, created, 201)
    context.location_id = created["_id"]


def _replace(context: Context) -> None:
    write = connectivity_history.write_of(context)
    trunks = context.services.trunks
    _answer(context, trunks.replace(context.account, context.stored, context.doc, context.author, write))


def _restore(context: Context, revision: str) -> None:
    write = connectivity_history.write_of(context, restored=revision)
    trunks = context.services.trunks
    _answer(context, trunks.restore(context.account, context.stored or None, context.doc, context.author, write))


def _delete(context: Context) -> None:
    """Delete, and answer with the document before deletion (docs/kazoo/documents.md, sections 3.4 and 4.2)."""
    data = fields.answer_data(context.doc) | {"_read_only": {"deleted": True}}
    context.respond_document(context.doc, data)
    softly = is_true(context.req_value("should_soft_delete", True))
    write = connectivity_history.write_of(context)
    context.services.trunks.delete(context.account, context.stored, context.author, write, softly)


def _answer(context: Context, stored: Document, status: int = 200) -> None:
    context.respond_document(stored, fields.answer_data(stored), status)
    trunk_findings.add(context, stored)
