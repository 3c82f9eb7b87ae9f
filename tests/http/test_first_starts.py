"""Several services that are started at once, and what killed ones leave behind."""

import fcntl
import signal
import tempfile
from pathlib import Path

import pytest
import requests

from app.commands.serve import _metrics_directory
from app.store.embedded.store import EmbeddedStore
from tests import support

pytestmark = pytest.mark.slow

ATTEMPTS = 3
COUNTS = "connectivity-metrics-*"


@pytest.mark.parametrize("attempt", range(ATTEMPTS))
def test_first_starts_at_once_make_one_demonstration_and_all_of_them_serve_it(tmp_path, attempt):
    environment = {"DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(tmp_path)}
    servers = [
        support.service({**environment, "TEST_LOG": str(tmp_path / f"log{number}")}, workers=1, demo=True)
        for number in range(3)
    ]
    try:
        # `start` would wait for one before the next begins.
        for server in servers:
            server.process = server._launched()
        for server in servers:
            support.wait_until(lambda server=server: support.answers(server.url) or server._check_alive())
        demo = dict(line.split("=", 1) for line in (tmp_path / "data/demo.env").read_text().splitlines())
        (row,) = EmbeddedStore(tmp_path / "data").query_view("accounts", "accounts/listing_by_realm")
        assert row.id == demo["ACCOUNT_ID"]
        login = {"data": {"credentials": demo["CREDENTIALS"], "account_name": "Demo"}}
        for server in servers:
            answer = requests.put(f"{server.url}/v2/user_auth", json=login, timeout=120)
            assert answer.status_code == 201 and answer.json()["data"]["account_id"] == row.id
            token = answer.json()["auth_token"]
            # A token is good at each of them: they have one key.
            for other in servers:
                url = f"{other.url}/v2/accounts/{row.id}/connectivity"
                assert requests.get(url, headers={"X-Auth-Token": token}, timeout=120).status_code == 200
    finally:
        for server in servers:
            server.stop()


def folders(tmp_path):
    return sorted(tmp_path.glob(COUNTS))


def started(world, tmp_path):
    environment = {**world.environment, "TMPDIR": str(tmp_path)}
    return support.service(environment, workers=1, forked=False).start()


def test_the_counts_of_killed_services_are_cleaned_up_at_the_next_start(tmp_path):
    world = support.embedded_world(tmp_path / "data").populate()
    for _ in range(2):
        server = started(world, tmp_path)
        server.kill(signal.SIGKILL)
    assert folders(tmp_path)
    server = started(world, tmp_path)
    try:
        (folder,) = folders(tmp_path)
        assert any(folder.iterdir())
    finally:
        server.stop()
    assert folders(tmp_path) == []


def test_the_counts_of_running_services_and_of_others_are_left_alone(tmp_path):
    world = support.embedded_world(tmp_path / "data").populate()
    first = started(world, tmp_path)
    try:
        (folder,) = folders(tmp_path)
        foreign = tmp_path / "connectivity-metrics.txt"
        foreign.write_text("of somebody else")
        second = started(world, tmp_path)
        second.stop()
        assert folders(tmp_path) == [folder] and any(folder.iterdir()) and foreign.exists()
    finally:
        first.stop()


def test_a_service_that_is_starting_keeps_its_folder_of_counts(tmp_path, monkeypatch):
    """Another one starts, and cleans up, in the moment before the first one holds its lock."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    flock, others = fcntl.flock, []

    def lock_late(file, operation):
        if not others:
            others.append(True)
            with _metrics_directory() as other:
                others.append(other)
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with _metrics_directory() as directory:
        assert len(others) == 2 and others[1] != directory
        assert sorted(path.name for path in Path(directory).iterdir()) == ["lock"]
    assert not Path(directory).exists()
