"""The service runs on every Python 3.11: 3.11.0 to 3.11.3 read possessive quantifiers and atomic groups wrongly."""

import ast
import json
import re
import shutil
import subprocess
import warnings

import pytest

from app.kazoo import json_text
from tests.support import ROOT

SYSTEMS = "/usr/bin/python3"
TEXTS = [
    '"a\\ud800b"',
    '["\\ud800"]',
    '["\\udc00"]',
    '{"a":"x\\ud83d\\ude00y"}',
    '{"a":"x\\ud83d\\ude00y\\ud800"}',
    '{"a\\ud800":1}',
    '["\\\\ud800"]',
    '["\\\\\\ud800", "b\\n"]',
    '["a\\nb", "\\ud800\\u0041"]',
    '["a", NaN]',
    '["N", "I\\"N", Infinity]',
    '["a\\n\\"N", -Infinity]',
    '["\\ud800", NaN]',
]
# What the other Python runs: no test runner need be installed there.
SCRIPT = """
import json, sys
from app.kazoo import json_text

def outcome(text):
    try:
        return json_text.dumps(json_text.loads(text.encode()))
    except Exception as error:
        return f"{type(error).__name__}: {error}"

print(json.dumps([outcome(text) for text in json.load(sys.stdin)]))
"""


def outcome(text):
    try:
        return json_text.dumps(json_text.loads(text.encode()))
    except json_text.JSONTextError as error:
        return f"JSONTextError: {error}"


def test_json_is_read_alike_by_the_systems_python():
    if not shutil.which(SYSTEMS):
        pytest.skip(f"there is no {SYSTEMS}")
    told = subprocess.run([SYSTEMS, "-c", "import sys; print(sys.version_info >= (3, 11))"], capture_output=True)
    if told.stdout.strip() != b"True":
        pytest.skip(f"{SYSTEMS} is older than 3.11")
    ended = subprocess.run(
        [SYSTEMS, "-c", SCRIPT], input=json.dumps(TEXTS), capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert dict(zip(TEXTS, json.loads(ended.stdout), strict=True)) == {text: outcome(text) for text in TEXTS}


def test_a_lone_surrogate_is_an_invalid_string_wherever_it_is():
    for text in TEXTS:
        if re.search(r"(?<!\\)(\\\\)*\\ud800(?!\\ud[c-f])", text) or "dc00" in text:
            assert outcome(text).startswith("JSONTextError: invalid_string around "), text


def patterns_of(path):
    """The texts and bytes in a module that uses `re`, if they may have one of these constructs."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if re.search(r"[*+?}]\+|\(\?>", text):
                yield node.lineno, text


def has_new_construct(pattern):
    """Whether a pattern that can be compiled has a possessive quantifier or an atomic group."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = re._parser.parse(pattern)
    except re.error:
        return False

    def has(items):
        for code, argument in items:
            if code in (re._constants.POSSESSIVE_REPEAT, re._constants.ATOMIC_GROUP):
                return True
            parts = argument if isinstance(argument, (tuple, list)) else [argument]
            for part in parts:
                inner = part if isinstance(part, list) else [part]
                if any(isinstance(one, re._parser.SubPattern) and has(one) for one in inner):
                    return True
        return False

    return has(parsed)


def test_no_regular_expression_has_what_old_versions_read_wrongly():
    assert has_new_construct(r"(?:a|b)*+") and has_new_construct(r"x(?:[ab]|(?:c(?>d)))e")
    assert not has_new_construct(r"[*+]+") and not has_new_construct(r"a*\+")
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        if "import re\n" in path.read_text("utf-8")
        for line, text in patterns_of(path)
        if has_new_construct(text)
    ]
    assert found == []
