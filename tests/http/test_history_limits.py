"""What a history shows has limits: of the differences that are computed, and of what a tenant sees of operators."""

import json

import pytest

from app.history.timeline import timeline
from app.history.versions import Version, Write
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

# So many numbers, all of them other ones, differ too much, however they are compared.
MANY = 30_000
MOST_OPERATIONS = 50_000


@pytest.fixture(scope="module")
def base(world):
    server = support.service({**world.environment, "HISTORY": "true"})
    yield server.start().url
    server.stop()


def history(api, doc_id, account_id=None):
    answer = api.call("GET", f"/{doc_id}/history", account_id=account_id)
    assert answer.status_code == 200, answer.text[:300]
    return answer.json()["data"]


def test_versions_that_differ_too_much_are_linked_and_not_compared(api):
    doc_id = api.create({"extra": [0] * MANY})
    assert api.call("PATCH", f"/{doc_id}", {"extra": [1] * MANY}).status_code == 200
    assert api.call("PATCH", f"/{doc_id}", {"name": "small"}).status_code == 200
    small, large, first = history(api, doc_id)
    assert large["patch"] is None
    told = json.dumps(large)
    assert "differ" in told
    for entry in (large, first):
        assert f"/{doc_id}/history/{entry['revision']}" in told
    assert first["patch"] is None and "differ" not in json.dumps(first)
    assert small["patch"] == [{"op": "add", "path": "/name", "value": "small"}]


def test_a_small_change_of_a_large_trunk_is_compared(api):
    doc_id = api.create({"extra": [0] * MANY})
    assert api.call("PATCH", f"/{doc_id}", {"name": "one"}).status_code == 200
    assert history(api, doc_id)[0]["patch"] == [{"op": "add", "path": "/name", "value": "one"}]


def test_all_differences_of_a_page_have_one_budget():
    def version(generation):
        document = {"_id": "d", "_rev": f"{generation}-a", "extra": [generation] * 6000}
        return Version(document, Write("POST", 1, revision=f"{generation + 1}-a"))

    newest, *others = [version(generation) for generation in range(12, 0, -1)]
    entries = list(timeline(newest.document, iter(others)))
    assert [entry["revision"] for entry in entries] == [f"{generation}-a" for generation in range(12, 0, -1)]
    assert sum(len(entry["patch"] or []) for entry in entries) <= MOST_OPERATIONS


def test_a_slow_store_hides_no_differences(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("app.history.timeline.time.thread_time", lambda: clock[0])

    def slowly():
        for generation in range(9, 0, -1):
            clock[0] += 1.0
            document = {"_id": "d", "_rev": f"{generation}-a", "name": generation}
            yield Version(document, Write("POST", 1, revision=f"{generation + 1}-a"))

    entries = list(timeline({"_id": "d", "_rev": "10-a", "name": 10}, slowly()))
    assert [len(entry["patch"] or []) for entry in entries] == [1] * 9 + [0]


def test_versions_that_are_too_deep_are_linked():
    def nested(levels):
        value = 1
        for _ in range(levels):
            value = {"x": value}
        return value

    newest = {"_id": "d", "_rev": "2-a", "x": nested(900)}
    before = Version({"_id": "d", "_rev": "1-a", "x": {"x": 2}}, Write("POST", 1, revision="2-a"))
    deep = Version({"_id": "d", "_rev": "1-a", "x": nested(899)}, Write("POST", 1, revision="2-a"))
    for version in (before, deep):
        entries = list(timeline(newest, iter([version])))
        assert len(entries) == 2 and ("not_compared" in entries[0]) is (entries[0]["patch"] is None)


@pytest.fixture
def family(world, base):
    """Callers of four accounts, each above the next one."""
    people = [make_person(world, "operator")]
    for name in ("reseller", "tenant", "below"):
        people.append(make_person(world, name, people[-1]))
    return [support.Api(base, person) for person in people]


ADDRESS = "203.0.113.9"


def written_by(writer, tenant):
    """A trunk of the tenant that this caller has made, changed and put back."""
    account_id = tenant.person.account_id
    headers = {"X-Forwarded-For": ADDRESS}
    created = writer.call("PUT", data={"name": "one"}, account_id=account_id, headers=headers)
    doc_id, revision = created.json()["data"]["id"], created.json()["revision"]
    for answer in (
        writer.call("PATCH", f"/{doc_id}", {"name": "two"}, account_id=account_id, headers=headers),
        writer.call("POST", f"/{doc_id}/history/{revision}", account_id=account_id, headers=headers),
        writer.call("DELETE", f"/{doc_id}", account_id=account_id, headers=headers),
    ):
        assert answer.status_code == 200, answer.text
    return doc_id


def secrets_of(writer):
    return {writer.person.account_id, writer.person.user["_id"], ADDRESS}


def seen_by(reader, tenant, doc_id):
    return history(reader, doc_id, tenant.person.account_id)


@pytest.mark.parametrize(("writer", "readers"), [(0, (1, 2)), (1, (2,))])
def test_who_may_not_read_the_acting_account_sees_an_operator(family, writer, readers):
    tenant, acting = family[2], family[writer]
    doc_id = written_by(acting, tenant)
    for reader in readers:
        entries = seen_by(family[reader], tenant, doc_id)
        assert len(entries) == 4
        for entry in entries:
            assert "an operator" in json.dumps(entry["who"]), entry
            assert not any(secret in json.dumps(entry) for secret in secrets_of(acting)), entry


@pytest.mark.parametrize(("writer", "readers"), [(0, (0,)), (1, (0, 1)), (2, (0, 1, 2))])
def test_who_may_read_the_acting_account_sees_all(world, base, family, writer, readers):
    tenant, acting = family[2], family[writer]
    doc_id = written_by(acting, tenant)
    for reader in [*(family[reader] for reader in readers), support.Api(base, world.master)]:
        newest = seen_by(reader, tenant, doc_id)[0]["who"]
        assert newest == {
            "account_id": acting.person.account_id,
            "user_id": acting.person.user["_id"],
            "ip": ADDRESS,
            "name": acting.person.user["username"],
        }
