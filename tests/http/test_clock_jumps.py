"""The versions of trunks outlive a clock that is wrong for a while."""

import calendar
import logging
import threading

import pytest

from app.documents.clock import GREGORIAN_EPOCH
from app.history.versions import PREFIX, History, Write

pytestmark = pytest.mark.slow

DAY = 86_400
START = calendar.timegm((2035, 1, 15, 12, 0, 0))


class Clocked:
    """A history on a clock that a test sets, and one document of whose versions it has the generations."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.history = History(store, days=90)

    def keep(self, generation):
        write = Write("POST", int(self.clock[0]) + GREGORIAN_EPOCH)
        self.history.keep("a" * 32, {"_id": "d", "_rev": f"{generation}-a", "name": generation}, write)
        # What is deleted is deleted behind the write.
        for thread in threading.enumerate():
            if thread.name == "old versions":
                thread.join(120)

    @property
    def kept(self):
        return [version.document["name"] for version in self.history.versions("a" * 32, "d")]

    @property
    def months(self):
        months = (f"{year}{month:02}" for year in (2035, 2036) for month in range(1, 13))
        return [month for month in months if self.store.has_db(PREFIX + month)]


@pytest.fixture
def clocked(world, monkeypatch):
    clock = [START]
    monkeypatch.setattr("app.history.versions.time.time", lambda: clock[0])
    made = Clocked(world.store, clock)
    yield made
    monkeypatch.undo()
    for month in made.months:
        world.store.delete_db(PREFIX + month)


def test_one_write_while_the_clock_is_far_ahead_deletes_nothing(clocked):
    clocked.keep(1)
    clocked.clock[0] += DAY
    clocked.keep(2)
    clocked.clock[0] += 200 * DAY
    clocked.keep(3)
    clocked.clock[0] -= 199 * DAY
    assert {1, 2} <= set(clocked.kept)
    clocked.keep(4)
    assert {1, 2, 4} <= set(clocked.kept) and "203501" in clocked.months


def test_the_first_write_after_a_start_with_a_wrong_clock_deletes_nothing(clocked):
    clocked.keep(1)
    clocked.clock[0] += 200 * DAY
    clocked.history = History(clocked.store, days=90)
    clocked.keep(2)
    clocked.clock[0] -= 200 * DAY
    clocked.history = History(clocked.store, days=90)
    assert 1 in clocked.kept


def test_a_clock_that_jumps_is_logged(clocked, caplog):
    clocked.keep(1)
    clocked.clock[0] += 200 * DAY
    with caplog.at_level(logging.WARNING):
        clocked.keep(2)
    assert any("clock" in record.getMessage() for record in caplog.records), caplog.text


def test_months_that_are_really_old_go_one_a_day_and_in_the_end_all_of_them(clocked):
    for generation in (1, 2, 3):
        clocked.keep(generation)
        clocked.clock[0] += 31 * DAY
    assert clocked.months == ["203501", "203502", "203503"]
    clocked.clock[0] += 240 * DAY
    gone = []
    for generation in range(4, 16):
        before = set(clocked.months)
        clocked.keep(generation)
        clocked.keep(generation + 100)
        gone.append(len(before - set(clocked.months)))
        clocked.clock[0] += DAY
    assert max(gone) == 1, gone
    assert not {"203501", "203502", "203503"} & set(clocked.months)


def test_versions_stay_visible_after_the_clock_was_set_back_over_the_end_of_a_month(clocked):
    clocked.clock[0] = calendar.timegm((2035, 2, 1, 0, 10, 0))
    clocked.keep(1)
    clocked.clock[0] -= 20 * 60
    assert clocked.kept == [1]
    assert clocked.history.find("a" * 32, "d", "1-a").document["name"] == 1
    clocked.keep(2)
    assert clocked.kept == [2, 1]


def test_a_clock_that_is_wrong_for_a_moment_again_and_again_deletes_nothing(clocked):
    clocked.keep(1)
    for year in range(1, 4):
        clocked.clock[0] += 365 * DAY
        clocked.keep(10 * year)
        clocked.clock[0] -= 364 * DAY
        clocked.keep(10 * year + 1)
    assert "203501" in clocked.months and 1 in clocked.kept
