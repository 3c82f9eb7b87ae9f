"""Which features a number may still be given, as number lists show them to UIs."""

from app.documents import Document
from app.store.recent import Config

_KAZOO = ("failover", "force_outbound", "prepend", "ringback")
_EXTERNAL = ("cnam", "inbound_cnam", "outbound_cnam", "e911", "port", "sms", "mms")
_ADMIN_ONLY = ("carrier_name",)
_LOCAL_CARRIERS = ("knm_local", "knm_inum", "knm_reserved")
_TRUNKSTORE = "trunkstore"


def available(number: Document, config: Config, is_admin: bool) -> list[str]:
    """The features of a number document that are allowed and not denied, sorted.

    Messaging is never among them: whether a carrier can is Kazoo's to say.
    """
    allowed = number.get("pvt_features_allowed") or config(
        "number_manager", "features", "allow", default=[*_KAZOO, *_EXTERNAL, *_ADMIN_ONLY]
    )
    denied = {"sms", "mms", *_denied(number, config)}
    if not is_admin:
        denied.update(_ADMIN_ONLY)
    return sorted(set(allowed) - denied)


def _denied(number: Document, config: Config) -> list[str]:
    own: list[str] | None = number.get("pvt_features_denied")
    if own:
        return own
    denied: list[str] = []
    is_local = number.get("pvt_module_name") in _LOCAL_CARRIERS
    if not number.get("pvt_assigned_to") or (
        is_local and config("number_manager", "local_feature_override") is not True
    ):
        denied += _EXTERNAL
    if number.get("pvt_used_by") != _TRUNKSTORE:
        denied.append("failover")
    return denied
