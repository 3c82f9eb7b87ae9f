"""Users, for UIs: `/accounts/{ACCOUNT_ID}/users[/{USER_ID}]`, crossbar's cb_users."""

import copy

from app.auth import AuthDoc, hierarchy
from app.crossbar import crossbar_doc, request_data
from app.crossbar.context import Context, system_error, validation_error
from app.crossbar.resource import Resource
from app.documents import MISSING, Document, fields
from app.documents.names import USERS_VIEW
from app.kazoo import json_text
from app.schema import Invalid
from app.schema.errors import error

SCHEMA = "users"
TYPE = "user"
# All together, in characters of JSON.
LARGEST_UI_MEMBERS = 262_144
_UI_MEMBERS = ("appList", "language", "timezone")
# Kazoo stores only hashes of passwords. A document written by hand may have the password itself.
SECRETS = ("password",)


class Users(Resource):
    """Users. A POST or PATCH may set the members that UIs keep in them. Only Kazoo can change the others."""

    METHODS = {0: ("GET", "PUT"), 1: ("GET", "POST", "DELETE", "PATCH")}
    NEEDS_ACCOUNT = True

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """GET and, on a single user, POST and PATCH."""
        return ("GET", "POST", "PATCH") if params else ("GET",)

    def validate(self, context: Context, *params: str) -> None:
        """Answer with all users' summaries, or with one user. For a POST or PATCH, fill in `doc` and `stored`."""
        if not params:
            crossbar_doc.load_summaries(context, USERS_VIEW, is_ascending=True)
        elif context.verb == "GET":
            document = crossbar_doc.load(context, params[0], TYPE)
            context.respond_document(document, _user_data(document))
        else:
            _validate_change(context, params[0])

    def execute(self, context: Context, *params: str) -> None:
        """Save the user and notify the other nodes."""
        stored = crossbar_doc.save(context, context.doc)
        context.respond(_user_data(stored))
        context.services.cache.forget(context.db, stored["_id"])
        context.services.notices.edited(context.db, stored)


def _user_data(document: Document) -> Document:
    return {name: value for name, value in fields.answer_data(document).items() if name not in SECRETS}


def _validate_change(context: Context, user_id: str) -> None:
    _check_caller(context, user_id)
    if context.verb == "PATCH":
        crossbar_doc.set_stored(context, crossbar_doc.load(context, user_id, TYPE))
        members = request_data.patched(context, SCHEMA, context.stored)
    else:
        members = request_data.replacement(context, SCHEMA, user_id, TYPE)
    refused = _refused_members(context, members)
    if refused:
        message = f"only what UIs keep in a user can be changed here, not {', '.join(refused)}"
        raise system_error(403, "forbidden", {"message": message})
    stored = {name: value for name, value in context.stored.items() if not _is_ui_member(name)}
    new = {name: value for name, value in members.items() if _is_ui_member(name) or name in _schema_members(context)}
    context.doc = {**new, **stored}
    _check_size(context.doc)


def _check_size(user: Document) -> None:
    """Stop with 400 if UIs keep too much in a user. Each request of the user reads the document."""
    lengths = {name: len(json_text.dumps(value)) for name, value in user.items() if _is_ui_member(name)}
    if sum(lengths.values()) > LARGEST_UI_MEMBERS:
        largest = max(lengths, key=lambda name: lengths[name])
        message = f"What UIs keep in a user must not be more than {LARGEST_UI_MEMBERS} characters of JSON"
        raise validation_error(error(largest, "maxLength", message=message, target=LARGEST_UI_MEMBERS))


def _check_caller(context: Context, user_id: str) -> None:
    """Stop with 403 if the caller is a user but neither an admin nor this user. An API key belongs to no user."""
    if not all(_may_change(context, identity, user_id) for identity in context.auth.identities):
        raise system_error(403, "forbidden")


def _may_change(context: Context, identity: AuthDoc, user_id: str) -> bool:
    if (identity.account_id, identity.owner_id) == (context.account_id, user_id):
        return True
    return hierarchy.is_account_admin(context.services.cache, identity)


def _is_ui_member(name: str) -> bool:
    """Whether UIs keep this member in a user, and may change it."""
    return name.startswith("ui_") or name in _UI_MEMBERS


def _refused_members(context: Context, members: Document) -> list[str]:
    """The members that the request changes but may not, sorted. Members that a POST omits do not change.

    Unknown members are ignored, because Monster UI sends some of its own.
    """
    before = _with_defaults(context, fields.public(context.stored))
    known = {*before, *_schema_members(context)}
    sent = [name for name in fields.public(context.data) if name in known and not _is_ui_member(name)]
    return sorted(name for name in sent if members.get(name, MISSING) != before.get(name, MISSING))


def _schema_members(context: Context) -> Document:
    properties: Document = context.services.schemas.get(SCHEMA).raw["properties"]
    return properties


def _with_defaults(context: Context, document: Document) -> Document:
    """The document with the schema's defaults, or unchanged if the current schema refuses it."""
    try:
        return context.services.schemas.get(SCHEMA).validate(copy.deepcopy(document))
    except Invalid:
        return document
