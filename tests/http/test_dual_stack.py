"""A service that listens on both kinds of addresses (`HOST=::`) behind a proxy on this machine."""

import socket

import pytest
import requests

from tests import support

pytestmark = pytest.mark.slow


def test_a_proxy_on_127_0_0_1_is_trusted_and_each_client_has_its_own_bucket(tmp_path):
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True).close()
    except (OSError, ValueError) as error:
        pytest.skip(f"no IPv6 here: {error}")
    world = support.embedded_world(tmp_path).populate()
    person = world.person("Proxied", "proxied.example.com", world.master)
    server = support.service({**world.environment, "HOST": "::", "HISTORY": "true"}).start()
    try:
        api = support.Api(server.url, person)
        doc_id = api.create({"name": "one"})
        changed = api.call("PATCH", f"/{doc_id}", {"name": "two"}, headers={"X-Forwarded-For": "192.0.2.7"})
        assert changed.status_code == 200
        newest = api.call("GET", f"/{doc_id}/history").json()["data"][0]
        assert newest["who"]["ip"] == "192.0.2.7"
    finally:
        server.stop()
    world.configure("crossbar", token_costs=50)
    world.configure("token_buckets", tokens_fill_rate=1, tokens_fill_time="day")
    server = support.service({**world.environment, "HOST": "::"}).start()
    try:

        def status(address):
            headers = {"X-Auth-Token": api.token, "X-Forwarded-For": address}
            url = f"{server.url}/v2/accounts/{person.account_id}/connectivity"
            return requests.get(url, headers=headers, timeout=120).status_code

        assert [status("192.0.2.8") for _ in range(3)] == [200, 200, 429]
        assert status("192.0.2.9") == 200
    finally:
        server.stop()
