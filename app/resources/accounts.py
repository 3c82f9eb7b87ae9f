"""Accounts, for UIs: `/accounts/{ACCOUNT_ID}`, crossbar's cb_accounts."""

from app.accounts import descendants, save_aggregate
from app.auth import configuration, hierarchy
from app.auth.trial import is_enabled
from app.crossbar import crossbar_doc, request_data, ui_members
from app.crossbar.context import Context, system_error
from app.crossbar.resource import Resource
from app.documents import Document, fields, is_true
from app.documents.names import ACCOUNTS
from app.resources import account_tree
from app.resources.account_tree import RELATIONS

SCHEMA = "accounts"
TYPE = "account"
API_KEY = "api_key"
_METADATA, _RESTRICTIONS = "ui_metadata", "ui_restrictions"
_UI_MEMBERS = ("caller_id_options", "contact", "language", "timezone")


class Accounts(Resource):
    """An account. A POST or PATCH may set the members that UIs keep in it. Only Kazoo can change the others."""

    METHODS = {0: ("PUT",), 1: ("GET", "PUT", "POST", "PATCH", "DELETE"), 2: ("GET",)}
    UNSERVED = "accounts are created, deleted and given keys in Kazoo, or with this service's own commands"

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
        """GET and, on an account, POST and PATCH."""
        return ((), ("GET", "POST", "PATCH"), ("GET",))[len(params)]

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the account, its relatives or its API key. For a POST or PATCH, fill in `doc` and `stored`.

        Stops with 403 if members differ that are not for UIs.
        """
        if params[1:] == (API_KEY,):
            _show_api_key(context)
        elif params[1:]:
            account_tree.load(context, params[1])
        elif context.verb == "GET":
            document = crossbar_doc.load(context, params[0], TYPE)
            context.respond_document(document, _account_data(context, document))
        else:
            _validate_change(context, params[0])

    def execute(self, context: Context, *params: str) -> None:
        """Save the account in its own database, then its copy in `accounts`, which has its own revisions."""
        stored = crossbar_doc.save(context, context.doc)
        context.respond(_account_data(context, stored))
        services = context.services
        services.cache.forget(context.db, stored["_id"])
        services.notices.edited(context.db, stored)
        aggregate, is_new = save_aggregate(services.store, context.db, stored)
        services.notices.saved(ACCOUNTS, aggregate, is_new)


def _is_admin(context: Context) -> bool:
    """Whether the caller is no mere user: an admin, or an API key."""
    return all(hierarchy.is_account_admin(context.services.cache, identity) for identity in context.auth.identities)


def _show_api_key(context: Context) -> None:
    """Answer with the API key. Stops with 403 if the caller is a user without `priv_level` `admin`.

    The key logs in as the whole account.
    """
    if not _is_admin(context):
        raise system_error(403, "forbidden")
    document = crossbar_doc.load(context, context.account_id, TYPE)
    context.respond_document(document, {"api_key": document.get("pvt_api_key")})


def _validate_change(context: Context, account_id: str) -> None:
    if context.verb == "PATCH":
        crossbar_doc.set_stored(context, crossbar_doc.load(context, account_id, TYPE))
        members = request_data.patched(context, SCHEMA, context.stored)
    else:
        members = request_data.replacement(context, SCHEMA, account_id, TYPE)
        # An account always has a time zone in Kazoo.
        members = {name: context.stored[name] for name in ("timezone",) if name in context.stored} | members
    stored = context.stored
    sent = {name: members.get(name) for name in fields.public(context.data) if not _is_ui_member(name)}
    # Another account may have been created since the client read it.
    sent.pop(descendants.MEMBER, None)
    refused = ui_members.changed(sent, _account_data(context, stored))
    if refused:
        message = f"only what UIs keep in an account can be changed here, not {', '.join(refused)}"
        raise system_error(403, "forbidden", {"message": message})
    kept = _kept_by_uis(members)
    _check_caller(context, kept)
    context.doc = {**{name: value for name, value in stored.items() if not _is_ui_member(name)}, **kept}
    ui_members.check_size(context.doc, _is_ui_member)


def _check_caller(context: Context, kept: Document) -> None:
    """Stop with 403 if a user without `priv_level` `admin` changes what concerns others.

    At the first log-in to an account, whoever that is, Monster UI saves which pages it shows.
    """
    if _is_admin(context):
        return
    before = _kept_by_uis(context.stored)
    names = ui_members.changed(dict.fromkeys(before) | kept, before)
    if not set(names) <= {_METADATA, *({_RESTRICTIONS} - before.keys())}:
        raise system_error(403, "forbidden", {"message": f"only admins of an account change {', '.join(names)}"})


def _kept_by_uis(document: Document) -> Document:
    return {name: value for name, value in document.items() if _is_ui_member(name)}


def _is_ui_member(name: str) -> bool:
    return ui_members.is_prefixed(name) or name in _UI_MEMBERS


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
