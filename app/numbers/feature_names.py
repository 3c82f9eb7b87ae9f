"""The names of features in Kazoo 4 and Kazoo 3 (docs/kazoo/documents.md, section 7.4)."""

CNAM, INBOUND_CNAM, OUTBOUND_CNAM, E911 = "cnam", "inbound_cnam", "outbound_cnam", "e911"
FAILOVER, FORCE_OUTBOUND, PREPEND, RINGBACK = "failover", "force_outbound", "prepend", "ringback"
LOCAL, PORT, CARRIER_NAME = "local", "port", "carrier_name"
MESSAGING = ("sms", "mms")
# Where Kazoo 3 and the old kazoo-ui put the emergency address. The first that is not empty counts.
OLD_E911 = ("vitelity_e911", "dash_e911")

_PREFIXES = ("wnm_", "knm_")
_CURRENT_NAMES = {
    "cnam_notifier": CNAM,
    "telnyx_cnam": CNAM,
    "vitelity_cnam": CNAM,
    "dash_e911": E911,
    "telnyx_e911": E911,
    "vitelity_e911": E911,
    "port_notifier": PORT,
}


def current_name(name: str) -> str:
    """A feature's name in Kazoo 4."""
    while name.startswith(_PREFIXES):
        name = name[4:]
    return _CURRENT_NAMES.get(name, name)
