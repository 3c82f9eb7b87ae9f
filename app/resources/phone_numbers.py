"""The account's numbers: `/accounts/{ACCOUNT_ID}/phone_numbers[/{NUMBER}]`, crossbar's cb_phone_numbers.

Spec: docs/kazoo/documents.md, sections 7.3 to 7.7.
"""

from app.auth import hierarchy
from app.crossbar import crossbar_doc, request_data
from app.crossbar.context import Context, Stop, conflict_error, plain_error, system_error
from app.crossbar.resource import Resource
from app.documents import Document, fields, is_true
from app.documents.clock import gregorian_now
from app.documents.merge import merge
from app.documents.names import NUMBERS_VIEW
from app.numbers import carriers, features, legacy, ownership, release
from app.numbers.classifiers import classifiers, classify, pretty
from app.numbers.feature_names import CARRIER_NAME, E911, INBOUND_CNAM, OUTBOUND_CNAM
from app.numbers.normalise import converters, known_numbers, normalise
from app.store import Conflict

SCHEMA = "phone_numbers"
CARRIERS_INFO, CLASSIFIERS = "carriers_info", "classifiers"
_RENAMED_FILTERS = {
    "filter_state": "filter_pvt_state",
    "filter_assigned_to": "filter_pvt_assigned_to",
    "filter_locality": "filter_pvt_locality",
}
_E911_REFUSED = (
    "the address for emergency calls (e911) was not saved, because this service cannot provision it: "
    "set it in Kazoo or at the provider"
)
_E911_DEFAULT: tuple[str, object] = ("notification_contact_emails", [])
# Members of answers that follow from private ones; what clients send back under these names is not stored.
_DERIVED = ("id", "used_by", "features", "state")
_NUMBER = ("PUT", "POST", "PATCH", "DELETE", "GET")
_METHODS = {
    (CARRIERS_INFO,): ("GET",),
    (CLASSIFIERS,): ("GET",),
    ("prefix",): ("GET",),
    ("fix",): ("POST",),
    ("locality",): ("POST",),
    ("check",): ("POST",),
    ("collection",): ("PUT", "POST", "PATCH", "DELETE"),
}
_METHODS_BELOW = {"activate": ("PUT",), "reserve": ("PUT",), "port": ("PUT",), "identify": ("GET",)}


class PhoneNumbers(Resource):
    """The list comes from the account's database, a single number from its number database, as in Kazoo.

    Buying, porting and what concerns carriers is left to Kazoo: 501.
    """

    NEEDS_ACCOUNT = True

    def resource_exists(self, context: Context, *params: str) -> bool:
        """The list, numbers and what Kazoo does with them."""
        if len(params) == 2:
            return params[0] in (CLASSIFIERS, "fix") or params[1] in _METHODS_BELOW
        return len(params) < 2

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """Kazoo's verbs."""
        if not params:
            return ("GET",)
        if len(params) == 1:
            methods = _METHODS.get(params, _NUMBER)
            return tuple(verb for verb in methods if verb != "PATCH") if context.version == "v1" else methods
        return {CLASSIFIERS: ("GET",), "fix": ("POST",)}.get(params[0]) or _METHODS_BELOW[params[1]]

    def validate(self, context: Context, *params: str) -> None:
        """Answer a GET. For a POST, PATCH or DELETE of a number, fill in `stored` and `doc`."""
        if not params:
            _list(context)
        elif params[0] == CLASSIFIERS:
            _show_classes(context, *params[1:])
        elif params[0] == CARRIERS_INFO:
            _show_carriers(context)
        elif len(params) > 1 or params in _METHODS or context.verb == "PUT":
            raise _left_to_kazoo("buying, porting and searching for numbers")
        else:
            _VALIDATE[context.verb](context, params[0])

    def execute(self, context: Context, *params: str) -> None:
        """Save or release the number, in both databases, and tell the other nodes."""
        if context.verb == "DELETE":
            _release(context)
        else:
            _save(context)


def _list(context: Context) -> None:
    if context.query_value("prefix"):
        # A search for numbers to buy, of which there are none here.
        context.respond([])
        return
    context.query = [(_RENAMED_FILTERS.get(name, name), value) for name, value in context.query]
    rows = crossbar_doc.load_rows(context, NUMBERS_VIEW)
    rules = _policy(context, context.account_id)
    # The first version of the API shows the rows as they are.
    numbers = {row.key: row.value if context.version == "v1" else _listed(row.value, rules) for row in rows}
    context.respond({"numbers": numbers, "cascade_quantity": 0})
    if numbers:
        crossbar_doc.tag_answer(context)


def _listed(value: Document, rules: features.Policy) -> Document:
    return fields.public(value) | {"features_available": features.available_as_listed(value, rules)}


def _show_carriers(context: Context) -> None:
    services = context.services
    modules = features.reseller_setting(
        services.cache, context.account_id, "carrier_modules", default=[carriers.LOCAL_CARRIER]
    )
    context.respond(
        {
            "maximal_prefix_length": carriers.longest_prefix(modules if isinstance(modules, list) else []),
            "usable_carriers": list(carriers.NAMES),
            "usable_creation_states": _creation_states(context),
        }
    )


def _creation_states(context: Context) -> list[str]:
    """The states in which the caller may create numbers in Kazoo."""
    caller = hierarchy.account(context.services.cache, context.auth.account_id) or {}
    if hierarchy.is_superduper_admin(caller):
        return ["aging", "available", "in_service", "port_in", "reserved"]
    return ["in_service", "reserved"] if is_true(caller.get("pvt_wnm_allow_additions")) else []


def _show_classes(context: Context, typed: str | None = None) -> None:
    """All classes of numbers, or that of one number."""
    classes = classifiers(context.services.config)
    if typed is None:
        context.respond(classes)
        return
    number = normalise(typed, converters(context.services.config))
    name = classify(number, classes)
    described = {**classes[name], "name": name} if name else {}
    context.respond({**described, "number": typed, "e164": number})


def _show(context: Context, typed: str) -> None:
    document = _find(context, typed)
    if document is None or not ownership.may_use(context.services.cache, context.auth.account_id, document):
        raise _not_found()
    context.respond(_shown(context, document))


def _find(context: Context, typed: str) -> Document | None:
    number = normalise(typed, converters(context.services.config))
    numbers = context.services.numbers
    document = numbers.find(number) if context.verb == "GET" else numbers.find_to_write(number)
    return legacy.upgraded(document) if document else None


def _changeable(context: Context, typed: str) -> Document:
    """A number that the caller may change. Stops with 400, 403 and 404 as Kazoo does."""
    if not known_numbers([typed], context.services.config):
        raise plain_error(400, "client error", "not_reconcilable")
    document = _find(context, typed)
    if document is None or ownership.state(document) == ownership.DELETED:
        raise _not_found()
    is_mobile = carriers.carrier_of(document) == carriers.MDN_CARRIER
    if is_mobile or not ownership.may_change(context.services.cache, context.auth.account_id, document):
        raise _unauthorized()
    return document


def _validate_save(context: Context, typed: str) -> None:
    """The data is checked before the number; a PATCH's alone, without what is stored."""
    data = _own_members(request_data.validated(context, SCHEMA, request_data.public_data(context)))
    document = context.stored = _changeable(context, typed)
    before = _own_members(fields.public(document))
    public = merge(data, before if context.verb == "PATCH" else {})
    if features.refused(public, document, _policy(context, document.get("pvt_assigned_to"))):
        raise _unauthorized()
    _check_providers(context, public)
    context.doc = _with(document, public)


def _own_members(public: Document) -> Document:
    """The public members without those that answers derive from private ones, and with `e911` in its place."""
    return legacy.with_e911({name: value for name, value in public.items() if name not in _DERIVED})


def _check_providers(context: Context, public: Document) -> None:
    """Stop with 501 if a provider would have to be told, because only Kazoo can tell providers.

    An emergency address that nobody has provisioned can cost a life, so it is never stored.
    """
    document, owner_id = context.stored, context.stored.get("pvt_assigned_to")
    if not _is_provisioned(public.get(E911), document):
        raise system_error(501, _E911_REFUSED)
    if public.get(CARRIER_NAME) is not None:
        raise _left_to_kazoo("changing the carrier of a number")
    before, after = features.held(document), features.saved(public, document)
    if all(before.get(name) == after.get(name) for name in (INBOUND_CNAM, OUTBOUND_CNAM)):
        return
    services = context.services
    provider = features.reseller_setting(services.cache, owner_id, "cnam_provider")
    if provider not in (None, "knm_cnam_notifier"):
        raise _left_to_kazoo("changing the caller id name (cnam) at its provider")


def _is_provisioned(address: object, document: Document) -> bool:
    """Whether a number has this emergency address already, as a public member or as the provider answered it.

    Without one it may have none.
    """
    held = features.held(document).get(E911)
    known = [document.get(E911), held] if held else [document.get(E911) or None]
    return _comparable(address) in [_comparable(one) for one in known]


def _comparable(address: object) -> object:
    """An emergency address without the schema's default, which addresses of former versions lack."""
    if not isinstance(address, dict):
        return address or None
    return {name: value for name, value in address.items() if (name, value) != _E911_DEFAULT} or None


def _with(document: Document, public: Document) -> Document:
    """The number with these public members and the features that follow from them."""
    changed = {**public, **fields.private(document), "pvt_features": features.saved(public, document)}
    if not changed["pvt_features"]:
        del changed["pvt_features"]
    return changed


def _new_display_name(before: Document, after: Document) -> str | None:
    """The name that callers are to see from now on; None if it does not change or there is none."""
    old, new = (features.held(document).get(OUTBOUND_CNAM) for document in (before, after))
    return new["display_name"] if new and new != old else None


def _save(context: Context) -> None:
    services, before, document = context.services, context.stored, context.doc
    if document != before:
        document = services.numbers.save(document | {"pvt_modified": gregorian_now()})
        display_name = _new_display_name(before, document)
        if display_name:
            number = pretty(document["_id"], classifiers(services.config))
            services.notices.cnam_requested(document, number, display_name, context.auth.account_id)
    else:
        # A save that failed before the copy was written can be sent again.
        services.numbers.copy_to_accounts(document)
    context.respond(_shown(context, document))


def _validate_delete(context: Context, typed: str) -> None:
    document = context.stored = _changeable(context, typed)
    if not ownership.holds(context.services.cache, context.auth.account_id, document):
        raise _unauthorized()
    if carriers.carrier_of(document) != carriers.LOCAL_CARRIER:
        raise _kept(document, "is a carrier's: only Kazoo can tell the carrier that it is released")
    if ownership.state(document) == ownership.PORT_IN:
        raise _kept(document, "is being ported: only Kazoo can stop that")
    if E911 in features.held(document):
        raise _kept(document, "has an address for emergency calls (e911): only Kazoo can tell the provider")
    if release.is_used_by_trunk(context.services.store, context.services.cache, document):
        raise _kept(document, "is used by a trunk: take it away from the PBX first")
    context.doc = release.released(document)


def _kept(document: Document, reason: str) -> Stop:
    """The 409 of a number that is not released. Monster UI shows the message of each member of the data."""
    number, message = document["_id"], f"{document['_id']} {reason}"
    return system_error(409, "number_not_released", {"message": message, number: {"message": message}})


def _release(context: Context) -> None:
    services, document = context.services, context.doc
    try:
        if ownership.state(document) == ownership.DELETED:
            services.numbers.delete(context.stored)
        else:
            document = services.numbers.save(document)
    except Conflict:
        # A second release of a number that another request has just released would take it from its next owner.
        raise conflict_error() from None
    context.respond(_shown(context, document))


def _shown(context: Context, document: Document) -> Document:
    state, used_by = ownership.state(document), document.get("pvt_used_by")
    rules = _policy(context, document.get("pvt_assigned_to"))
    read_only = {
        "created": document.get("pvt_created"),
        "modified": document.get("pvt_modified"),
        "state": state,
        "used_by": used_by,
        "features": {"available": features.available(document, rules), "settings": {}},
        "carrier_module": _carrier(document),
    }
    shown = _own_members(fields.public(document)) | {"id": document["_id"]}
    derived = {"features": sorted(features.held(document)), "used_by": used_by, "state": state}
    return shown | _without_empty(derived) | {"_read_only": _without_empty(read_only)}


def _carrier(document: Document) -> str | None:
    module = carriers.carrier_of(document)
    return module.removeprefix("knm_") if module.startswith("knm_") else None


def _without_empty(members: Document) -> Document:
    return {name: value for name, value in members.items() if value not in (None, "", [])}


def _policy(context: Context, owner_id: object) -> features.Policy:
    services = context.services
    is_admin = hierarchy.is_superduper_admin(hierarchy.account(services.cache, context.auth.account_id))
    owner = owner_id if isinstance(owner_id, str) else None
    return features.policy(services.cache, owner, is_admin)


def _not_found() -> Stop:
    data = {"message": "bad identifier", "not_found": "The number could not be found"}
    return system_error(404, "bad_identifier", data)


def _unauthorized() -> Stop:
    data = {"code": 403, "error": "forbidden", "message": "requestor is unauthorized to perform operation"}
    return system_error(403, "forbidden", data)


def _left_to_kazoo(what: str) -> Stop:
    message = f"this service does not talk to carriers and providers: {what} is left to Kazoo"
    return system_error(501, message)


_VALIDATE = {"GET": _show, "POST": _validate_save, "PATCH": _validate_save, "DELETE": _validate_delete}
