"""Who may use a number, and the marks and copies of the numbers that trunks use (docs/kazoo/documents.md, 7.1, 7.2)."""

import logging

import pytest

from app import contention
from app.documents.names import account_db, encoded, number_db
from app.numbers import ownership, reconcile, release
from app.numbers.documents import new_number
from app.numbers.reconcile import WrongMark
from app.services import make_services
from app.settings import Settings
from app.store import Unavailable
from tests.support import embedded_world, server_with

FIRST, SECOND, THIRD, FOREIGN = "+14155550101", "+14155550102", "+16505550103", "+442079460004"
UNKNOWN = "+14155550999"


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(contention, "PATIENCE", 0)
    return embedded_world(tmp_path).populate()


@pytest.fixture
def services(world):
    services = make_services(Settings(), store=world.store)
    services.cache._seconds = 0
    return services


@pytest.fixture
def parent(world):
    return world.person("Parent", "parent.example.com", world.master).account_id


@pytest.fixture
def owner(world, parent):
    return world.person("Owner", "owner.example.com", _Person(parent)).account_id


@pytest.fixture
def stranger(world):
    return world.person("Stranger", "stranger.example.com", world.master).account_id


class _Person:
    """Stands for the person of an account."""

    def __init__(self, account_id):
        self.account_id = account_id


def add(services, number, account_id, **members):
    return services.numbers.create({**new_number(number, account_id, "knm_local"), **members})


def stored(services, number):
    return services.store.open_doc(number_db(number), number)


def mark_of(services, number):
    """The mark of a number, which its copy has as well."""
    document = stored(services, number)
    copy = services.store.find_doc(account_db(document["pvt_assigned_to"]), number)
    assert copy["pvt_used_by"] == document["pvt_used_by"] if "pvt_used_by" in document else "pvt_used_by" not in copy
    return document.get("pvt_used_by")


def add_trunk(services, account_id, *numbers, **members):
    db = account_db(account_id)
    private = {"pvt_type": "sys_info", "pvt_account_id": account_id, "pvt_account_db": encoded(db)}
    document = {"_id": "t", **private, "account": {"auth_realm": "x"}, "servers": [server_with(*numbers)]}
    services.store.save_doc(db, document | members)


class TestWhoMayUseANumber:
    def test_its_account_and_those_above(self, services, world, owner, parent, stranger):
        number = {"_id": FIRST, "pvt_assigned_to": owner, "pvt_state": "in_service"}
        users = {parent, owner, world.master.account_id}
        for may in (ownership.holds, ownership.may_change, ownership.may_use):
            assert {one for one in (*users, stranger) if may(services.cache, one, number)} == users

    def test_not_those_below(self, services, owner, parent):
        number = {"_id": FIRST, "pvt_assigned_to": parent, "pvt_state": "in_service"}
        assert not ownership.may_use(services.cache, owner, number)
        assert not ownership.may_change(services.cache, owner, number)

    def test_what_an_account_above_has_reserved(self, services, owner, parent, stranger):
        number = {"_id": FIRST, "pvt_assigned_to": parent, "pvt_state": "reserved"}
        assert ownership.may_change(services.cache, owner, number)
        assert not ownership.holds(services.cache, owner, number)
        assert not ownership.may_change(services.cache, stranger, number)

    def test_what_a_superduper_admin_has_reserved(self, services, owner, stranger):
        number = {"_id": FIRST, "pvt_assigned_to": stranger, "pvt_number_state": "reserved"}
        assert not ownership.may_change(services.cache, owner, number)
        account = services.store.open_doc(account_db(stranger), stranger)
        services.store.save_doc(account_db(stranger), {**account, "pvt_superduper_admin": True})
        assert ownership.may_change(services.cache, owner, number)
        assert ownership.holds(services.cache, stranger, {"_id": SECOND, "pvt_assigned_to": owner})

    @pytest.mark.parametrize("nobody", [None, 5, ["x"]])
    def test_nobody_s(self, services, world, owner, nobody):
        number = {"_id": FIRST, "pvt_assigned_to": nobody, "pvt_state": "reserved"}
        assert not ownership.may_change(services.cache, owner, number)
        assert ownership.holds(services.cache, world.master.account_id, number)

    def test_everybody_what_is_available(self, services, owner, stranger):
        for name in ("pvt_state", "pvt_number_state"):
            number = {"_id": FIRST, "pvt_assigned_to": owner, name: "available"}
            assert ownership.may_use(services.cache, stranger, number)
            assert not ownership.may_change(services.cache, stranger, number)

    def test_the_newer_name_of_a_state_counts(self):
        assert ownership.state({"pvt_state": "aging", "pvt_number_state": "available"}) == "aging"
        assert ownership.state({"pvt_number_state": "available"}) == "available" and ownership.state({}) is None

    def test_those_that_are_refused(self, services, owner, stranger):
        for number in (FIRST, SECOND, FOREIGN):
            add(services, number, stranger)
        add(services, THIRD, owner)
        typed = ["4155550101", SECOND, FOREIGN, THIRD, UNKNOWN, "office", ""]
        assert ownership.refused(services.store, services.cache, owner, typed) == [FOREIGN, SECOND, FIRST]
        assert ownership.refused(services.store, services.cache, stranger, typed) == [THIRD]
        assert ownership.refused(services.store, services.cache, owner, []) == []


def test_documents_of_numbers_by_number(services, owner):
    for number in (FIRST, SECOND, FOREIGN):
        add(services, number, owner, note=number[-1])
    found = ownership.number_documents(services.store, [FOREIGN, FIRST, UNKNOWN, "+999"])
    assert {number: document["note"] for number, document in found.items()} == {FIRST: "1", FOREIGN: "4"}
    assert sorted(ownership.databases_of_numbers(services.store)) == ["numbers/+1415", "numbers/+4420"]


def test_the_numbers_of_all_trunks_as_typed(services, owner):
    add_trunk(services, owner, FIRST, "4155550102")
    add_trunk(services, owner, THIRD, _id="u")
    add_trunk(services, owner, UNKNOWN, _id="deleted", pvt_deleted=True)
    assert ownership.dids_of_trunks(services.store, account_db(owner)) == {FIRST, "4155550102", THIRD}


class TestMarks:
    @pytest.fixture(autouse=True)
    def numbers(self, services, owner):
        for number in (FIRST, SECOND, THIRD):
            add(services, number, owner)

    def marks(self, services):
        return [mark_of(services, number) for number in (FIRST, SECOND, THIRD)]

    def test_those_of_a_trunk_follow_its_numbers(self, services, owner):
        track = services.assignment.track
        assert track(owner, [], [FIRST, "4155550102", UNKNOWN, "office"]) is True
        assert self.marks(services) == ["trunkstore", "trunkstore", None]
        assert track(owner, [FIRST, SECOND], [THIRD, SECOND]) is True
        assert self.marks(services) == [None, "trunkstore", "trunkstore"]
        before = [stored(services, number)["_rev"] for number in (FIRST, SECOND, THIRD)]
        # The same numbers, in other forms or in another order.
        assert track(owner, [SECOND, THIRD], ["4155550102", "16505550103"]) is True
        assert track(owner, [SECOND, THIRD], [THIRD, SECOND]) is True
        assert [stored(services, number)["_rev"] for number in (FIRST, SECOND, THIRD)] == before
        assert track(owner, [SECOND, THIRD], []) is True and self.marks(services) == [None, None, None]

    def test_a_mark_is_a_change_of_the_number(self, services, owner):
        old = stored(services, FIRST)
        services.store.save_doc(number_db(FIRST), {**old, "pvt_modified": 1, "note": "kept"})
        assert services.assignment.mark(owner, FIRST, "trunkstore")
        marked = stored(services, FIRST)
        assert marked["pvt_modified"] > 63_000_000_000 and marked["note"] == "kept"
        assert marked.keys() == {*old, "pvt_used_by", "note"}

    def test_another_application_s_mark_is_replaced_but_never_cleared(self, services, owner):
        services.numbers.update(FIRST, lambda document: document | {"pvt_used_by": "callflow"})
        assert services.assignment.mark_all(owner, [FIRST], None) is True
        assert mark_of(services, FIRST) == "callflow"
        assert services.assignment.mark_all(owner, [FIRST], "trunkstore") is True
        assert mark_of(services, FIRST) == "trunkstore"

    def test_a_number_that_is_skipped(self, services, owner, stranger):
        add(services, UNKNOWN, owner, pvt_state="deleted")
        add(services, FOREIGN, owner, pvt_module_name="knm_mdn")
        for number in (UNKNOWN, FOREIGN, "+14155550777"):
            assert services.assignment.mark_all(owner, [number], "trunkstore") is True
            assert services.assignment.mark(owner, number, "trunkstore") is False
        assert services.assignment.mark(stranger, FIRST, "trunkstore") is False
        assert services.assignment.mark_all(stranger, [FIRST, SECOND], "trunkstore") is True
        assert self.marks(services) == [None, None, None]
        assert mark_of(services, UNKNOWN) is None and mark_of(services, FOREIGN) is None
        assert services.assignment.mark_all(owner, [], "trunkstore") is True

    def test_a_number_that_changes_hands_meanwhile(self, services, owner, stranger, monkeypatch):
        read = services.numbers.find_all([FIRST])
        services.numbers.update(
            FIRST, lambda document: document | {"pvt_assigned_to": stranger, "pvt_previously_assigned_to": owner}
        )
        monkeypatch.setattr(services.numbers, "find_all", lambda numbers: read)
        services.assignment.mark_all(owner, [FIRST], "trunkstore")
        assert mark_of(services, FIRST) is None

    @pytest.mark.parametrize("fault", ["setting", "find_all", "update_all"])
    def test_faults_are_counted_and_logged(self, services, owner, caplog, monkeypatch, fault):
        failures = []
        monkeypatch.setattr(services.assignment, "_on_failure", lambda: failures.append(1))

        def fails(*arguments, **options):
            raise Unavailable("gone")

        if fault == "setting":
            monkeypatch.setattr(services.cache, "setting", fails)
        elif fault == "find_all":
            monkeypatch.setattr(services.numbers, "find_all", fails)
        else:
            gone = Unavailable("gone")
            monkeypatch.setattr(services.numbers, "update_all", lambda usable, change: dict.fromkeys(usable, gone))
        with caplog.at_level(logging.WARNING):
            assert services.assignment.track(owner, [], [FIRST, SECOND]) is False
        assert failures == [1, 1]
        (record,) = caplog.records
        assert record.getMessage() in {
            f"2 marks were not written, first {first}: {Unavailable('gone')}" for first in (FIRST, SECOND)
        }
        if fault == "find_all":
            assert services.assignment.mark(owner, FIRST, "trunkstore") is False and failures == [1, 1, 1]

    def test_what_is_cleared_may_fail_alone(self, services, owner, monkeypatch):
        mark_all, asked = services.assignment.mark_all, []

        def fails_to_clear(account_id, numbers, app):
            asked.append((set(numbers), app))
            return mark_all(account_id, numbers, app) and app is not None

        monkeypatch.setattr(services.assignment, "mark_all", fails_to_clear)
        assert services.assignment.track(owner, [FIRST], [SECOND]) is False
        assert asked == [({FIRST}, None), ({SECOND}, "trunkstore")] and mark_of(services, SECOND) == "trunkstore"


class TestWhatIsWrong:
    @pytest.fixture(autouse=True)
    def numbers(self, services, owner, stranger):
        add(services, FIRST, owner)
        add(services, SECOND, owner, pvt_used_by="trunkstore")
        add(services, THIRD, owner, pvt_used_by="callflow")
        add(services, FOREIGN, stranger)
        add(services, UNKNOWN, owner, pvt_used_by="callflow")
        add(services, "+14155550888", owner, pvt_state="deleted")

    def wrong(self, services, account_id, dids=None):
        return reconcile.wrong_marks(services.store, services.cache, account_id, dids)

    def test_marks_that_do_not_match_the_trunks(self, services, owner):
        add_trunk(services, owner, "4155550101", THIRD, FOREIGN, "+14155550888", "+14155550777")
        assert self.wrong(services, owner) == [
            WrongMark(owner, FIRST, None, "trunkstore"),
            WrongMark(owner, SECOND, "trunkstore", None),
            WrongMark(owner, THIRD, "callflow", "trunkstore"),
        ]

    def test_with_the_trunks_as_they_will_be(self, services, owner):
        add_trunk(services, owner, FIRST, THIRD)
        assert self.wrong(services, owner, {"4155550102"}) == []
        assert self.wrong(services, owner, set()) == [WrongMark(owner, SECOND, "trunkstore", None)]

    def test_an_account_without_the_view_has_no_copies(self, services, owner):
        db = account_db(owner)
        design = services.store.open_doc(db, "_design/phone_numbers")
        services.store.delete_doc(db, design["_id"], design["_rev"])
        add_trunk(services, owner, FIRST)
        assert self.wrong(services, owner) == [WrongMark(owner, FIRST, None, "trunkstore")]
        assert reconcile.stale_copies(services.store, owner) == []

    def test_copies_that_do_not_match_their_numbers(self, services, owner, stranger):
        db = account_db(owner)
        assert reconcile.stale_copies(services.store, owner) == []
        for number, members in ((SECOND, {"note": 1}), (FIRST, {"pvt_used_by": "x"})):
            services.store.save_doc(db, {**services.store.open_doc(db, number), **members})
        # A number of another account, and one that is gone.
        for number in (FOREIGN, "+14155550777"):
            services.store.save_doc(db, new_number(number, owner, "knm_local"))
        expected = [FIRST, SECOND, "+14155550777", FOREIGN]
        assert reconcile.stale_copies(services.store, owner) == expected
        add_trunk(services, owner, FIRST, THIRD)
        reconcile.repair(services.store, services.cache, services.numbers, services.assignment, owner)
        assert self.wrong(services, owner) == [] and reconcile.stale_copies(services.store, owner) == []
        assert [mark_of(services, number) for number in (FIRST, SECOND, THIRD)] == ["trunkstore", None, "trunkstore"]
        assert services.store.find_doc(db, FOREIGN) is None and mark_of(services, FOREIGN) is None

    @pytest.mark.parametrize("failing", [None, "trunkstore"])
    def test_marks_that_cannot_be_written(self, services, owner, monkeypatch, failing):
        monkeypatch.setattr(services.assignment, "mark_all", lambda account_id, numbers, app: app != failing)
        add_trunk(services, owner, FIRST)
        with pytest.raises(Unavailable):
            reconcile.repair(services.store, services.cache, services.numbers, services.assignment, owner)


class TestWhetherATrunkUsesANumber:
    def is_used(self, services, document):
        return release.is_used_by_trunk(services.store, services.cache, document)

    def test_by_its_mark(self, services, owner):
        assert self.is_used(services, {"_id": FIRST, "pvt_used_by": "trunkstore"})
        assert not self.is_used(services, {"_id": FIRST, "pvt_used_by": "callflow", "pvt_assigned_to": owner})

    def test_by_the_trunks_of_its_owner(self, services, owner, stranger):
        add_trunk(services, owner, "4155550101")
        assert self.is_used(services, {"_id": FIRST, "pvt_assigned_to": owner})
        assert not self.is_used(services, {"_id": SECOND, "pvt_assigned_to": owner})
        assert not self.is_used(services, {"_id": FIRST, "pvt_assigned_to": stranger})
        for nobody in (None, 5):
            assert not self.is_used(services, {"_id": FIRST, "pvt_assigned_to": nobody})

    def test_an_owner_without_a_database_or_without_the_view(self, services, owner):
        assert not self.is_used(services, {"_id": FIRST, "pvt_assigned_to": "c" * 32})
        add_trunk(services, owner, FIRST)
        design = services.store.open_doc(account_db(owner), "_design/trunkstore")
        services.store.delete_doc(account_db(owner), design["_id"], design["_rev"])
        assert not self.is_used(services, {"_id": FIRST, "pvt_assigned_to": owner})
