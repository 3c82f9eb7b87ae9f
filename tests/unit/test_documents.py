"""Pure functions on documents."""

import base64

import pytest

from app.audit import trunk
from app.documents import (
    MISSING,
    clock,
    connectivity,
    fields,
    filters,
    is_empty,
    is_true,
    listing,
    names,
    object_member,
    start_key,
    value_at,
)
from app.documents.fields import Author
from app.documents.merge import merge
from app.routing import Views

A = "11fdf24791d7f5caaf45d4bf76725c1a"
AUTHOR = Author("req-1", True, "b" * 32, "c" * 32)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (A, "g20AAAAgMTFmZGYyNDc5MWQ3ZjVjYWFmNDVkNGJmNzY3MjVjMWE"),
        ("a", "g20AAAABYQ"),
        (5, "g2EF"),
        (255, "g2H_"),
        (256, "g2IAAAEA"),
        (-1, "g2L_____"),
        (63890000000, "g24FAIAIJOAO"),
        (["a", 1], "g2wAAAACbQAAAAFhYQFq"),
        ([1, 2], "g2sAAgEC"),
        ([], "g2o"),
        ("k3", "g20AAAACazM"),
    ],
)
def test_start_keys_are_erlang_terms(key, text):
    assert start_key.encode(key) == text
    assert start_key.decode(text) == key


def text_of(term):
    """The start_key of these bytes, in hex."""
    return base64.urlsafe_b64encode(bytes.fromhex(term)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("key", "term"),
    [
        (0, "83 61 00"),
        (2**31 - 1, "83 62 7fffffff"),
        (-(2**31), "83 62 80000000"),
        (2**31, "83 6e 04 00 00000080"),
        (-(2**31) - 1, "83 6e 04 01 01000080"),
        (2**64, "83 6e 09 00 000000000000000001"),
        (256**255 - 1, "83 6e ff 00" + "ff" * 255),
        ([0, 255], "83 6b 0002 00ff"),
        ([256], "83 6c 00000001 62 00000100 6a"),
        ([-1, "é"], "83 6c 00000002 62 ffffffff 6d 00000002 c3a9 6a"),
        ([[1], []], "83 6c 00000002 6b 0001 01 6a 6a"),
        ([7] * 65535, "83 6b ffff" + "07" * 65535),
        ([7] * 65536, "83 6c 00010000" + "6107" * 65536 + "6a"),
        ("", "83 6d 00000000"),
    ],
)
def test_terms_at_the_edges_of_their_kinds(key, term):
    assert start_key.encode(key) == text_of(term)
    assert start_key.decode(text_of(term)) == key
    assert start_key.decode(base64.urlsafe_b64encode(bytes.fromhex(term)).decode()) == key


@pytest.mark.parametrize("key", [None, True, 1.5, {}, [None], [True], 256**255, ["a", {}]])
def test_keys_that_have_no_term(key):
    with pytest.raises(ValueError):
        start_key.encode(key)


@pytest.mark.parametrize(
    "term",
    [
        "82 61 00",
        "83 61",
        "83 62 000000",
        "83 61 00 00",
        "83 6d 00000002 61",
        "83 6d 00000001 ff",
        "83 6e 04 00 000000",
        "83 6b 0002 00",
        "83 6c 00000001 61 00",
        "83 6c 00000001 61 00 61 01",
        "83 64 0004 6e756c6c",
        "83 46 3ff8000000000000",
        "83 00",
    ],
)
def test_what_is_no_whole_term_is_a_text(term):
    assert start_key.decode(text_of(term)) == text_of(term)


@pytest.mark.parametrize(("depth", "is_key"), [(32, True), (33, False)])
def test_terms_are_read_to_a_depth(depth, is_key):
    key = "x"
    for _ in range(depth):
        key = [key]
    text = start_key.encode(key)
    assert start_key.decode(text) == (key if is_key else text)


@pytest.mark.parametrize(
    "text", ["k6", "g2gBag", "g2QABG51bGw", "g20AAAAB", "", "g", "é", "g20AAAABYWE", "g2wAAAAB" * 9]
)
def test_what_is_no_term_is_the_key_itself(text):
    assert start_key.decode(text) == text


MERGED = {"name": "n", "account": {"trunks": 1, "caller_id": {"cid_name": "x"}}, "servers": [{"a": 1}]}


@pytest.mark.parametrize(
    ("patch", "stored", "result"),
    [
        ({"account": {"trunks": 2}}, MERGED, {**MERGED, "account": {"trunks": 2, "caller_id": {"cid_name": "x"}}}),
        (
            {"name": None, "account": {"caller_id": {"cid_name": None}}},
            MERGED,
            {"account": {"trunks": 1, "caller_id": {}}, "servers": [{"a": 1}]},
        ),
        ({"account": {}}, MERGED, {**MERGED, "account": {}}),
        ({"servers": [{"b": {"c": None}}]}, MERGED, {**MERGED, "servers": [{"b": {"c": None}}]}),
        ({"account": None, "servers": None}, MERGED, {"name": "n"}),
        ({}, {"a": None, "b": {"c": None, "d": {}}, "e": [None]}, {"b": {"d": {}}, "e": [None]}),
        (
            {"new": {"x": None, "y": {"z": None}, "l": [None, {"n": None}]}},
            {},
            {"new": {"y": {}, "l": [None, {"n": None}]}},
        ),
        ({"a": {"b": {"x": 1, "y": None}}}, {"a": {"c": 1}}, {"a": {"b": {"x": 1}, "c": 1}}),
        ({"a": {"x": 1, "y": None}}, {"a": [1]}, {"a": {"x": 1, "y": None}}),
        ({"a": {"x": None}}, {"a": None}, {"a": {"x": None}}),
        ({"a": {}}, {}, {"a": {}}),
    ],
)
def test_merge(patch, stored, result):
    merged = merge(patch, stored)
    assert merged == result
    assert list(merged) == sorted(merged, reverse=True)


def test_objects_of_one_side_alone_are_sorted_as_merged_ones_are():
    merged = merge({"new": {"a": 1, "b": {"c": 1, "d": 2}}}, {"old": {"a": 1, "b": 2}})
    assert list(merged["new"]) == ["b", "a"] and list(merged["new"]["b"]) == ["d", "c"]
    assert list(merged["old"]) == ["b", "a"]


def test_stamp_writes_what_kazoo_writes(monkeypatch):
    monkeypatch.setattr("app.documents.fields.gregorian_now", lambda: 63962610841)
    author = Author("req-1", True, "b" * 32, "c" * 32)
    document = fields.stamp({"_id": "d", "id": "x", "name": "My PBX #1", "pvt_type": "sys_info"}, A, author)
    assert document == {
        "_id": "d",
        "name": "My PBX #1",
        "pvt_type": "sys_info",
        "pvt_vsn": "1",
        "pvt_account_id": A,
        "pvt_account_db": "account%2F11%2Ffd%2Ff24791d7f5caaf45d4bf76725c1a",
        "pvt_created": 63962610841,
        "pvt_modified": 63962610841,
        "pvt_request_id": "req-1",
        "pvt_is_authenticated": True,
        "pvt_auth_user_id": "c" * 32,
        "pvt_auth_account_id": "b" * 32,
        "pvt_alphanum_name": "mypbx1",
    }


def test_stamp_keeps_what_it_has_nothing_newer_for():
    stored = {"_id": "d", "_rev": "1-a", "pvt_created": 5, "pvt_auth_user_id": "u", "pvt_alphanum_name": "old"}
    document = fields.stamp(stored, A, Author("r", True, "b" * 32))
    assert document["pvt_created"] == 5
    assert document["pvt_auth_user_id"] == "u" and document["pvt_auth_account_id"] == "b" * 32
    assert document["pvt_alphanum_name"] == "old"
    assert "pvt_created" in fields.stamp({"_id": "d", "rev": "1"}, A, Author("r", False))


def test_what_is_read_only_comes_after_the_id_where_it_is_stored():
    stored = {"_id": "d", "_read_only": {"x": 1}, "a": 1}
    assert list(fields.answer_data(stored).items()) == [("a", 1), ("id", "d"), ("_read_only", {"x": 1})]
    assert fields.private(stored) == {"_id": "d", "_read_only": {"x": 1}}
    assert fields.public({**stored, "pvt_x": 1, "pvtx": 2, "x_": 3}) == {"a": 1, "pvtx": 2, "x_": 3}


@pytest.mark.parametrize(
    ("value", "deleted"), [(True, True), ("true", True), (False, False), ("yes", False), (1, False)]
)
def test_soft_deletion(value, deleted):
    assert fields.is_deleted({"pvt_deleted": value}) is deleted and not fields.is_deleted({})


def test_an_impersonator_is_written_down():
    document = fields.stamp({"_id": "d"}, A, Author("r", False, None, None, "o" * 32, "p" * 32))
    assert document["pvt_original_auth_account_id"] == "o" * 32
    assert document["pvt_original_auth_owner_id"] == "p" * 32
    assert document["pvt_is_authenticated"] is False
    assert "pvt_auth_account_id" not in document and "pvt_alphanum_name" not in document
    assert "pvt_alphanum_name" not in fields.stamp({"_id": "d", "name": 5}, A, AUTHOR)
    kept = {"_id": "d", "_rev": "1-a", "pvt_vsn": "0", "pvt_account_id": "x", "pvt_account_db": "y"}
    stamped = fields.stamp(kept, A, AUTHOR)
    assert [stamped[name] for name in ("pvt_vsn", "pvt_account_id", "pvt_account_db")] == ["0", "x", "y"]
    assert "pvt_created" not in stamped and kept == {
        "_id": "d",
        "_rev": "1-a",
        "pvt_vsn": "0",
        "pvt_account_id": "x",
        "pvt_account_db": "y",
    }


def test_values_at_paths():
    value = {"a": [{"b": None}, 5]}
    assert value_at(value, ("a", 0, "b")) is None and value_at(value, ("a", 1)) == 5 and value_at(value, ()) is value
    for path in (("x",), ("a", 2), ("a", "b"), ("a", 1, "x"), ("a", 0, "c")):
        assert value_at(value, path) is MISSING, path
    assert object_member(value, "a") == value["a"] and object_member(value) is value
    assert object_member(value, "a", "b") is None and object_member(None, "a") is None


def test_kazoo_s_truth():
    assert is_true(True) and is_true("true")
    assert not any(map(is_true, (False, None, 1, "True", "false", [])))


def test_names_of_databases():
    assert names.account_db(A) == "account/11/fd/f24791d7f5caaf45d4bf76725c1a"
    assert names.account_of("account/11/fd/f24791d7f5caaf45d4bf76725c1a") == A
    for other in (
        names.month_db(A),
        "accounts",
        "account/11/fd/short",
        "xaccount/11/fd/f24791d7f5caaf45d4bf76725c1a",
    ):
        assert names.account_of(other) is None
    assert names.month_db(A, 0) == "account/11/fd/f24791d7f5caaf45d4bf76725c1a-197001"
    assert names.month_db(A, 1795514400) == "account/11/fd/f24791d7f5caaf45d4bf76725c1a-202611"
    assert names.number_db("+14158867900") == "numbers/+1415"
    assert names.encoded("numbers/+1415") == "numbers%2F%2B1415"
    assert names.alphanumeric("Acme, Inc. (NY) #1 é") == "acmeincny1"
    assert names.is_account_id("é" * 16) and not names.is_account_id("é" * 32) and not names.is_account_id("a" * 31)
    made = {names.new_id() for _ in range(5)}
    assert len(made) == 5 and all(len(one) == 32 and int(one, 16) >= 0 for one in made)


def test_times(monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1795514400.9)
    assert clock.gregorian_now() == 63962733600 and clock.iso_now() == "2026-11-24T10:00:00Z"


def test_answers_show_public_members_and_the_id_last():
    stored = {"_id": "d", "_rev": "1-a", "id": "other", "b": 1, "pvt_x": 2, "a": {"_y": 1}}
    assert list(fields.answer_data(stored).items()) == [("b", 1), ("a", {"_y": 1}), ("id", "d")]


@pytest.mark.parametrize(
    ("data", "given"),
    [
        ({"id": "x"}, "x"),
        ({"_id": "y", "id": "x"}, "y"),
        ({"ID": "z"}, "z"),
        ({"value": {"id": "v"}}, "v"),
        ({"doc": {"_id": "w"}}, "w"),
        ({"id": "0"}, None),
        ({"id": "undefined"}, None),
        ({"id": {}}, None),
        ({"id": 5}, 5),
        ({}, None),
    ],
)
def test_given_id(data, given):
    assert fields.given_id(data) == given


@pytest.mark.parametrize("value", ["", "0", "NULL", "undefined", 0, 0.0, None, [], {}])
def test_empty(value):
    assert is_empty(value)


@pytest.mark.parametrize("value", ["x", 1, False, True, [0], {"a": 1}, "null"])
def test_not_empty(value):
    assert not is_empty(value)


def test_realm_and_dids():
    document = {
        "account": {"auth_realm": "x", "trunks": 1},
        "servers": [{"DIDs": {"+1": {}, "2": {}}}, {"DIDs": {"2": {}}}, 5],
    }
    assert connectivity.with_realm(document, "r")["account"] == {"auth_realm": "r", "trunks": 1}
    assert connectivity.with_realm({}, "r") == {"account": {"auth_realm": "r"}}
    assert connectivity.with_realm({"a": 1}, None) == {"a": 1}
    assert connectivity.dids(document) == ["+1", "2"]


def test_what_calls_and_bills_are_made_of():
    good = {"auth": {"auth_method": "password", "auth_user": "u"}, "options": {}, "DIDs": {"+1": {}}}
    by_ip = {"auth": {"auth_method": "IP", "ip": "192.0.2.1"}}
    bad = {"auth": {"auth_method": "PassWord", "auth_user": 5}, "options": [], "DIDs": {"4158867900": {}}}
    document = {"account": {}, "servers": [good, by_ip, bad, {"auth": "x"}, 5]}
    assert [(found.rule, found.path) for found in trunk.handling(document)] == [
        ("no-auth", "servers.3.auth"),
        ("no-auth", "servers.4.auth"),
        ("no-user", "servers.2.auth.auth_user"),
        ("no-user", "servers.1.auth.auth_user"),
        ("ip", "servers.1.auth.ip"),
        ("crash", "servers.2.options"),
        ("crash", "servers.2.auth.auth_user"),
        ("number-format", "servers.2.DIDs.4158867900"),
        *(("no-dids", f"servers.{index}.DIDs") for index in (1, 3, 4)),
    ]
    billed = {"account": {}, "billing": {}, "service": {"plans": {"x": 1}}}
    assert [found.path for found in trunk.handling(billed)] == ["billing", "service.plans"]
    # Kazoo's own views also read servers that are in an object.
    of_object = {"account": {}, "servers": {"a": {}}, "service": {}}
    assert [(found.rule, found.path) for found in trunk.handling(of_object)] == [("no-auth", "servers.a.auth")]
    assert list(trunk.handling(of_object, Views.OURS)) == []


DOCUMENT = {
    "_id": "d1",
    "name": "n1",
    "n": 4,
    "half": 1.5,
    "yes": True,
    "nothing": None,
    "empty": "",
    "tags": ["x", "y"],
    "mixed": ["x", 1],
    "servers": [{"server_name": "pbx1"}],
    "account": {"trunks": 2},
    "pvt_created": 100,
}


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("filter_name=n1", True),
        ("filter_name=n2", False),
        ("filter_n=4", True),
        ("filter_yes=true", True),
        ("filter_nothing=null", True),
        ("filter_half=1.5", True),
        ('filter_account={"trunks":2}', True),
        ("filter_tags=xy", True),
        ("filter_mixed=", True),
        ("filter_missing=", True),
        ("filter_missing=x", False),
        ('filter_name=["n0","n1"]', True),
        ("filter_n=[4]", False),
        ('filter_name="n1"', True),
        ("filter_servers.1.server_name=pbx1", True),
        ("filter_servers.2.server_name=pbx1", False),
        ("filter_servers.x.server_name=pbx1", False),
        ("filter__id=d1", True),
        ("filter_id=d1", False),
        ("filter_not_name=n1", False),
        ("filter_not_name=n2", True),
        ("filter_not_name.deeper=x", False),
        ("key_missing=name.deeper", False),
        ("has_key=nothing", True),
        ("has_key=missing", False),
        ("key_missing=missing", True),
        ("has_value=nothing", False),
        ("has_value=name", True),
        ("value_missing=empty", True),
        ("value_missing=name", False),
        ("missing_value=name", True),
        ("has_keyfoo=x", True),
        ("has_key", False),
        ("created_from=100", True),
        ("created_from=101", False),
        ("created_to=100", True),
        ("created_to=99", False),
        ("created_from=x", False),
        ("modified_from=5", True),
        ("modified_to=5", False),
        ("colour=blue", True),
    ],
)
def test_filters(query, kept):
    name, equals, value = query.partition("=")
    assert filters.passes(DOCUMENT, [(name, value if equals else True)]) is kept


class Row:
    def __init__(self, key, doc_id=None):
        self.id, self.key = doc_id or key, key


def pages(keys, page_size, start=None, keep=None):
    def fetch(first, limit):
        rows = [Row(key) for key in keys if first is None or key >= first]
        return rows[:limit]

    select = (lambda rows: [row for row in rows if keep(row)]) if keep else None
    page = listing.read_page(fetch, select, page_size, start)
    return [row.id for row in page.items], page.page_size, page.start_key, page.next_start_key


K = [f"k{number}" for number in range(8)]


def is_odd(row):
    return int(row.id[1:]) % 2 == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((K, 3), (["k2", "k1", "k0"], 4, None, "k3")),
        ((K, 3, "k3"), (["k5", "k4", "k3"], 4, "k3", "k6")),
        ((K, 3, "k6"), (["k7", "k6"], 2, "k6", None)),
        ((K, 8), (K[::-1], 8, None, None)),
        ((K, 50), (K[::-1], 8, None, None)),
        (([], 50), ([], 0, None, None)),
        ((K, 3, "z"), ([], 0, "z", None)),
        ((K, 2, None, is_odd), (["k3", "k1"], 7, "k3", "k4")),
        ((K, 50, None, lambda row: False), ([], 0, None, None)),
    ],
)
def test_pages_count_as_kazoo_counts(arguments, expected):
    assert pages(*arguments) == expected


@pytest.mark.parametrize("equal", [1, 199, 200, 201, 1000])
def test_rows_of_equal_keys_are_looked_at_once(equal):
    rows = [Row("a", "first"), *(Row("b", f"{number:04}") for number in range(equal)), Row("c", "last")]

    def fetch(first, limit):
        return [row for row in rows if first is None or row.key >= first][:limit]

    seen = []
    page = listing.read_page(fetch, lambda rows: seen.extend(row.id for row in rows) or [], 1)
    assert page.items == []
    assert seen == [row.id for row in rows]


def test_a_filter_that_keeps_nothing_does_not_fetch_row_by_row():
    calls = []

    def fetch(first, limit):
        calls.append(limit)
        rows = [Row(f"{number:05}") for number in range(5000)]
        return [row for row in rows if first is None or row.key >= first][:limit]

    page = listing.read_page(fetch, lambda rows: [], 1)
    assert page.items == [] and page.page_size == 0 and len(calls) < 40
