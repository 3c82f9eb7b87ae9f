"""Users, for UIs: `/accounts/{ACCOUNT_ID}/users[/{USER_ID}]`, crossbar's cb_users."""

import copy

from app.crossbar import crossbar_doc, request_data
from app.crossbar.context import Context, system_error
from app.crossbar.resource import Resource
from app.documents import MISSING, Document, fields
from app.documents.names import USERS_VIEW, account_db
from app.schema import Invalid

SCHEMA = "users"
TYPE = "user"
ADMIN = "admin"
_UIS_OWN = ("appList", "language", "timezone")
# Kazoo keeps a password's hashes only; a document written by hand may have the password itself.
SECRETS = ("password",)


class Users(Resource):
    """Public members of user documents. A POST or PATCH sets what UIs keep there; the rest is Kazoo's to change."""

    METHODS = {0: ("GET", "PUT"), 1: ("GET", "POST", "DELETE", "PATCH")}
    NEEDS_ACCOUNT = True

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """GET; on one user POST and PATCH as well."""
        return ("GET", "POST", "PATCH") if params else ("GET",)

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the summaries of all users, or with one. For a POST or PATCH, fill in `doc` and `stored`."""
        if not params:
            crossbar_doc.load_summaries(context, USERS_VIEW)
        elif context.verb == "GET":
            document = crossbar_doc.load(context, params[0], TYPE)
            context.respond_document(document, _shown(document))
        else:
            _validate_change(context, params[0])

    def execute(self, context: Context, *params: str) -> None:
        """Save the changed user and tell the other nodes."""
        stored = crossbar_doc.save(context, context.doc)
        context.respond(_shown(stored))
        context.services.cache.forget(context.db, stored["_id"])
        context.services.notices.edited(context.db, stored)


def _shown(document: Document) -> Document:
    return {name: value for name, value in fields.answer_data(document).items() if name not in SECRETS}


def _validate_change(context: Context, user_id: str) -> None:
    _check_caller(context, user_id)
    if context.verb == "PATCH":
        crossbar_doc.write_upon(context, crossbar_doc.load(context, user_id, TYPE))
        checked = request_data.patched(context, SCHEMA, context.stored)
    else:
        checked = request_data.replacement(context, SCHEMA, user_id, TYPE)
    refused = _changed_members(context, checked)
    if refused:
        message = f"only what UIs keep in a user can be changed here, not {', '.join(refused)}"
        raise system_error(403, "forbidden", {"message": message})
    kept = {name: value for name, value in context.stored.items() if not _is_uis_own(name)}
    asked = {name: value for name, value in checked.items() if _is_uis_own(name) or name in _schema_members(context)}
    context.doc = {**asked, **kept}


def _check_caller(context: Context, user_id: str) -> None:
    """Stop with 403 where the caller is a user, but neither an admin nor this one. An API key is of no user."""
    auth = context.auth
    if auth.owner_id is None or (auth.account_id, auth.owner_id) == (context.account_id, user_id):
        return
    caller = context.services.cache.find_doc(account_db(auth.account_id), auth.owner_id)
    if caller is None or caller.get("priv_level") != ADMIN:
        raise system_error(403, "forbidden")


def _is_uis_own(name: str) -> bool:
    """Whether UIs keep this member of a user, and may change it."""
    return name.startswith("ui_") or name in _UIS_OWN


def _changed_members(context: Context, checked: Document) -> list[str]:
    """The members that the request changes and may not, sorted. Those that a POST leaves out stay as they are.

    Members that nobody knows are no change: Monster UI sends some that it has added for itself.
    """
    before = _with_defaults(context, fields.public(context.stored))
    known = {*before, *_schema_members(context)}
    asked = [name for name in fields.public(context.data) if name in known and not _is_uis_own(name)]
    return sorted(name for name in asked if checked.get(name, MISSING) != before.get(name, MISSING))


def _schema_members(context: Context) -> Document:
    properties: Document = context.services.schemas.get(SCHEMA).raw["properties"]
    return properties


def _with_defaults(context: Context, document: Document) -> Document:
    """Stored members with the schema's defaults; as they are where the schema of today refuses them."""
    try:
        return context.services.schemas.get(SCHEMA).validate(copy.deepcopy(document))
    except Invalid:
        return document
