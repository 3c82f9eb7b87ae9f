"""How `compare` keeps to a rate of requests."""

from types import SimpleNamespace

import pytest

from app.compare.servers import Pace


@pytest.fixture
def pauses(monkeypatch):
    """The seconds of each pause, which take no time. `pauses.now` is what the clock says."""
    made = _Pauses()
    # Threads of other tests keep the real clock.
    monkeypatch.setattr("app.compare.servers.time", SimpleNamespace(monotonic=lambda: made.now, sleep=made.add))
    return made


class _Pauses(list[float]):
    now = 1000.0

    def add(self, seconds):
        self.append(seconds)
        self.now += seconds


def test_requests_start_at_the_rate_and_what_was_not_used_is_lost(pauses):
    pace = Pace(4)
    for _ in range(3):
        pace.wait()
    assert pauses == [0, 0.25, 0.25]
    pauses.now += 10
    for _ in range(2):
        pace.wait()
    assert pauses[3:] == [0, 0.25]


def test_without_a_rate_nobody_waits(pauses):
    pace = Pace(None)
    for _ in range(3):
        pace.wait()
    assert pauses == [0, 0, 0]
