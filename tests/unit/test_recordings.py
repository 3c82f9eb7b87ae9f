"""The recordings of a real Kazoo, replayed on the application in this process: the same as `make parity`, but quick."""

import json
from functools import cache

import pytest

from app.documents.differences import same
from tests.in_process import InProcess, read_fixtures, services_with
from tests.recordings import corpus, replay
from tests.recordings.__main__ import KNOWN_DEVIATIONS
from tests.support import RECORDINGS

TRANSCRIPTS = sorted(RECORDINGS.glob("transcripts/*.json")) + sorted(RECORDINGS.glob("ui/transcripts/*.json"))


def test_no_conversation_is_missing():
    assert len(TRANSCRIPTS) == 20


@cache
def fixtures_of(folder):
    return read_fixtures(folder / "fixtures.jsonl")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_conversation(tmp_path, path):
    send = InProcess(services_with(tmp_path, fixtures_of(path.parents[1])))
    outcomes = list(replay.replay(json.loads(path.read_text("utf-8")), send))
    assert len(outcomes) > 5
    wrong = {
        outcome.step["name"]: outcome.differences or outcome.other_order
        for outcome in outcomes
        if outcome.counts and (outcome.differences or outcome.other_order)
    }
    assert {(path.stem, name) for name in wrong} == {known for known in KNOWN_DEVIATIONS if known[0] == path.stem}, (
        wrong
    )


def test_patches(tmp_path):
    send = InProcess(services_with(tmp_path, fixtures_of(RECORDINGS)))
    send.services.store.save_doc(
        "system_config", {**send.services.store.open_doc("system_config", "crossbar"), "default": {"token_costs": 0}}
    )
    client = corpus.Client(RECORDINGS, send)
    cases = list(corpus.cases(RECORDINGS / "patch_corpus.jsonl"))
    assert len(cases) == 300
    for case in cases:
        got, want = client.run(case), corpus.wanted(case)
        assert same(got, want), case
