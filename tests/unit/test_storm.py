"""What `make storm` finds after a storm."""

from tests.load.storm.check import is_whole, missing, refused_but_kept, slow_for_too_long, summary
from tests.load.storm.clients import Write


def write(kind="PATCH", mark="m1", status=200, begun=0.0, ended=0.1, doc_id="d"):
    return Write(kind, doc_id, mark, status, begun, ended)


def test_an_acknowledged_patch_that_is_not_there_is_missing():
    kept, lost, unknown = write(mark="a"), write(mark="b"), write(mark="c", status=503)
    assert missing([kept, lost, unknown], {"d": {"marks": {"a": 1}}}.get) == [lost]


def test_a_later_post_explains_it_and_an_earlier_one_does_not():
    document = {"marks": {}, "posted": "p"}
    before = write("POST", "p", begun=0, ended=1)
    patch = write(mark="a", begun=2, ended=3)
    after = write("POST", "p", begun=4, ended=5)
    assert missing([before, patch], {"d": document}.get) == [patch]
    assert missing([patch, after], {"d": document}.get) == []
    lost = write("POST", "q", begun=6, ended=7)
    assert missing([patch, after, lost], {"d": document}.get) == [lost]


def test_what_was_deleted_must_be_gone_and_what_was_created_must_be_there():
    created, deleted = write("PUT", "", 201), write("DELETE", "", begun=1, ended=2)
    assert missing([created, deleted], {"d": {}}.get) == [deleted]
    assert missing([created, deleted], {}.get) == []
    assert missing([created], {}.get) == [created]


def test_refused_but_kept():
    refused = [write("If-Match", "a", 412), write("If-Match", "b", 412), write("If-Match", "c", 200)]
    assert refused_but_kept(refused, {"d": {"marks": {"a": 1, "c": 1}}}.get) == [refused[0]]


def test_the_time_to_recover_counts_from_the_first_that_was_slow():
    writes = [
        write(begun=0, ended=3),
        write(begun=1, ended=3.5),
        write(begun=4.1, ended=4.4),
        write(begun=5, ended=5.2),
    ]
    assert round(slow_for_too_long(writes), 3) == 0.3
    assert slow_for_too_long([write()]) == 0
    assert "4 in 6 s" in summary(writes, 6)["writes"]


def test_histories():
    assert is_whole(["3-c", "2-b", "1-a"]) and not is_whole(["3-c", "1-a"]) and not is_whole([])
