"""Documents that several threads want written, in batches."""

import json
import threading

import pytest

from app.store import StoreError, Unavailable
from app.store.couchdb.batches import LARGEST_BATCH, Batches


def test_what_comes_while_a_batch_is_written_is_the_next_batch():
    begun, go = threading.Event(), threading.Event()
    written = []

    def write(db, texts):
        begun.set()
        assert go.wait(120)
        written.append((db, [json.loads(text)["n"] for text in texts]))
        return [None] * len(texts)

    batches = Batches(write)
    futures = [batches.put("a", {"n": 0})]
    assert begun.wait(120)
    futures += [batches.put("a", {"n": number}) for number in (1, 2, 3)] + [batches.put("b", {"n": 4})]
    go.set()
    assert [future.result(10) for future in futures] == [None] * 5
    assert written == [("a", [0]), ("a", [1, 2, 3]), ("b", [4])]


def test_each_is_told_its_own_error():
    refused = StoreError("refused")
    batches = Batches(lambda db, texts: [refused if b"bad" in text else None for text in texts])
    futures = [batches.put("a", {"n": text}) for text in ("good", "bad")]
    assert [future.result(10) for future in futures] == [None, refused]


@pytest.mark.parametrize("error", [Unavailable("gone"), ValueError("no JSON")])
def test_nobody_waits_for_ever_after_an_error(error):
    def fail(db, texts):
        raise error

    batches = Batches(fail)
    assert isinstance(batches.put("a", {}).result(10), Unavailable)
    assert isinstance(batches.put("a", {}).result(10), Unavailable)


def test_an_answer_with_too_few_parts_is_an_error():
    assert isinstance(Batches(lambda db, texts: []).put("a", {}).result(10), Unavailable)


def test_a_batch_has_a_greatest_size():
    begun, go, sizes = threading.Event(), threading.Event(), []

    def write(db, texts):
        begun.set()
        assert go.wait(120)
        sizes.append(len(texts))
        return [None] * len(texts)

    batches = Batches(write)
    first = batches.put("a", {})
    assert begun.wait(120)
    futures = [batches.put("a", {"text": "x" * (LARGEST_BATCH // 2)}) for _ in range(3)]
    go.set()
    assert first.result(10) is None and [future.result(10) for future in futures] == [None] * 3
    assert sizes == [1, 1, 1, 1]
