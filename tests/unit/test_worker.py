"""What the worker expects of gunicorn."""

import pytest
from gunicorn.http.unreader import Unreader
from gunicorn.workers.gthread import ThreadWorker

from app.worker import GunicornChanged, check_gunicorn


def test_the_installed_gunicorn_is_the_expected_one():
    check_gunicorn()


def test_another_gunicorn_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(ThreadWorker, "finish_request", lambda self, conn: None)
    monkeypatch.delattr(Unreader, "take_buffered")
    with pytest.raises(GunicornChanged) as refused:
        check_gunicorn()
    told = str(refused.value)
    assert "ThreadWorker.finish_request" in told and "Unreader.take_buffered" in told
    assert "ThreadWorker.accept" not in told and "\n" not in told


def test_a_worker_without_an_attribute_is_refused(monkeypatch):
    def other(self, *args, **kwargs):
        self.poller = self.pending_conns = self.nr_conns = None

    monkeypatch.setattr(ThreadWorker, "__init__", other)
    with pytest.raises(GunicornChanged, match="keepalived_conns"):
        check_gunicorn()
