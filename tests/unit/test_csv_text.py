"""Answers as CSV (docs/kazoo/http.md, section 4)."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kazoo.csv_text import TooLong, dumps

VALUES = st.none() | st.booleans() | st.integers() | st.text()
OBJECTS = st.dictionaries(st.text(), VALUES | st.lists(st.text()), max_size=5)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([], ""),
        (None, ""),
        ("text", "text"),
        (["a", "b"], "ab"),
        ({}, "\n\n"),
        ({"id": "x", "a": {"b": 1, "c": {"d": True}}}, '"ID","a_b","a_c_d"\n"x","1","true"\n'),
        ([{"name": 'say "hi", all'}], '"name"\n"say ""hi"", all"\n'),
        ([{"a": ""}, {"b": None, "c": 1.5}], '"a","b","c"\n"",,\n,,"1.5"\n'),
        ([{"flags": ["x", "y"], "none": {}, "account_id": "A"}], '"flags","Account ID"\n"x,y","A"\n'),
        ([{"metadata": {"from": "+1"}}, "odd"], '"From"\n"+1"\n'),
    ],
)
def test_what_becomes_of_data(data, text):
    assert dumps(data) == text


@given(st.lists(OBJECTS, min_size=1))
def test_other_programs_read_as_many_cells_in_each_row(objects):
    columns = list(dict.fromkeys(name for each in objects for name in each))
    lines = list(csv.reader(io.StringIO(dumps(objects), newline="")))
    assert len(lines) == 1 + len(objects)
    # To a reader, a line with one empty cell has none.
    lines = [line or [""] * len(columns) for line in lines]
    assert all(len(line) == len(columns) for line in lines)
    for line, each in zip(lines[1:], objects, strict=True):
        for cell, name in zip(line, columns, strict=True):
            value = each.get(name)
            wanted = ",".join(value) if isinstance(value, list) else value
            wanted = "" if wanted is None else wanted if isinstance(wanted, str) else json.dumps(wanted)
            assert cell == wanted


def test_a_long_name_with_many_members_is_not_repeated_for_ever():
    deep = {"x": 1}
    for _ in range(250):
        deep = {"a": deep}
    assert dumps([deep]).endswith('_a_x"\n"1"\n')
    with pytest.raises(TooLong):
        dumps([{f"{row}.{column}": 1 for column in range(50)} for row in range(400)])
    with pytest.raises(TooLong):
        dumps({"n" * 1_000_000: {str(number): 1 for number in range(100_000)}})
