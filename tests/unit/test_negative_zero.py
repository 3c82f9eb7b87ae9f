"""Kazoo answers `-0.0` as `0.0` (docs/kazoo/http.md, section 5)."""

import pytest

from app.kazoo import json_text

SENT = b'{"a":[-0.0,{"b":-0.0}],"c":-0e0,"d":-1E-400,"e":-0,"f":1e300}'
ANSWERED = '{"a":[0.0,{"b":0.0}],"c":0.0,"d":0.0,"e":0,"f":1e+300}'


def test_negative_zero_is_answered_as_zero_wherever_it_is():
    assert json_text.dumps(json_text.loads(SENT)) == ANSWERED


def test_a_stored_negative_zero_is_answered_as_zero_in_every_form():
    assert json_text.dumps([-0.0]) == "[0.0]"
    assert json_text.dumps([1e300, -0.0]) == "[1e+300,0.0]"
    assert json_text.float_text(-0.0) == "0.0"
    assert json_text.pretty([-0.0]) == "[\n  0.0\n]"


@pytest.mark.parametrize("text", ["[-0.5,-1.0,0.0]", '["-0.0"]', '{"-0.0":1}', '["a,-0.0,b"]', '["x:-0.0"]'])
def test_other_numbers_and_texts_stay_as_they_are(text):
    assert json_text.dumps(json_text.loads(text.encode())) == text
