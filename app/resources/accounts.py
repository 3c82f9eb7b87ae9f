"""Accounts, for UIs: `/accounts/{ACCOUNT_ID}`, crossbar's cb_accounts."""

from app.accounts import save_aggregate
from app.auth import configuration, hierarchy
from app.auth.trial import is_enabled
from app.crossbar import crossbar_doc
from app.crossbar.context import Context, system_error, validation_error
from app.crossbar.resource import Resource
from app.documents import Document, fields, is_true
from app.documents.names import ACCOUNTS
from app.kazoo import json_text
from app.resources import account_tree
from app.resources.account_tree import RELATIONS
from app.schema.errors import error

TYPE = "account"
API_KEY = "api_key"
LARGEST_MEMBER = 65_536
UI_MEMBERS = ("ui_restrictions", "ui_metadata")


class Accounts(Resource):
    """An account. A POST may set the members that UIs keep in it. Only Kazoo can change the others."""

    METHODS = {0: ("PUT",), 1: ("GET", "PUT", "POST", "PATCH", "DELETE"), 2: ("GET",)}

    def resource_exists(self, context: Context, *params: str) -> bool:
        """An account, its relatives, and its API key."""
        return super().resource_exists(context, *params) and params[1:] in (
            (),
            (API_KEY,),
            *((relation,) for relation in RELATIONS),
        )

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """Kazoo's verbs. A PUT makes a new API key there."""
        return ("GET", "PUT") if params[1:] == (API_KEY,) else super().allowed_methods(context, *params)

    def served_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """GET, and the POST that UIs use to save their members."""
        return ((), ("GET", "POST"), ("GET",))[len(params)]

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the account, its relatives or its API key.

        For a POST, fill in `doc` with the new members of UIs. Stops with 403 if other members differ.
        """
        if params[1:] == (API_KEY,):
            _show_api_key(context)
            return
        if params[1:]:
            account_tree.load(context, params[1])
            return
        document = crossbar_doc.load(context, params[0], TYPE)
        if context.verb == "POST":
            context.doc = _with_ui_members(context, document)
        context.respond_document(document, _account_data(context, document))

    def execute(self, context: Context, *params: str) -> None:
        """Save the account in its own database, then its copy in `accounts`, which has its own revisions."""
        stored = crossbar_doc.save(context, context.doc)
        context.respond(_account_data(context, stored))
        services = context.services
        services.cache.forget(context.db, stored["_id"])
        services.notices.edited(context.db, stored)
        aggregate, is_new = save_aggregate(services.store, context.db, stored)
        services.notices.saved(ACCOUNTS, aggregate, is_new)


def _show_api_key(context: Context) -> None:
    """Answer with the API key. Stops with 403 if the caller is a user without `priv_level` `admin`.

    The key logs in as the whole account.
    """
    cache = context.services.cache
    if not all(hierarchy.is_account_admin(cache, identity) for identity in context.auth.identities):
        raise system_error(403, "forbidden")
    document = crossbar_doc.load(context, context.account_id, TYPE)
    context.respond_document(document, {"api_key": document.get("pvt_api_key")})


def _with_ui_members(context: Context, document: Document) -> Document:
    data = fields.public(context.data) if isinstance(context.data, dict) else {}
    changed = sorted(
        name
        for name, value in data.items()
        if name in document and name not in UI_MEMBERS and value != document[name]
    )
    if changed:
        message = f"only {' and '.join(UI_MEMBERS)} can be changed here, not {', '.join(changed)}"
        raise system_error(403, "forbidden", {"message": message})
    members = {name: data[name] for name in UI_MEMBERS if name in data}
    for name, value in members.items():
        _check_member(name, value)
    return {**document, **members}


def _check_member(name: str, value: object) -> None:
    """Stop with 400 unless the value is an object of a reasonable size."""
    if not isinstance(value, dict):
        raise validation_error(
            error(name, "type", message="Value did not match type(s): object", target="object", value=value)
        )
    if len(json_text.dumps(value)) > LARGEST_MEMBER:
        message = f"Value must not be more than {LARGEST_MEMBER} characters of JSON"
        raise validation_error(error(name, "maxLength", message=message, target=LARGEST_MEMBER))


def _account_data(context: Context, document: Document) -> Document:
    """The public members of an account, and the private ones that Kazoo shows."""
    cache = context.services.cache
    account_id = document["_id"]
    reseller_id = configuration.reseller_id(cache, account_id)
    data = fields.answer_data(document)
    data["wnm_allow_additions"] = is_true(document.get("pvt_wnm_allow_additions"))
    data["superduper_admin"] = is_true(document.get("pvt_superduper_admin"))
    data["created"] = document.get("pvt_created")
    data["enabled"] = is_enabled(document)
    data["reseller_id"] = reseller_id
    data["is_reseller"] = configuration.is_reseller(cache, account_id)
    data["billing_mode"] = _billing_mode(context, reseller_id)
    return data


def _billing_mode(context: Context, reseller_id: str | None) -> str:
    if context.has_auth and reseller_id == context.auth.account_id:
        return "limits_only"
    master = context.services.config("accounts", "master_account_id")
    return "normal" if reseller_id == master else "manual"
