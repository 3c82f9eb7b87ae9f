"""Turns at what threads contend for."""

import threading

from app import contention

PATIENCE = 60


def test_one_thread_has_a_turn_and_others_wait_or_go_on(monkeypatch):
    entered, may_leave = threading.Event(), threading.Event()

    def hold():
        with contention.turn("a"):
            entered.set()
            may_leave.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(PATIENCE) and contention.is_contended("a") and not contention.is_contended("b")
    # What differs is not waited for.
    with contention.turn("b"):
        assert contention.is_contended("b")
    assert not contention.is_contended("b")
    # Nobody waits longer than that.
    monkeypatch.setattr(contention, "PATIENCE", 0.01)
    with contention.turn("a"):
        assert not may_leave.is_set()
    may_leave.set()
    holder.join(PATIENCE)
    assert not contention.is_contended("a")
