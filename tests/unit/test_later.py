"""Work that is done later, by a thread of its own."""

import threading

from app import later
from app.later import Later
from tests import support

PATIENCE = 60


def test_what_is_noted_is_done_once():
    done, all_is_noted, all_is_done = [], threading.Event(), threading.Event()

    def work(word):
        done.append(word)
        if word == "first":
            all_is_noted.wait(PATIENCE)
        if word == "last":
            all_is_done.set()

    work_later = Later("work", work)
    for word in ("first", "again", "again", "last"):
        work_later.note(word)
    all_is_noted.set()
    assert all_is_done.wait(PATIENCE) and done == ["first", "again", "last"]


def test_what_fails_is_tried_again_but_not_for_ever(monkeypatch, caplog):
    monkeypatch.setattr(later, "SECONDS_UNTIL_TRIED_AGAIN", 0.0)
    tried = []

    def work(word):
        tried.append(word)
        raise ValueError("a secret")

    work_later = Later("work", work)
    for word in ("first", "last"):
        work_later.note(word)
        support.wait_until(lambda word=word: tried.count(word) == later.MOST_TRIES, message="all tries")
    assert tried == ["first"] * later.MOST_TRIES + ["last"] * later.MOST_TRIES
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
