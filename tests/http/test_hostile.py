"""`make hostile`, briefly."""

import os
import subprocess
import sys

import pytest

from tests import support
from tests.load.hostile import random_requests
from tests.support import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.repeated]
# Of each of eight clients.
REQUESTS = support.often(25, 2000)


def hostile(**settings):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOSTILE_")}
    command = [sys.executable, "-m", "tests.load.hostile"]
    return subprocess.run(
        command, cwd=ROOT, env={**environment, **settings}, capture_output=True, text=True, timeout=120
    )


def test_an_attack_ends_with_a_table_and_a_status():
    """What it measures are times, so here either verdict is right."""
    ended = hostile(HOSTILE_SECONDS="0.3", HOSTILE_ONLY="chunks")
    lines = ended.stdout.splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["| Attack", "| ---", "| chunks"], ended.stderr
    assert ended.returncode == int(any(not line.endswith("| hold |") for line in lines[2:]))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"HOSTILE_URL": "http://192.0.2.1:8000", "HOSTILE_ACCOUNT": "a", "HOSTILE_TOKEN": "b"},
            "only your own service",
        ),
        ({"HOSTILE_URL": "http://127.0.0.1:8000"}, "needs HOSTILE_ACCOUNT and HOSTILE_TOKEN"),
        ({"HOSTILE_ONLY": "chunks,kindness"}, "no attack kindness"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, reason):
    ended = hostile(**settings)
    assert ended.returncode == 1 and ended.stdout == "" and reason in ended.stderr


@pytest.mark.parametrize("engine", ["embedded", pytest.param("couchdb", marks=pytest.mark.long_only)])
def test_random_requests_find_nothing(engine):
    if engine == "couchdb":
        with support.couchdb_or_skip():
            pass
    told = []
    assert random_requests.main(["--requests", str(REQUESTS), "--engine", engine], told.append) == 0, "\n".join(told)
    assert f" {8 * REQUESTS} requests" in told[0] and "200:" in told[1], told
