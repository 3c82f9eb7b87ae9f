"""The requests of the last hour: those of all workers, and none that are older."""

import subprocess
import sys

import pytest

from app import last_hour
from app.last_hour import Minute
from tests import support

NOON = 1_790_000_000 // 60 * 60


@pytest.fixture
def clock(monkeypatch, tmp_path):
    """The time, in a list; counts are in a folder of their own."""
    now = [float(NOON)]
    monkeypatch.setattr("app.last_hour.time.time", lambda: now[0])
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    last_hour._opened.cache_clear()
    yield now
    last_hour._opened.cache_clear()


def test_minutes_have_all_requests_and_errors(clock):
    assert last_hour.minutes() == [] and last_hour.started() == NOON
    for status in (200, 201, 304, 400, 404, 500):
        last_hour.count(status)
    clock[0] += 119
    last_hour.count(503)
    assert last_hour.minutes() == [Minute(NOON, 6, 2, 1), Minute(NOON + 60, 1, 0, 1)]
    assert last_hour.started() == NOON


def test_after_an_hour_a_minute_is_gone(clock):
    last_hour.count(200)
    clock[0] += 59 * 60
    last_hour.count(200)
    assert [minute.at for minute in last_hour.minutes()] == [NOON, NOON + 59 * 60]
    clock[0] += 60
    assert [minute.at for minute in last_hour.minutes()] == [NOON + 59 * 60]
    last_hour.count(404)
    assert last_hour.minutes() == [Minute(NOON + 59 * 60, 1, 0, 0), Minute(NOON + 60 * 60, 1, 1, 0)]


def test_other_processes_count_too(clock, tmp_path):
    """Even those that have ended: their requests were answered. What is incomplete is left out."""
    script = f"from app import last_hour; last_hour.time.time = lambda: {NOON - 60}; last_hour.count(500)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script], cwd=support.ROOT, check=True)
    (tmp_path / f"{last_hour.PREFIX}1").write_bytes(b"")
    (tmp_path / f"{last_hour.PREFIX}2").write_bytes(bytes(last_hour._BYTES))
    last_hour.count(200)
    assert last_hour.minutes() == [Minute(NOON - 60, 2, 0, 2), Minute(NOON, 1, 0, 0)]
    assert last_hour.started() == NOON - 60


def test_without_a_folder_a_process_counts_for_itself(clock, monkeypatch, tmp_path):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    last_hour.count(200)
    assert last_hour.minutes() == [Minute(NOON, 1, 0, 0)] and list(tmp_path.iterdir()) == []
