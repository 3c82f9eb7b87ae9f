"""The account's numbers: `/accounts/{ACCOUNT_ID}/phone_numbers[/{NUMBER}]`, crossbar's cb_phone_numbers.

Spec: docs/kazoo/documents.md, sections 7.3 to 7.7.
"""

from app.auth import hierarchy
from app.auth.trial import is_enabled
from app.crossbar import crossbar_doc, request_data
from app.crossbar.context import Context, Stop, conflict_error, left_to_kazoo, plain_error, system_error
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
CARRIERS_INFO, CLASSIFIERS, FIX, IDENTIFY = "carriers_info", "classifiers", "fix", "identify"
_RENAMED_FILTERS = {
    "filter_state": "filter_pvt_state",
    "filter_assigned_to": "filter_pvt_assigned_to",
    "filter_locality": "filter_pvt_locality",
}
_E911_REFUSED = (
    "the address for emergency calls (e911) was not saved, because this service cannot provision it: "
    "set it in Kazoo or at the provider"
)
_FIX_ALL_REFUSED = (
    "putting all numbers right at once is left to Kazoo, and to the command reconcile-numbers. A single number can "
    "be put right here"
)
_E911_DEFAULT: tuple[str, object] = ("notification_contact_emails", [])
# Members of answers that are derived from private ones. They are not stored if clients send them back.
_DERIVED = ("id", "used_by", "features", "state")
_NUMBER = ("PUT", "POST", "PATCH", "DELETE", "GET")
_ACTIONS = {
    (CARRIERS_INFO,): ("GET",),
    (CLASSIFIERS,): ("GET",),
    ("prefix",): ("GET",),
    (FIX,): ("POST",),
    ("locality",): ("POST",),
    ("check",): ("POST",),
    ("collection",): ("PUT", "POST", "PATCH", "DELETE"),
}
# In API version 1 these names are numbers, like any other text.
_ONLY_IN_V2 = ((CARRIERS_INFO,), (FIX,))
_METHODS_BELOW = {"activate": ("PUT",), "reserve": ("PUT",), "port": ("PUT",), IDENTIFY: ("GET",)}


class PhoneNumbers(Resource):
    """As in Kazoo, the list comes from the account's database, and a single number from its number database.

    Only Kazoo can buy or port numbers and talk to carriers. Here these requests are a 409.
    """

    NEEDS_ACCOUNT = True

    def resource_exists(self, context: Context, *params: str) -> bool:
        """The list, single numbers, and Kazoo's actions on them."""
        if len(params) == 2:
            if context.version == "v1" and params[0] in (CLASSIFIERS, FIX):
                return False
            return params[0] in (CLASSIFIERS, FIX) or params[1] in _METHODS_BELOW
        return len(params) < 2

    def allowed_methods(self, context: Context, *params: str) -> tuple[str, ...]:
        """Kazoo's verbs."""
        if not params:
            return ("GET",)
        if len(params) == 1:
            methods = _ACTIONS[params] if _is_action(context, params) else _NUMBER
            return tuple(verb for verb in methods if verb != "PATCH") if context.version == "v1" else methods
        return {CLASSIFIERS: ("GET",), FIX: ("POST",)}.get(params[0]) or _METHODS_BELOW[params[1]]

    def validate(self, context: Context, *params: str) -> None:
        """Answer a GET. For a POST, PATCH or DELETE of a number, fill in `stored` and `doc`."""
        if not params:
            _show_list(context)
        elif params[0] == CLASSIFIERS:
            _show_classes(context, *params[1:])
        elif params == (CARRIERS_INFO,) and _is_action(context, params):
            _show_carriers(context)
        elif params[1:] == (IDENTIFY,):
            _show_owner(context, params[0])
        elif len(params) == 2 and params[0] == FIX:
            # As in Kazoo, nothing is checked: a number that cannot be put right stays as it is.
            context.respond({})
        elif params == (FIX,) and _is_action(context, params):
            raise left_to_kazoo(FIX, _FIX_ALL_REFUSED)
        elif len(params) > 1 or _is_action(context, params) or context.verb == "PUT":
            raise _left_to_kazoo(params[0], "buying, porting and searching for numbers")
        else:
            _VALIDATE[context.verb](context, params[0])

    def execute(self, context: Context, *params: str) -> None:
        """Save or release the number in both databases, or put its copy right, and notify the other nodes."""
        if params[0] == FIX and len(params) == 2:
            _fix_copy(context, params[1])
        elif context.verb == "DELETE":
            _release(context)
        else:
            _save(context)


def _is_action(context: Context, params: tuple[str, ...]) -> bool:
    """Whether the path names something other than a number."""
    return params in _ACTIONS and not (context.version == "v1" and params in _ONLY_IN_V2)


def _show_list(context: Context) -> None:
    if context.query_value("prefix"):
        # This is a search for numbers to buy, and there are none.
        context.respond([])
        return
    context.query = [(_RENAMED_FILTERS.get(name, name), value) for name, value in context.query]
    rows = crossbar_doc.load_rows(context, NUMBERS_VIEW)
    rules = _policy(context, context.account_id)
    # API version 1 shows the rows unchanged.
    numbers = {row.key: row.value if context.version == "v1" else _row_data(row.value, rules) for row in rows}
    context.respond({"numbers": numbers, "cascade_quantity": 0})
    if numbers:
        crossbar_doc.tag_answer(context)


def _row_data(value: Document, rules: features.Policy) -> Document:
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


def _show_classes(context: Context, raw_number: str | None = None) -> None:
    """Answer with all classes of numbers, or with the class of one number."""
    classes = classifiers(context.services.config)
    if raw_number is None:
        context.respond(classes)
        return
    number = normalise(raw_number, converters(context.services.config))
    name = classify(number, classes)
    description = {**classes[name], "name": name} if name else {}
    context.respond({**description, "number": raw_number, "e164": number})


def _show(context: Context, raw_number: str) -> None:
    if context.version == "v1" and not known_numbers([raw_number], context.services.config):
        raise _not_reconcilable()
    document = _find(context, raw_number)
    if document is None or not ownership.may_use(context.services.cache, context.auth.account_id, document):
        raise _not_found()
    context.respond(_number_data(context, document))


def _show_owner(context: Context, raw_number: str) -> None:
    """Answer with the account that has a number, if the caller may use it. Stops with 400 if no calls ring there."""
    cache = context.services.cache
    document = _find(context, raw_number)
    owner_id = document.get("pvt_assigned_to") if document else None
    if not (document and owner_id and ownership.may_use(cache, context.auth.account_id, document)):
        raise _not_found()
    cause = None
    if ownership.state(document) not in ownership.CALLABLE:
        cause = "not_in_service"
    elif not is_enabled(hierarchy.account(cache, owner_id)):
        cause = "account_disabled"
    if cause:
        raise plain_error(400, "client error", {"account_id": owner_id, "cause": cause})
    context.respond({"account_id": owner_id, "number": document["_id"]})


def _find(context: Context, raw_number: str) -> Document | None:
    number = normalise(raw_number, converters(context.services.config))
    numbers = context.services.numbers
    document = numbers.find(number) if context.verb == "GET" else numbers.find_to_write(number)
    return legacy.upgraded(document) if document else None


def _find_to_change(context: Context, raw_number: str) -> Document:
    """A number that the caller may change. Stops with 400, 403 and 404 as Kazoo does."""
    if not known_numbers([raw_number], context.services.config):
        raise _not_reconcilable()
    document = _find(context, raw_number)
    if document is None or ownership.state(document) == ownership.DELETED:
        raise _not_found()
    is_mobile = carriers.carrier_of(document) == carriers.MDN_CARRIER
    if is_mobile or not ownership.may_change(context.services.cache, context.auth.account_id, document):
        raise _unauthorized()
    return document


def _validate_save(context: Context, raw_number: str) -> None:
    """Check the data before the number. For a PATCH, check the data without merging it into the number.

    A null removes a member, and is not checked.
    """
    public_data = request_data.public_data(context)
    removed = {name: None for name, value in public_data.items() if value is None}
    kept = {name: value for name, value in public_data.items() if value is not None}
    data = _settable_members(request_data.validated(context, SCHEMA, kept) | removed)
    document = context.stored = _find_to_change(context, raw_number)
    before = _settable_members(fields.public(document))
    public = merge(data, before if context.verb == "PATCH" else {})
    if features.refused(public, document, _policy(context, document.get("pvt_assigned_to"))):
        raise _unauthorized()
    _check_providers(context, public)
    context.doc = _updated(document, public)


def _settable_members(public: Document) -> Document:
    """The public members without derived ones, and with `e911` in the current form."""
    return legacy.with_e911({name: value for name, value in public.items() if name not in _DERIVED})


def _check_providers(context: Context, public: Document) -> None:
    """Stop with 409 if a provider must be notified, because only Kazoo can do that.

    An emergency address that is not provisioned can cost a life, so it is never stored.
    """
    document, owner_id = context.stored, context.stored.get("pvt_assigned_to")
    if not _is_provisioned(public.get(E911), document):
        raise left_to_kazoo(E911, _E911_REFUSED)
    if public.get(CARRIER_NAME) is not None:
        raise _left_to_kazoo(CARRIER_NAME, "changing the carrier of a number")
    before, after = features.held(document), features.saved(public, document)
    if all(before.get(name) == after.get(name) for name in (INBOUND_CNAM, OUTBOUND_CNAM)):
        return
    services = context.services
    provider = features.reseller_setting(services.cache, owner_id, "cnam_provider")
    if provider not in (None, "knm_cnam_notifier"):
        raise _left_to_kazoo("cnam", "changing the caller id name (cnam) at its provider")


def _is_provisioned(address: object, document: Document) -> bool:
    """Whether a number already has this emergency address, as a public member or as its provider returned it.

    No address counts as provisioned if the number has none.
    """
    held = features.held(document).get(E911)
    addresses = [document.get(E911), held] if held else [document.get(E911) or None]
    return _comparable(address) in [_comparable(stored) for stored in addresses]


def _comparable(address: object) -> object:
    """An emergency address without the schema's default, which addresses from older versions lack."""
    if not isinstance(address, dict):
        return address or None
    return {name: value for name, value in address.items() if (name, value) != _E911_DEFAULT} or None


def _updated(document: Document, public: Document) -> Document:
    """The number with these public members, and the features that they request."""
    changed = {**public, **fields.private(document), "pvt_features": features.saved(public, document)}
    if not changed["pvt_features"]:
        del changed["pvt_features"]
    return changed


def _new_display_name(before: Document, after: Document) -> str | None:
    """The new outbound caller id name, or None if it does not change or there is none."""
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
        # A client may repeat a save that failed before the copy was written.
        services.numbers.copy_to_accounts(document)
    context.respond(_number_data(context, document))


def _validate_delete(context: Context, raw_number: str) -> None:
    document = context.stored = _find_to_change(context, raw_number)
    if not ownership.holds(context.services.cache, context.auth.account_id, document):
        raise _unauthorized()
    if carriers.carrier_of(document) != carriers.LOCAL_CARRIER:
        raise _not_released(document, "is a carrier's: only Kazoo can tell the carrier that it is released")
    if ownership.state(document) == ownership.PORT_IN:
        raise _not_released(document, "is being ported: only Kazoo can stop that")
    if E911 in features.held(document):
        raise _not_released(document, "has an address for emergency calls (e911): only Kazoo can tell the provider")
    if release.is_used_by_trunk(context.services.store, context.services.cache, document):
        raise _not_released(document, "is used by a trunk: take it away from the PBX first")
    context.doc = release.released(document)


def _not_released(document: Document, reason: str) -> Stop:
    """The 409 for a number that is not released. Monster UI shows the message of each member of the data."""
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
        # Another request may have just released the number. A second release would take it from its next owner.
        raise conflict_error() from None
    context.respond(_number_data(context, document))


def _fix_copy(context: Context, raw_number: str) -> None:
    """Write the number's copy in the account's database again, or delete it if the account has no such number."""
    config = context.services.config
    for number in known_numbers([raw_number], config).values():
        context.services.numbers.copy_to(context.account_id, number)


def _number_data(context: Context, document: Document) -> Document:
    state, used_by = ownership.state(document), document.get("pvt_used_by")
    rules = _policy(context, document.get("pvt_assigned_to"))
    read_only = {
        "created": document.get("pvt_created"),
        "modified": document.get("pvt_modified"),
        "state": state,
        "used_by": used_by,
        "features": {"available": features.available(document, rules), "settings": {}},
        "carrier_module": _carrier_name(document),
    }
    members = _settable_members(fields.public(document)) | {"id": document["_id"]}
    derived = {"features": sorted(features.held(document)), "used_by": used_by, "state": state}
    return members | _without_empty(derived) | {"_read_only": _without_empty(read_only)}


def _carrier_name(document: Document) -> str | None:
    module = carriers.carrier_of(document)
    return module.removeprefix("knm_") if module.startswith("knm_") else None


def _without_empty(members: Document) -> Document:
    return {name: value for name, value in members.items() if value not in (None, "", [])}


def _policy(context: Context, owner_id: object) -> features.Policy:
    services = context.services
    is_admin = hierarchy.is_superduper_admin(hierarchy.account(services.cache, context.auth.account_id))
    owner = owner_id if isinstance(owner_id, str) else None
    return features.policy(services.cache, owner, is_admin)


def _not_reconcilable() -> Stop:
    return plain_error(400, "client error", "not_reconcilable")


def _not_found() -> Stop:
    data = {"message": "bad identifier", "not_found": "The number could not be found"}
    return system_error(404, "bad_identifier", data)


def _unauthorized() -> Stop:
    data = {"code": 403, "error": "forbidden", "message": "requestor is unauthorized to perform operation"}
    return system_error(403, "forbidden", data)


def _left_to_kazoo(subject: str, action: str) -> Stop:
    message = f"this service does not talk to carriers and providers: {action} is left to Kazoo"
    return left_to_kazoo(subject, message)


_VALIDATE = {"GET": _show, "POST": _validate_save, "PATCH": _validate_save, "DELETE": _validate_delete}
