"""Users, for UIs: `/accounts/{ACCOUNT_ID}/users[/{USER_ID}]`, crossbar's cb_users."""

import copy
from functools import partial

from app.accounts import users
from app.auth import AuthDoc, hierarchy
from app.crossbar import crossbar_doc, request_data, ui_members
from app.crossbar.context import Context, system_error, validation_error
from app.crossbar.resource import Resource
from app.documents import Document, fields
from app.documents.names import USERS_VIEW
from app.schema import Invalid
from app.schema.errors import error

SCHEMA = "users"
TYPE = "user"
CONFIG = "crossbar.users"
_UI_MEMBERS = ("appList", "apps", "caller_id_options", "language", "timezone")
# What people may change where this service manages users.
_PERSONAL = ("email", "first_name", "last_name", "password", "require_password_update", "username")
# Kazoo stores only hashes of passwords. A document written by hand may have the password itself.
SECRETS = ("password", "confirm_password")
# Kazoo takes this as the hash of a password.
_HASH = "credentials"


class Users(Resource):
    """Users. A POST or PATCH may set the members that UIs keep in them, and any that no schema knows.

    Where this service manages users (the setting MANAGE_USERS), it may also set names, e-mail addresses and
    passwords. Only Kazoo can change the others.
    """

    METHODS = {0: ("GET", "PUT"), 1: ("GET", "POST", "DELETE", "PATCH")}
    NEEDS_ACCOUNT = True
    UNSERVED = "users are created and deleted in Kazoo, or with this service's own commands"

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
        # UIs do not always send back what they do not show.
        unsent = [name for name in _PERSONAL if name in context.stored and name not in context.data]
        members |= {name: context.stored[name] for name in unsent}
    refused = _refused_members(context, members)
    if refused:
        message = f"only what UIs keep in a user can be changed here, not {', '.join(refused)}"
        raise system_error(403, "forbidden", {"message": message})
    unchanged = {name: value for name, value in context.stored.items() if not _may_set(context, name)}
    context.doc = {**{name: value for name, value in members.items() if name not in SECRETS}, **unchanged}
    if context.services.settings.manage_users:
        # A stored one, which somebody wrote by hand, is none that anybody chose.
        _set_credentials(context, context.data.get("password"))
    ui_members.check_size(context.doc, partial(_is_ui_member, context))


def _set_credentials(context: Context, password: str | None) -> None:
    """Fill in the hashes of a new password, by Kazoo's rules. Old tokens of the user then end.

    Stops with 400 if the user has no name to log in with, the name is taken, or it changes without a password.

    Spec: docs/kazoo/auth.md, section 4.3.
    """
    document, stored = context.doc, context.stored
    name, old_name = document.get("username"), stored.get("username")
    if name is None:
        if password or old_name is not None:
            raise validation_error(error("username", "required", message="Field is required but missing"))
        return
    if isinstance(old_name, str) and name.lower() == old_name.lower():
        document["username"] = old_name
    else:
        name = document["username"] = name.lower()
        if users.id_of(context.services.store, context.account_id, name) not in (None, stored["_id"]):
            message = "Username must be unique within account"
            raise validation_error(error("username", "unique", message=message, cause=name))
        if not password:
            message = "The password must be provided when creating / updating the user name"
            raise validation_error(error("password", "required", message=message, cause=name))
    if password:
        ends_tokens = context.services.config(CONFIG, "reset_identity_secret_on_rehash", default=True) is not False
        context.doc = users.with_password(document, password, ends_tokens)


def _check_caller(context: Context, user_id: str) -> None:
    """Stop with 403 if the caller is a user but neither an admin nor this user. An API key belongs to no user."""
    if not all(_may_change(context, identity, user_id) for identity in context.auth.identities):
        raise system_error(403, "forbidden")


def _may_change(context: Context, identity: AuthDoc, user_id: str) -> bool:
    if (identity.account_id, identity.owner_id) == (context.account_id, user_id):
        return True
    return hierarchy.is_account_admin(context.services.cache, identity)


def _is_ui_member(context: Context, name: str) -> bool:
    """Whether UIs keep this member in a user, or nothing else knows it. They may change it."""
    if ui_members.is_prefixed(name) or name in _UI_MEMBERS:
        return True
    return not (fields.is_private(name) or name in _schema_members(context) or name in (*SECRETS, _HASH))


def _may_set(context: Context, name: str) -> bool:
    return _is_ui_member(context, name) or (name in _PERSONAL and context.services.settings.manage_users)


def _refused_members(context: Context, members: Document) -> list[str]:
    """The members that the request changes but may not, sorted. Members that a POST omits do not change."""
    before = _with_defaults(context, fields.public(context.stored))
    sent = {name: members.get(name) for name in fields.public(context.data) if not _may_set(context, name)}
    sent.pop("id", None)
    return ui_members.changed({name: value for name, value in sent.items() if name != "confirm_password"}, before)


def _schema_members(context: Context) -> Document:
    properties: Document = context.services.schemas.get(SCHEMA).raw["properties"]
    return properties


def _with_defaults(context: Context, document: Document) -> Document:
    """The document with the schema's defaults, or unchanged if the current schema refuses it."""
    try:
        return context.services.schemas.get(SCHEMA).validate(copy.deepcopy(document))
    except Invalid:
        return document
