"""Normalised numbers, and the messages to the broker (docs/kazoo/documents.md, sections 7.3 and 9)."""

import pytest

from app.events.notices import Notices, routing_segment
from app.numbers.normalise import is_reconcilable, known_numbers, normalise


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("4158867900", "+14158867900"),
        ("14158867900", "+14158867900"),
        ("+14158867900", "+14158867900"),
        ("01144207946000", "+44207946000"),
        ("0044207946000", "+44207946000"),
        ("44207946000", "+44207946000"),
        ("office", "office"),
        ("", ""),
        ("+", "+"),
    ],
)
def test_normalise(typed, number):
    assert normalise(typed) == number


def test_reconcilable():
    assert is_reconcilable("+14158867900") and is_reconcilable("+44207946000")
    assert not is_reconcilable("+") and not is_reconcilable("office") and not is_reconcilable("911")


def test_rules_of_the_operator():
    rules = {"e164_converters": {"^0(\\d+)$": {"prefix": "+49", "suffix": ""}, "(": {"prefix": "x"}}}

    def config(document, *path, default=None):
        return rules.get(path[0], default)

    assert known_numbers(["0301234567", "", "x"], config) == {"0301234567": "+49301234567"}


class Line:
    def __init__(self):
        self.sent = []

    def publish(self, exchange, routing_key, payload):
        self.sent.append((exchange, routing_key, payload))


def test_routing_segments():
    assert routing_segment("4a6863.sip.example.com") == "4a6863%2Esip%2Eexample%2Ecom"
    assert routing_segment("+14158867900") == "%2B14158867900"
    assert routing_segment("a b~_-") == "a+b~_-" and routing_segment("*") == "*" and routing_segment("é") == "%C3%A9"


def test_document_notice():
    line = Line()
    document = {
        "_id": "c0ffee00c0ffee00c0ffee00c0ffee00",
        "_rev": "1-abc",
        "pvt_type": "sys_info",
        "pvt_created": 1,
        "pvt_modified": 2,
        "pvt_account_id": "11fdf24791d7f5caaf45d4bf76725c1a",
    }
    Notices(line, "node@host").created("account/11/fd/f24791d7f5caaf45d4bf76725c1a", document)
    ((exchange, key, payload),) = line.sent
    db = "account%2F11%2Ffd%2Ff24791d7f5caaf45d4bf76725c1a"
    assert exchange == "configuration"
    assert key == f"doc_created.{db}.sys_info.c0ffee00c0ffee00c0ffee00c0ffee00"
    assert payload.pop("Msg-ID")
    assert payload == {
        "Origin-Cache": "kazoo_data_cache",
        "Type": "sys_info",
        "Rev": "1-abc",
        "Is-Soft-Deleted": False,
        "Date-Modified": 1,
        "Date-Created": 2,
        "Account-ID": "11fdf24791d7f5caaf45d4bf76725c1a",
        "Database": db,
        "ID": "c0ffee00c0ffee00c0ffee00c0ffee00",
        "Node": "node@host",
        "Event-Name": "doc_created",
        "Event-Category": "configuration",
        "App-Version": "4.0.0",
        "App-Name": "datamgr",
    }


def test_number_notice_has_no_account():
    line = Line()
    Notices(line, "n").edited("numbers/+1415", {"_id": "+14158867900", "_rev": "2-b", "pvt_type": "number"})
    _, key, payload = line.sent[0]
    assert key == "doc_edited.numbers%2F%2B1415.number.%2B14158867900"
    assert "Account-ID" not in payload and payload["Database"] == "numbers%2F%2B1415"
