"""Trunk limits as UIs read them: `/accounts/{ACCOUNT_ID}/limits`, read-only."""

from app.crossbar import crossbar_doc
from app.crossbar.context import Context
from app.crossbar.resource import ReadOnly
from app.documents import fields

DOCUMENT = TYPE = "limits"
_DEFAULTS = {
    "allow_postpay": False,
    "allow_prepay": True,
    "authz_resource_types": [],
    "burst_trunks": 0,
    "enabled": True,
    "inbound_trunks": 0,
    "max_postpay_ammount": 0,
    "outbound_trunks": 0,
    "reserve_ammount": 0,
    "soft_limit_inbound": False,
    "soft_limit_outbound": False,
    "twoway_trunks": 0,
}


class Limits(ReadOnly):
    """The account's limits document, or Kazoo's defaults if there is none."""

    METHODS = {0: ("GET", "POST")}
    NEEDS_ACCOUNT = True

    def validate(self, context: Context, *params: str) -> None:
        """Answer with the limits."""
        document = crossbar_doc.find(context, DOCUMENT)
        if document is None:
            context.respond({**_DEFAULTS, "id": DOCUMENT})
            return
        crossbar_doc.require_type(document, DOCUMENT, TYPE)
        data = fields.answer_data(document)
        if context.version != "v1":
            data["allow_postpay"] = document.get("pvt_allow_postpay", False)
            data["max_postpay_amount"] = document.get("pvt_max_postpay_amount", 0)
        context.respond_document(document, data)
