"""Two people assign numbers at the same moment: the second POST lacks the first one's number."""

import contextlib

import pytest
import requests

from tests import support
from tests.conftest import make_person

pytestmark = pytest.mark.slow

# No other test has these.
FIRST, SECOND, OTHER = "+18885550110", "+18885550111", "+18885550112"


@pytest.fixture(scope="module")
def service(engine, world_on, tmp_path_factory):
    """A service that keeps versions and serves metrics: its environment, its addresses, and what it logs."""
    port = support.free_port()
    world = world_on(engine)
    environment = {**world.environment, "HISTORY": "true", "METRICS_PORT": str(port)}
    # In a forked process, metrics may have been set up for this one.
    server = support.service(environment, forked=False).start()
    with contextlib.closing(requests.Session()) as session:

        def counted():
            text = session.get(f"http://127.0.0.1:{port}/metrics", timeout=120).text
            lines = [line for line in text.splitlines() if line.startswith("connectivity_overwrites_total ")]
            return float(lines[0].split()[1]) if lines else 0

        yield environment, server, counted
    server.stop()


def server_with(*numbers):
    return {**support.server_with(*numbers), "server_name": "pbx"}


@pytest.fixture
def trunk(service, world, request):
    """A trunk, and two people who have just read it."""
    person = make_person(world, request.node.name)
    api = support.Api(service[1].url, person)
    doc_id = api.create({"name": "HQ", "servers": [server_with(OTHER)]})
    return api, doc_id


def read(api, doc_id):
    return api.call("GET", f"/{doc_id}").json()["data"]


def both_assign(api, doc_id):
    """Each sends back what both had read, with a number of their own."""
    first, second = read(api, doc_id), read(api, doc_id)
    first["servers"][0]["DIDs"][FIRST] = {"failover": {"e164": OTHER}}
    second["servers"][0]["DIDs"][SECOND] = {}
    assert api.call("POST", f"/{doc_id}", first).status_code == 200
    assert api.call("POST", f"/{doc_id}", second).status_code == 200


def history(service, api, *arguments, code):
    return support.run(service[0], "history", api.person.account_id, *arguments, code=code)


def told(service, api, *arguments, code):
    ended = support.command_ended(service[0], "history", api.person.account_id, *arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout


def test_the_lost_number_is_counted_shown_and_put_back(service, trunk):
    api, doc_id = trunk
    before = service[2]()
    both_assign(api, doc_id)
    support.wait_until(lambda: service[2]() >= before + 1, message="the count")
    assert sorted(read(api, doc_id)["servers"][0]["DIDs"]) == [SECOND, OTHER]
    (shown,) = support.json_lines(told(service, api, "--overwrites", "--json", code=1))
    assert (shown["trunk"], shown["did"], shown["outcome"]) == (doc_id, FIRST, "gone")
    assert shown["added"]["verb"] == shown["removed"]["verb"] == "POST"
    assert shown["added"]["user_id"] == api.person.user["_id"]
    lines = told(service, api, doc_id, "--overwrites", code=1).splitlines()
    assert lines[0] == f"{FIRST} of {doc_id}: gone" and "taken away" in lines[2]
    assert "put back" in told(service, api, "--overwrites", "--apply", code=0)
    numbers = read(api, doc_id)["servers"][0]["DIDs"]
    assert sorted(numbers) == [FIRST, SECOND, OTHER] and numbers[FIRST]["failover"] == {"e164": OTHER}
    assert told(service, api, "--overwrites", code=0) == ""


def test_a_number_that_was_there_longer_may_go(service, trunk):
    api, doc_id = trunk
    document = read(api, doc_id)
    document["servers"][0]["DIDs"] = {SECOND: {}}
    assert api.call("POST", f"/{doc_id}", document).status_code == 200
    # What is taken away by name is meant so.
    assert api.call("PATCH", f"/{doc_id}", {"servers": []}).status_code == 200
    assert told(service, api, "--overwrites", code=0) == ""


def test_a_server_that_is_gone_gets_nothing_back(service, trunk):
    api, doc_id = trunk
    both_assign(api, doc_id)
    other = {**server_with(OTHER), "server_name": "another"}
    assert api.call("PATCH", f"/{doc_id}", {"servers": [other]}).status_code == 200
    assert "no such server" in told(service, api, "--overwrites", "--apply", code=1)
    assert list(read(api, doc_id)["servers"][0]["DIDs"]) == [OTHER]


def test_a_number_that_another_trunk_has_stays_there(service, trunk):
    api, doc_id = trunk
    both_assign(api, doc_id)
    api.create({"name": "other", "servers": [server_with(FIRST)]})
    assert "a trunk of the account has it" in told(service, api, "--overwrites", "--apply", code=1)
    assert FIRST not in read(api, doc_id)["servers"][0]["DIDs"]


def test_what_the_command_cannot_do(service, trunk, world):
    api, doc_id = trunk
    assert "no trunk" in history(service, api, "nothing", "--overwrites", code=2)
    assert "--overwrites" in history(service, api, code=2)
    assert "--apply needs" in history(service, api, doc_id, "--apply", code=2)
    without = support.command_ended(world.environment, "history", api.person.account_id, "--overwrites")
    assert without.returncode == 2 and "HISTORY" in without.stderr


def test_a_number_is_in_the_log_without_secrets(tmp_path):
    world = support.embedded_world(tmp_path).populate()
    log = tmp_path / "log"
    server = support.service({**world.environment, "LOG_LEVEL": "WARNING", "TEST_LOG": str(log)}).start()
    try:
        api = support.Api(server.url, world.person("P", "p.example.com", world.master))
        doc_id = api.create({"servers": [server_with()]})
        both_assign(api, doc_id)
    finally:
        server.stop()
    lines = [line for line in log.read_text().splitlines() if "took away" in line]
    assert len(lines) == 1 and FIRST in lines[0] and doc_id in lines[0]
