"""The versions of trunks: how they are stored and found, and the history that is made of them."""

import calendar
import re
import threading

import pytest

from app.documents.clock import GREGORIAN_EPOCH
from app.history.timeline import is_at_or_before, timeline
from app.history.versions import History, Version, Write, is_revision, sort_key
from app.store import Conflict, NotFound, Unavailable
from app.store.embedded.store import EmbeddedStore
from tests.support import logged_by

ACCOUNT, OTHER = "a" * 32, "b" * 32
DB = "account/aa/aa/" + "a" * 28
DAY = 86_400
NOON = calendar.timegm((2030, 12, 15, 12, 0, 0))


@pytest.fixture
def store(tmp_path):
    store = EmbeddedStore(tmp_path)
    store.create_db(DB)
    yield store
    store.close()


@pytest.fixture
def clock(monkeypatch):
    now = [NOON]
    monkeypatch.setattr("app.history.versions.time.time", lambda: now[0])
    return now


@pytest.fixture
def failures():
    return []


@pytest.fixture
def history(store, clock, failures):
    yield History(store, 40, lambda: failures.append(1))
    finish_deletions()


def finish_deletions():
    """What is deleted is deleted behind the write."""
    for thread in threading.enumerate():
        if thread.name == "old versions":
            thread.join()


def write_at(clock, verb="POST", **members):
    return Write(verb, int(clock[0]) + GREGORIAN_EPOCH, **members)


def keep(history, clock, *generations, account_id=ACCOUNT, doc_id="d", **members):
    for generation in generations:
        document = {"_id": doc_id, "_rev": f"{generation}-a", "name": f"{doc_id} {generation}"}
        history.keep(account_id, document, write_at(clock, **members))


def names(versions):
    return [version.document["name"] for version in versions]


class TestVersions:
    def test_what_is_stored_of_a_version(self, store, history, clock):
        replaced = {"_id": "x/%é-", "_rev": "12-0f", "name": "old"}
        history.keep(ACCOUNT, replaced, write_at(clock, ip="192.0.2.1", user_id="u"))
        (row,) = store.all_docs("connectivity_history/203012", ACCOUNT, ACCOUNT + "z")
        doc_id = row.pop("_id")
        assert row.pop("_rev").startswith("1-")
        assert re.fullmatch(f"{ACCOUNT}/x-2F-25-C3-A9-2D/0000000012-0f-[0-9a-f]{{8}}", doc_id)
        by = {"verb": "POST", "when": NOON + GREGORIAN_EPOCH, "user_id": "u", "ip": "192.0.2.1"}
        assert row == {"pvt_type": "connectivity_version", "document": replaced, "replaced_by": by}

    def test_a_replaced_version_is_kept_with_the_write_of_the_new_one(self, store, history, clock, failures):
        old = {"_id": "d", "name": "old"}
        old["_rev"] = store.save_doc(DB, old)
        for name in ("new", "newer"):
            document = {"_id": "d", "_rev": old["_rev"], "name": name}
            revision = history.replace(ACCOUNT, old, write_at(clock, verb="PATCH"), DB, document)
            assert store.open_doc(DB, "d") == {**document, "_rev": revision}
            old = {**document, "_rev": revision}
        found = list(history.versions(ACCOUNT, "d"))
        assert names(found) == ["new", "old"] and failures == []
        assert found[0].replaced_by == write_at(clock, verb="PATCH")
        assert found[0].revision.startswith("2-")

    def test_a_lost_race_replaces_and_keeps_nothing(self, store, history, clock):
        store.save_doc(DB, {"_id": "d", "name": "theirs"})
        ours = {"_id": "d", "_rev": f"1-{'0' * 32}", "name": "ours"}
        with pytest.raises(Conflict):
            history.replace(ACCOUNT, ours, write_at(clock), DB, ours)
        assert store.open_doc(DB, "d")["name"] == "theirs" and list(history.versions(ACCOUNT, "d")) == []

    def test_a_version_that_cannot_be_kept_is_counted_and_logged(self, caplog, failures):
        class Failing:
            def save_doc(self, db, document):
                raise Unavailable("gone")

            def save_with(self, db, document, other_db, other):
                return "2-b", Unavailable("full")

        history = History(Failing(), 40, lambda: failures.append(1))
        replaced = {"_id": "d", "_rev": "1-a", "servers": ["secret"]}
        history.keep(ACCOUNT, replaced, Write("POST", 1))
        assert failures == [1]
        assert history.replace(ACCOUNT, replaced, Write("POST", 1), DB, {"_id": "d"}) == "2-b"
        assert failures == [1, 1]
        assert logged_by(caplog, "app.history.versions") == [
            f"version 1-a of {ACCOUNT} d was not kept: {error}"
            for error in (Unavailable("gone"), Unavailable("full"))
        ]

    def test_they_are_found_newest_first_and_by_revision(self, history, clock):
        # More than two pages of the store, and generations of one, two and three digits.
        keep(history, clock, *range(95, 121), *range(1, 4))
        expected = [*range(120, 94, -1), 3, 2, 1]
        assert names(history.versions(ACCOUNT, "d")) == [f"d {generation}" for generation in expected]
        assert names(history.versions(ACCOUNT, "d", "96-a")) == ["d 96", "d 95", "d 3", "d 2", "d 1"]
        assert history.find(ACCOUNT, "d", "97-a").document["name"] == "d 97"
        for account_id, doc_id, revision in (
            (ACCOUNT, "d", "97-"),
            (ACCOUNT, "d", "50-a"),
            (ACCOUNT, "e", "97-a"),
            (OTHER, "d", "97-a"),
        ):
            assert history.find(account_id, doc_id, revision) is None

    def test_versions_of_two_months_are_mixed(self, history, clock):
        keep(history, clock, 1, 4)
        clock[0] += 20 * DAY
        keep(history, clock, 2, 3, 5)
        assert names(history.versions(ACCOUNT, "d")) == ["d 5", "d 4", "d 3", "d 2", "d 1"]
        assert history.find(ACCOUNT, "d", "4-a").document["name"] == "d 4"

    def test_a_month_has_a_database(self, store, history, clock):
        for month, name in ((1, "203001"), (2, "203002"), (11, "203011")):
            clock[0] = calendar.timegm((2030, month, 28, 23, 59, 59))
            keep(history, clock, month)
            assert store.has_db(f"connectivity_history/{name}")

    def test_one_is_shown_for_as_many_days_as_is_set(self, history, clock):
        keep(history, clock, 1)
        clock[0] += 1
        keep(history, clock, 2)
        clock[0] = NOON + 40 * DAY
        assert names(history.versions(ACCOUNT, "d")) == ["d 2", "d 1"]
        clock[0] += 1
        assert names(history.versions(ACCOUNT, "d")) == ["d 2"]
        assert history.find(ACCOUNT, "d", "1-a") is None
        assert history.find(ACCOUNT, "d", "2-a").document["name"] == "d 2"

    def test_without_a_time_it_is_too_old(self, history, clock):
        history.keep(ACCOUNT, {"_id": "d", "_rev": "1-a"}, Write("POST", None))
        assert list(history.versions(ACCOUNT, "d")) == []

    def test_the_newest_of_each_document_in_each_month(self, history, clock):
        keep(history, clock, 7, doc_id="early")
        clock[0] += 20 * DAY
        for doc_id in ("d", "dd", "e/f"):
            keep(history, clock, 1, 2, doc_id=doc_id)
        keep(history, clock, 8, doc_id="early")
        keep(history, clock, 9, account_id=OTHER)
        found = [version.document["name"] for version in history.newest_versions(ACCOUNT)]
        assert sorted(found[:-1]) == ["d 2", "dd 2", "e/f 2", "early 8"] and found[-1] == "early 7"
        others = history.newest_versions(ACCOUNT, skipped={"early", "dd"})
        assert sorted(version.document["name"] for version in others) == ["d 2", "e/f 2"]
        assert [version.document["name"] for version in history.newest_versions(OTHER)] == ["d 9"]
        assert list(history.newest_versions("c" * 32)) == []
        clock[0] += 41 * DAY
        assert list(history.newest_versions(ACCOUNT)) == []

    def test_of_each_day_with_a_write_there_is_a_note(self, store, history, clock):
        for generation, later in enumerate((0, 60, DAY), 1):
            clock[0] = NOON + later
            keep(history, clock, generation)
            finish_deletions()
        notes = store.all_docs("connectivity_history/203012", "day/", "day/9")
        assert [(note["_id"], note["pvt_type"]) for note in notes] == [
            ("day/20301215", "connectivity_history_day"),
            ("day/20301216", "connectivity_history_day"),
        ]

    def test_the_oldest_month_goes_once_a_day(self, store, history, clock, caplog):
        for generation, month in enumerate((1, 2, 3), 1):
            clock[0] = calendar.timegm((2030, month, 5, 0, 0, 0))
            keep(history, clock, generation)
            finish_deletions()

        def months():
            return [month for month in range(1, 13) if store.has_db(f"connectivity_history/2030{month:02}")]

        assert months() == [1, 2, 3]
        clock[0] = calendar.timegm((2030, 6, 20, 0, 0, 0))
        left = []
        for generation in range(4, 8):
            keep(history, clock, generation)
            finish_deletions()
            left.append(months())
            clock[0] += DAY
        # The first write after a long time has no witness that the clock is right.
        assert left == [[1, 2, 3, 6], [2, 3, 6], [3, 6], [6]]
        told = "the clock says 20300620, but the last version is of 20300305: no old versions are deleted today"
        assert logged_by(caplog, "app.history.versions") == [told]


@pytest.mark.parametrize("text", ["1-a", "1234567890-0f", "2-" + "z" * 64])
def test_a_revision(text):
    assert is_revision(text)


@pytest.mark.parametrize(
    "text", ["", "1", "-a", "1-", "12345678901-a", "1-A", "1-a-b", "x-a", "2-" + "z" * 65, "1-a\n"]
)
def test_no_revision(text):
    assert not is_revision(text)


def test_revisions_have_an_order():
    assert sort_key("12-0f") == "0000000012-0f"
    assert sorted(["10-a", "9-b", "9-a", "100-a"], key=sort_key) == ["9-a", "9-b", "10-a", "100-a"]
    assert is_at_or_before({"revision": "9-b"}, "10-a") and is_at_or_before({"revision": "9-b"}, "9-b")
    assert not is_at_or_before({"revision": "10-a"}, "9-b") and not is_at_or_before({"revision": "9-b"}, "9-a")


def document(revision, **members):
    return {"_id": "d", "_rev": revision, **members}


class TestTimeline:
    @pytest.fixture(autouse=True)
    def no_time_passes(self, monkeypatch):
        monkeypatch.setattr("app.history.timeline.time.thread_time", lambda: 0.0)

    def entries(self, current, *versions):
        return list(timeline(current, [Version(of, by) for of, by in versions]))

    def test_each_version_has_its_write_and_what_changed(self):
        first = document(
            "1-a",
            name="one",
            pvt_modified=63,
            pvt_auth_account_id="theirs",
            pvt_auth_user_id="user",
            pvt_request_id="first",
        )
        second = Write("PATCH", 64, "account", "person", "192.0.2.1", "second", "2-b")
        third = Write("POST", 65, "account", restored="1-a")
        shown = self.entries(
            document("3-c", name="one"), (document("2-b", name="two", pvt_modified=64), third), (first, second)
        )
        nobody = {"account_id": "account", "user_id": None, "ip": None}
        assert shown == [
            {
                "revision": "3-c",
                "verb": "POST",
                "when": 65,
                "who": nobody,
                "request_id": None,
                "deleted": False,
                "restored": "1-a",
                "patch": [{"op": "replace", "path": "/name", "value": "one"}],
            },
            {
                "revision": "2-b",
                "verb": "PATCH",
                "when": 64,
                "who": {"account_id": "account", "user_id": "person", "ip": "192.0.2.1"},
                "request_id": "second",
                "deleted": False,
                "restored": None,
                "patch": [{"op": "replace", "path": "/name", "value": "two"}],
            },
            {
                "revision": "1-a",
                "verb": "PUT",
                "when": 63,
                "who": {"account_id": "theirs", "user_id": "user", "ip": None},
                "request_id": "first",
                "deleted": False,
                "restored": None,
                "patch": None,
            },
        ]

    def test_nothing_has_no_history(self):
        assert self.entries(None) == []

    def test_what_others_wrote_has_their_stamps(self):
        by_crossbar = document("4-d", name="four", pvt_modified=70, pvt_auth_user_id="somebody")
        entries = self.entries(by_crossbar, (document("2-b", name="two"), Write("PATCH", 65, revision="3-c")))
        assert [(entry["revision"], entry["verb"], entry["when"]) for entry in entries] == [
            ("4-d", None, 70),
            ("2-b", None, None),
        ]
        assert entries[0]["who"]["user_id"] == "somebody"
        assert entries[0]["patch"] == [{"op": "replace", "path": "/name", "value": "four"}]

    def test_a_deletion_is_an_entry_of_its_own(self):
        deletion = Write("DELETE", 66, "account", revision="3-c")
        gone, before = self.entries(None, (document("2-b", pvt_deleted=False), deletion))
        assert (gone["revision"], gone["verb"], gone["when"], gone["deleted"]) == ("3-c", "DELETE", 66, True)
        assert gone["patch"] is None and "not_compared" not in gone
        assert before["revision"] == "2-b" and not before["deleted"]

    def test_a_deletion_without_its_revision_is_not_shown(self):
        entries = self.entries(None, (document("2-b"), Write("DELETE", 66)))
        assert [entry["revision"] for entry in entries] == ["2-b"]

    def test_what_came_back_after_a_deletion(self):
        entries = self.entries(document("4-d"), (document("2-b"), Write("DELETE", 66, revision="3-c")))
        assert [(entry["revision"], entry["verb"], entry["deleted"]) for entry in entries] == [
            ("4-d", None, False),
            ("3-c", "DELETE", True),
            ("2-b", None, False),
        ]

    def test_a_soft_deletion_is_told_once(self):
        entries = self.entries(
            document("3-c", pvt_deleted=True), (document("2-b"), Write("DELETE", 66, revision="3-c"))
        )
        assert [(entry["revision"], entry["verb"], entry["deleted"]) for entry in entries] == [
            ("3-c", "DELETE", True),
            ("2-b", None, False),
        ]
        (alone,) = self.entries(document("3-c", pvt_deleted=True))
        assert alone["deleted"]

    def test_a_version_that_was_not_replaced_after_all_is_not_told_twice(self):
        entries = self.entries(
            document("2-b", name="two"),
            (document("2-b", name="two"), Write("POST", 70)),
            (document("1-a", name="one"), Write("PATCH", 65)),
        )
        assert [(entry["revision"], entry["verb"]) for entry in entries] == [("2-b", "PATCH"), ("1-a", "PUT")]

    def test_private_members_are_not_compared(self):
        (entry, _) = self.entries(document("2-b", pvt_x=1), (document("1-a", pvt_y=2), Write("POST", 1)))
        assert entry["patch"] == []

    def test_what_differs_too_much_is_linked(self):
        old, new = ({"_id": "a%/b", "_rev": rev, "many": [rev] * 2001} for rev in ("1-a", "2-b"))
        (entry, _) = self.entries(new, (old, Write("POST", 1)))
        assert entry["patch"] is None
        assert entry["not_compared"] == {
            "message": "these versions differ too much to be compared here",
            "versions": ["connectivity/a%2525%2Fb/history/1-a", "connectivity/a%2525%2Fb/history/2-b"],
        }

    @pytest.mark.parametrize(
        ("old", "new", "count"),
        [
            # The largest that are compared, each in a way of its own, and one more.
            ([0] * 2000, [1] * 2000, 2000),
            ([], [1] * 2000, 2000),
            ([1] * 2000, [], 2000),
            ({}, {f"m{n}": 1 for n in range(2000)}, 2000),
            ({f"m{n}": 0 for n in range(2000)}, {f"m{n}": 1 for n in range(2000)}, 2000),
            ([[0]] * 2000, [[False]] * 2000, None),
        ],
    )
    def test_how_much_may_differ(self, old, new, count):
        (entry, _) = self.entries(document("2-b", x=new), (document("1-a", x=old), Write("POST", 1)))
        assert entry["patch"] is not None and (count is None or len(entry["patch"]) == count)
        for more in ({"y": 1}, {"y": 2}):
            (entry, _) = self.entries(document("2-b", x=new, **more), (document("1-a", x=old), Write("POST", 1)))
            assert entry["patch"] is None

    def test_a_large_document_is_not_compared_however_little_differs(self):
        def sized(characters, **members):
            # As JSON it has eight characters more: {"x":"…"}.
            return {"x": "x" * (characters - len('{"x":""}')), **members}

        for size, is_compared in ((500_000, True), (500_001, False)):
            (entry, _) = self.entries(document("2-b"), (document("1-a", **sized(size)), Write("POST", 1)))
            assert (entry["patch"] is not None) is is_compared
            (entry, _) = self.entries(document("2-b", **sized(size)), (document("1-a"), Write("POST", 1)))
            assert (entry["patch"] is not None) is is_compared

    def test_the_differences_of_a_history_have_one_budget(self):
        newest, *others = [
            Version(document(f"{generation}-a", extra=[generation] * 600), Write("POST", 1))
            for generation in range(6, 0, -1)
        ]
        entries = list(timeline(newest.document, others))
        assert [entry["patch"] and len(entry["patch"]) for entry in entries] == [600, 600, 600, None, None, None]
        assert ["not_compared" in entry for entry in entries] == [False] * 3 + [True] * 2 + [False]

    def test_comparing_has_a_time(self, monkeypatch):
        """A comparison takes a quarter of a second of the processor, and two of them use up what there is."""
        readings = iter(range(1000))
        monkeypatch.setattr("app.history.timeline.time.thread_time", lambda: next(readings) * 0.25)
        versions = [
            Version(document(f"{generation}-a", name=generation), Write("POST", 1)) for generation in (3, 2, 1)
        ]
        entries = list(timeline(document("4-a", name=4), versions))
        assert [entry["patch"] and len(entry["patch"]) for entry in entries] == [1, 1, None, None]

    def test_what_nests_too_deep_to_be_compared_is_linked(self, monkeypatch):
        def too_deep(*documents):
            raise RecursionError

        monkeypatch.setattr("app.history.timeline.jsonpatch.make_patch", too_deep)
        (entry, _) = self.entries(document("2-b", x=1), (document("1-a", x=2), Write("POST", 1)))
        assert entry["patch"] is None and "not_compared" in entry


def test_a_write_and_its_revision():
    write = Write("POST", 1, "account")
    assert write.making("2-b") == Write("POST", 1, "account", revision="2-b")


def test_a_document_that_is_gone_is_not_replaced(store, history, clock):
    missing = {"_id": "d", "_rev": f"1-{'0' * 32}"}
    with pytest.raises((Conflict, NotFound)):
        history.replace(ACCOUNT, missing, write_at(clock), DB, missing)
    assert list(history.versions(ACCOUNT, "d")) == []
