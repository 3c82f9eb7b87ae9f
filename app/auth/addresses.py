"""IP addresses in one form, so that they can be compared."""

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=4096)
def canonical(address: str) -> str:
    """An address in its usual form. An IPv4 address inside IPv6 (``::ffff:127.0.0.1``) is the IPv4 address.

    A text that is not an address stays as it is.
    """
    try:
        return str(_parsed(address))
    except ValueError:
        return address


@lru_cache(maxsize=4096)
def is_among(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address is one of these addresses or in one of these networks.

    Malformed entries are skipped. A network with host bits, such as ``10.0.0.5/24``, is malformed, as in Kazoo.
    """
    try:
        parsed = _parsed(address)
    except ValueError:
        return False
    return any(_contains(network, parsed) for network in networks)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    parsed = ipaddress.ip_address(address)
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _contains(network: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(canonical(network))
    except ValueError:
        return False
