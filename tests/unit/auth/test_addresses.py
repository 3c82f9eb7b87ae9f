"""Addresses have one form wherever they are compared (docs/kazoo/auth.md, section 6)."""

from types import SimpleNamespace

import pytest

from app.crossbar.admission import client_ip

CLIENT = "192.0.2.7"


def seen(peer, proxies=("127.0.0.1",), forwarded=CLIENT):
    """The address of the client of a request from this peer."""
    settings = {("crossbar", "reverse_proxies"): list(proxies)}

    def config(*path, default=None):
        return settings.get(path, default)

    context = SimpleNamespace(
        peer=peer,
        services=SimpleNamespace(config=config),
        header=lambda name: forwarded if name == "x-forwarded-for" else None,
    )
    return client_ip(context)


@pytest.mark.parametrize(
    ("peer", "proxies"),
    [
        ("::ffff:127.0.0.1", ["127.0.0.1"]),
        ("::FFFF:7f00:1", ["127.0.0.0/8"]),
        ("127.0.0.1", ["::ffff:127.0.0.1"]),
        ("::ffff:10.0.0.9", ["10.0.0.0/24"]),
        ("0:0:0:0:0:0:0:1", ["::1"]),
    ],
)
def test_a_proxy_is_known_however_its_address_is_written(peer, proxies):
    assert seen(peer, proxies) == CLIENT


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.9", "::FFFF:0a00:0009", "10.0.0.9"])
def test_a_client_without_a_proxy_has_one_address(peer):
    assert seen(peer, forwarded=None) == "10.0.0.9"
    assert seen(peer) == "10.0.0.9"


def test_what_is_no_network_trusts_nobody():
    assert seen("10.0.0.5", ["10.0.0.5/24"]) == seen("10.0.0.5", [], forwarded=None) == "10.0.0.5"
    assert seen("10.0.0.9", ["10.0.0.5/24"]) == "10.0.0.9"


def test_what_is_no_network_does_not_hide_those_behind_it():
    assert seen("127.0.0.1", ["10.0.0.5/24", "nonsense", "127.0.0.1"]) == CLIENT
