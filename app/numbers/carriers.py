"""The carrier modules that numbers belong to (docs/kazoo/documents.md, section 7.5)."""

from collections.abc import Iterable

from app.documents import Document

LOCAL_CARRIER, MDN_CARRIER = "knm_local", "knm_mdn"
LOCAL_CARRIERS = (LOCAL_CARRIER, MDN_CARRIER)
_PREFIX = "knm_"

# How many digits a search at a carrier may have, if the limit is not _USUAL_LIMIT.
_LONGEST_PREFIXES = {"inum": 15, "managed": 15, "mdn": 0, "inventory": 10, "local": 10, "other": 10}
_USUAL_LIMIT = 3
_RESERVED_LIMIT = 10
NAMES = (
    "bandwidth",
    "bandwidth2",
    "didww",
    "flowroute",
    "inteliquent",
    "inum",
    "inventory",
    "it_vocal",
    "level3",
    "local",
    "managed",
    "mdn",
    "o1",
    "other",
    "peerless",
    "simwood",
    "telnyx",
    "thinq",
    "verizon",
    "vitelity",
    "voip_innovations",
    "voxbone",
    "windstream",
    "ziron",
)


def carrier_of(document: Document) -> str:
    """The carrier module of a number, such as `knm_local`. Names of Kazoo 3 are converted to current ones."""
    module = document.get("pvt_module_name")
    if not isinstance(module, str) or module == "undefined":
        return LOCAL_CARRIER
    module = _PREFIX + module.removeprefix("wnm_") if module.startswith("wnm_") else module
    return "knm_bandwidth2" if module == "knm_bandwidth" else module


def longest_prefix(modules: Iterable[str]) -> int:
    """How many digits a search for numbers may have, so that all of these modules can search.

    Kazoo always searches its own reserved numbers as well, with up to ten digits.
    """
    names = (module.removeprefix(_PREFIX) for module in modules)
    return min([_RESERVED_LIMIT, *(_LONGEST_PREFIXES.get(name, _USUAL_LIMIT) for name in names if name in NAMES)])
