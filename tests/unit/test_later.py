"""Work that is done later, by a thread of its own."""

import threading

from app import later
from app.later import Later

PATIENCE = 60


def test_what_is_noted_is_done_once():
    done, all_done = [], threading.Event()

    def work(*words):
        done.append(words)
        if words == ("last",):
            all_done.set()

    work_later = Later("work", work)
    work_later.note("a", "b", seconds=0.05)
    work_later.note("a", "b", seconds=0.05)
    work_later.note("last", seconds=0.1)
    assert all_done.wait(PATIENCE) and done == [("a", "b"), ("last",)]


def test_what_fails_is_tried_again_but_not_for_ever(monkeypatch, caplog):
    monkeypatch.setattr(later, "SECONDS_UNTIL_TRIED_AGAIN", 0.0)
    tried, ended = [], threading.Event()

    def work(word):
        tried.append(word)
        if word == "last":
            ended.set()
        raise ValueError("a secret")

    work_later = Later("work", work)
    work_later.note("first")
    work_later.note("last", seconds=0.5)
    assert ended.wait(PATIENCE) and tried.count("first") == later.MOST_TRIES
    assert "work of first: failed: ValueError" in caplog.text and "secret" not in caplog.text


def test_the_thread_ends_when_it_is_idle_and_starts_again(monkeypatch):
    monkeypatch.setattr(later, "SECONDS_IDLE", 0.01)
    done = threading.Semaphore(0)
    work_later = Later("idle work", lambda word: done.release())
    for _ in range(2):
        work_later.note("a")
        assert done.acquire(timeout=PATIENCE)
        for thread in [thread for thread in threading.enumerate() if thread.name == "idle work"]:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_the_list_has_an_end(monkeypatch):
    monkeypatch.setattr(later, "MOST_TASKS", 2)
    noted = []
    work_later = Later("work", noted.append)
    for number in range(4):
        work_later.note(str(number), seconds=3600)
    assert len(work_later._due) == 2
