"""The account's numbers, for UIs: `/accounts/{ACCOUNT_ID}/phone_numbers[/{NUMBER}]`, read-only."""

from app.auth import hierarchy
from app.context import Context, system_error
from app.documents import Document, fields
from app.documents.names import number_db
from app.numbers import features, ownership
from app.numbers.normalise import converters, normalise
from app.resources import crossbar_doc
from app.resources.base import ReadOnly

LISTING = "phone_numbers/crossbar_listing"
_RENAMED_FILTERS = {
    "filter_state": "filter_pvt_state",
    "filter_assigned_to": "filter_pvt_assigned_to",
    "filter_locality": "filter_pvt_locality",
}


class PhoneNumbers(ReadOnly):
    """The list comes from the account's database, a single number from its number database, as in Kazoo."""

    METHODS = {0: ("GET",), 1: ("PUT", "POST", "PATCH", "DELETE", "GET")}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with a page of numbers, or with one number."""
        if params:
            _show(context, params[0])
        else:
            _list(context)


def _list(context: Context) -> None:
    context.query = [(_RENAMED_FILTERS.get(name, name), value) for name, value in context.query]
    rows = crossbar_doc.load_rows(context, LISTING, include_docs=True)
    is_admin = _is_admin(context)
    numbers = {row.key: _listed(context, row.value, row.document, is_admin) for row in rows}
    context.respond({"numbers": numbers, "cascade_quantity": 0})
    if numbers:
        crossbar_doc.tag_answer(context)


def _listed(context: Context, value: Document, document: Document, is_admin: bool) -> Document:
    listed = fields.public(value)
    listed["features_available"] = features.available(document, context.services.config, is_admin)
    return listed


def _show(context: Context, typed: str) -> None:
    number = normalise(typed, converters(context.services.config))
    document = context.services.store.find_doc(number_db(number), number)
    if document is None or not ownership.may_use(context.services.recent, context.auth.account_id, document):
        raise system_error(
            404, "bad_identifier", {"message": "bad identifier", "not_found": "The number could not be found"}
        )
    context.respond(_shown(context, document))


def _shown(context: Context, document: Document) -> Document:
    state, used_by = ownership.state(document), document.get("pvt_used_by")
    offered = features.available(document, context.services.config, _is_admin(context))
    data = fields.answer_data(document)
    read_only = {
        "created": document.get("pvt_created"),
        "modified": document.get("pvt_modified"),
        "state": state,
        "used_by": used_by,
        "features": {"available": offered, "settings": {}},
        "carrier_module": _carrier(document),
    }
    shown = {**data, "features": list(document.get("pvt_features") or {}), "used_by": used_by, "state": state}
    shown["_read_only"] = _without_empty(read_only)
    return _without_empty(shown)


def _carrier(document: Document) -> str | None:
    module = document.get("pvt_module_name")
    return module.removeprefix("knm_") if isinstance(module, str) and module.startswith("knm_") else None


def _without_empty(members: Document) -> Document:
    return {name: value for name, value in members.items() if value not in (None, "", [])}


def _is_admin(context: Context) -> bool:
    return hierarchy.is_superduper_admin(hierarchy.account(context.services.recent, context.auth.account_id))
