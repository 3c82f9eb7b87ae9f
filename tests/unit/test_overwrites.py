"""Which numbers a write takes away right after another one has added them."""

import pytest

from app.auth import buckets
from app.history.versions import Version, Write
from app.trunks.overwrites import MOST_NOTED, Additions, overwrites, put_back

DB = "account/aa/bb/c"
TRUNK = {"_id": "t"}


def document(revision, *numbers, name="pbx", **members):
    server = {"server_name": name, "auth": {"auth_user": "u"}, "DIDs": {number: {} for number in numbers}}
    return {"_id": "t", "_rev": f"{revision}-a", "servers": [server], **members}


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(buckets.time, "monotonic", lambda: now[0])
    return now


def test_only_what_another_write_has_just_added(clock):
    additions = Additions()
    assert additions.overwritten(DB, TRUNK, ["a"], ["a", "b", "c"]) == []
    assert additions.overwritten(DB, {"_id": "other"}, ["b"], []) == []
    clock[0] += 9.9
    assert additions.overwritten(DB, TRUNK, ["a", "b", "c"], ["b"]) == ["c"]
    clock[0] += 0.2
    assert additions.overwritten(DB, TRUNK, ["b"], []) == []


def test_the_cost_of_a_write_is_bounded(clock):
    additions = Additions()
    many = [f"+1415555{number:04}" for number in range(MOST_NOTED * 3)]
    assert additions.overwritten(DB, TRUNK, [], many) == []
    assert len(additions.overwritten(DB, TRUNK, many, [])) == MOST_NOTED


def history(*steps):
    """The current document, and the versions before it, newest first. A step is a document and the write after it."""
    *older, (current, _) = steps
    return current, [Version(version, write) for version, write in reversed(older)]


def write(when, verb="POST", **members):
    return Write(verb, when, **members)


def test_a_number_that_the_next_post_takes_away():
    current, versions = history(
        (document(1, "x"), write(100)),
        (document(2, "x", "a"), write(105)),
        (document(3, "x", "b"), write(200)),
        (document(4, "b"), None),
    )
    (found,) = overwrites(current, versions)
    assert (found.did, found.added.when, found.removed.when) == ("a", 100, 105)
    assert put_back(current, found)["servers"][0]["DIDs"] == {"b": {}, "a": {}}
    assert put_back({**current, "pvt_deleted": True}, found) is None
    assert put_back(document(5, name="another"), found) is None
    assert current == document(4, "b")


@pytest.mark.parametrize(
    "removal", [write(111), write(105, "PATCH"), write(105, "FIX"), write(105, restored="1-a"), write(None)]
)
def test_what_is_no_overwrite(removal):
    steps = [(document(1), write(100)), (document(2, "a"), removal), (document(3), None)]
    assert list(overwrites(*history(*steps))) == []


def test_a_number_that_was_deleted_later_on_purpose_stays_deleted():
    steps = [
        (document(1), write(100)),
        (document(2, "a"), write(103)),
        (document(3), write(200)),
        (document(4, "a"), write(5000)),
        (document(5), None),
    ]
    assert list(overwrites(*history(*steps))) == []


def test_only_the_last_of_two_overwrites_counts():
    steps = [
        (document(1), write(100)),
        (document(2, "a", name="old"), write(103)),
        (document(3), write(200)),
        (document(4, "a", name="new"), write(203)),
        (document(5), None),
    ]
    (found,) = overwrites(*history(*steps))
    assert found.found_in["servers"][0]["server_name"] == "new"
    there = document(6, "a", name="other")
    assert put_back(there, found) is there


def test_what_is_back_is_not_told():
    steps = [
        (document(1), write(100)),
        (document(2, "a"), write(105)),
        (document(3), write(300)),
        (document(4, "a"), None),
    ]
    assert list(overwrites(*history(*steps))) == []
