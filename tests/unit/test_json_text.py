"""JSON as Kazoo reads and writes it (docs/kazoo/http.md, sections 2.2 and 5)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kazoo import json_errors, json_text
from tests.counting import calls
from tests.unit import json_model

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"data":{}', "truncated_json around 11"),
        ("   ", "truncated_json around 4"),
        ('{"data":{},}', "invalid_json around 12"),
        ("nonsense", "invalid_literal around 1"),
        ('{"data":{}} x', "invalid_trailing_data around 13"),
        ('{"data":{"n":01}}', "invalid_json around 15"),
        ('{"data":{"n":NaN}}', "invalid_json around 14"),
        ('{"data":{"name":"a}}', "invalid_string around 21"),
        ('{"data":{"name":x}}', "invalid_json around 17"),
        ("\ufeff{}", "invalid_json around 1"),
        ('{"n":1E400}', "decoder_exit around 0"),
        ("[1,]", "invalid_json around 4"),
        ('["\\ud800"]', "invalid_string"),
        ('["\\x"]', "invalid_string around 4"),
        ('["\x01"]', "invalid_string around 3"),
        ("-", "invalid_number around 2"),
        ("[1.]", "invalid_number around 4"),
        ("1" * 5000, "decoder_exit around 0"),
    ],
)
def test_refused_text_names_the_byte(text, error):
    with pytest.raises(json_errors.JSONTextError) as refused:
        json_text.loads(text.encode())
    word, _, offset = error.partition(" around ")
    assert str(refused.value) == error if offset else str(refused.value).startswith(word)


@pytest.mark.parametrize("text", ["[" * 5_000_000, "[" * 300 + "]" * 300, '{"a":' * 4000, "[" * 900 + "]" * 900])
def test_depth_is_refused_without_recursion(text):
    with pytest.raises(json_errors.JSONTextError):
        json_text.loads(text.encode())


def test_depth_that_people_use_is_read():
    text = "[" * 200 + "]" * 200
    assert json_text.dumps(json_text.loads(text.encode())) == text


@given(JSON)
def test_what_is_written_is_read_again(value):
    text = json_text.dumps(value)
    assert json_text.loads(text.encode()) == value == json.loads(text)
    assert json.loads(json_text.pretty(value)) == value


@st.composite
def texts(draw):
    """JSON, half of it with one byte replaced or the end cut off."""
    text = json_text.dumps(draw(JSON)).encode()
    at = draw(st.integers(0, len(text) - 1))
    other = draw(st.binary(min_size=1, max_size=1))
    return draw(st.sampled_from([text, text, text[:at], text[:at] + other + text[at + 1 :]]))


PIECES = st.sampled_from(
    [*'[]{},: \n0-1.eE+tfnNIx"\\', "[1,", '{"a":', "true", "null", "12", "-0.5", "1e5", "1E400", "9" * 4301, "NaN"]
    + [
        "-Infinity",
        "Infinity",
        '"NI"',
        '"\\"',
        "\\u0061",
        "\\u00",
        "\\ud83d",
        "\\ude00",
        "\\ud83d\\ude00",
        "\\\\",
        "é",
    ]
)


@given(texts() | st.binary(max_size=60) | st.lists(PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode()))
@settings(max_examples=500)
def test_the_decoder_agrees_with_the_model(text):
    try:
        json_text.loads(text)
    except json_errors.JSONTextError as refused:
        # What is no UTF-8, or too deep, is told before anything else. So is a number that is too large.
        if is_utf8(text) and str(refused).split()[0] not in ("nesting_too_deep", "decoder_exit"):
            assert json_model.find_error(text) == str(refused)
    else:
        assert json_model.find_error(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "[" + "1," * 100_000,
        '["' + "\\u0061" * 30_000,
        '["' + "\\ud83d\\ude00" * 15_000 + '\\ud83d"]',
        "[" + "[]," * 60_000,
        "[" + '"NI",' * 40_000 + "NaN]",
        '{"a":"' + "x" * 200_000,
        "{" + ",".join(f'"{number}":1' for number in range(15_000)),
        "1." + "1" * 200_000 + ".",
    ],
    ids=range(8),
)
def test_a_large_text_is_refused_with_work_in_proportion(text):
    def work(size):
        def refuse():
            with pytest.raises(json_errors.JSONTextError):
                json_text.loads(text[:size].encode() + text[-1:].encode())

        return calls(refuse)

    size = len(text)
    # At most one call for each character. The first half alone may be refused at once.
    assert work(size) <= 2.2 * work(size // 2) + size


def test_a_text_with_too_many_values_is_not_read():
    most = json_text.MOST_VALUES
    assert len(json_text.loads(b"[" + b"1," * (most - 1) + b"1]")) == most
    with pytest.raises(json_errors.JSONTextError, match="too_many_values"):
        json_text.loads(b"[" + b"1," * most + b"1]")


@pytest.mark.parametrize("name", ["e-", "1e-x", "x1e-5", "e-e-" * 200, "e+", "a-1e+5"])
def test_an_id_that_looks_like_an_exponent_stays(name):
    for value in ({"id": name, "n": 1e30}, [name, 1e-7], {name: 0.5}):
        assert json.loads(json_text.dumps(value)) == value
        assert "e+30" in json_text.dumps({"id": name, "n": 1e30})


def is_utf8(text):
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1000.0, "1000.0"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (1e16, "10000000000000000.0"),
        (-2.5e-6, "-0.0000025"),
        (1.5e300, "1.5e+300"),
        (0.1, "0.1"),
        (-0.0, "0.0"),
    ],
)
def test_floats_as_ecmascript_writes_them(number, text):
    assert json_text.dumps({"n": [number]}) == f'{{"n":[{text}]}}'


def test_escapes():
    assert json_text.dumps('\x1f/é\u2028\x7f"\\\n') == '"\\u001F/é\u2028\x7f\\"\\\\\\n"'
    assert json_text.dumps("\\u001f 1e-07,") == '"\\\\u001f 1e-07,"'


def test_empty_containers_take_three_lines_when_pretty():
    assert json_text.pretty({"a": [], "b": 1}) == '{\n  "a" : [\n    \n  ],\n  "b" : 1\n}'
