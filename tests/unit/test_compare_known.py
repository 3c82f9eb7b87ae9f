"""Which differences `compare` knows from `docs/deviations.md`, and what it does with them."""

import pytest

from app.compare.known import ROWS, known_as
from app.compare.reads import Comparison

LIST, DOCUMENT = '"0123456789abcdef0123456789abcdef"', f'"1-{"a" * 32}"'
SOME_ROW = ROWS[0][0]


def answer(status, etag=None, body=b""):
    return status, {"etag": etag} if etag else {}, body


@pytest.mark.parametrize(
    ("old", "new", "condition", "is_known"),
    [
        (answer(200, LIST), answer(304), "If-None-Match", True),
        (answer(200, DOCUMENT), answer(304), "If-None-Match", False),
        (answer(200, LIST), answer(304), "", False),
        (answer(304), answer(200, LIST), "If-None-Match", False),
        (answer(200, LIST), answer(412), "If-None-Match", False),
        (answer(500, body=b"datastore_fault"), answer(503, body=b"datastore_unreachable"), "", True),
        (answer(500), answer(503), "", False),
        (answer(200), answer(404), "", False),
    ],
)
def test_what_is_known(old, new, condition, is_known):
    assert bool(known_as(old, new, condition)) is is_known


class Fake:
    """A server that answers a list of objects, and a condition on it, as Kazoo or as this service does."""

    def __init__(self, conditional):
        self.token, self.account_id, self._conditional = "t" * 40, "a" * 32, conditional

    def get(self, target, headers):
        return self._conditional if headers else answer(200, LIST, b"{}")


def test_what_is_known_is_counted_and_not_reported():
    reported = []
    comparison = Comparison(Fake(answer(200, LIST, b"{}")), Fake(answer(304, LIST)), reported.append)
    comparison.ask("/v2/accounts/x/users")
    assert reported == [] and comparison.differing == 0 and comparison.asked == 2
    assert [(known.target, known.known_as) for known in comparison.known] == [("/v2/accounts/x/users", SOME_ROW)]
    other = Comparison(Fake(answer(404)), Fake(answer(304, LIST)), reported.append)
    other.ask("/v2/accounts/x/users")
    assert len(reported) == other.differing == 1 and other.known == []
