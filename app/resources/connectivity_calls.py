"""Where calls go: `…/connectivity/{ID}/calls`, which Kazoo lacks (docs/deviations.md).

Spec: docs/kazoo/routing.md.
"""

from app.crossbar import crossbar_doc
from app.crossbar.context import Context, too_long_error, validation_error
from app.documents import connectivity
from app.routing import SOMEBODY, Outcome
from app.routing.inbound import inbound
from app.routing.outbound import outbound
from app.routing.registration import register
from app.schema.errors import error
from app.trunks import knowledge

SEGMENT = "calls"
LONGEST = 255


def load_outcome(context: Context, trunk_id: str) -> None:
    """Answer with what Kazoo does. Stops with 404 without the trunk, and with 400 if nothing is asked.

    All trunks of the account count, because a call may reach another one.
    """
    crossbar_doc.load(context, trunk_id, connectivity.TYPE)
    context.respond(_outcome(context).as_json())


def _outcome(context: Context) -> Outcome:
    to, calling, registering = _text(context, "to"), _text(context, "from"), _text(context, "register")
    is_one_question = (registering is None) != (to is None) and (calling is None or to is not None)
    if not is_one_question:
        message = "Ask for one thing: `to`, `from` with `to`, or `register`"
        raise validation_error(error("to", "required", message=message))
    services = context.services
    system = knowledge.system_of(services.store, services.cache, context.account_id)
    realm = _text(context, "realm") or str(system.account.get("realm"))
    if registering is not None:
        return register(system, registering, realm)
    name, number = _text(context, "cid_name"), _text(context, "cid_number")
    caller = (calling or "") if name is None else name, SOMEBODY if number is None else number
    if calling is not None:
        return outbound(system, calling, realm, to or "", caller, services.settings.kazoo_zone)
    return inbound(system, to or "", caller, _text(context, "from_account"))


def _text(context: Context, name: str) -> str | None:
    """A parameter of the query. Stops with 400 if it is longer than any user or number."""
    value = context.req_value(name)
    if not isinstance(value, str):
        return None
    if len(value) > LONGEST:
        raise too_long_error(name, LONGEST)
    return value
