"""What the licences of this project and of its dependencies allow."""

import runpy
from importlib.metadata import metadata

import pytest

from tests.support import ROOT

LICENCES = ROOT / "release/licences.py"


def test_the_licence_is_told_and_packed():
    assert metadata("kazoo-connectivity")["License"] == "MIT"
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert text.startswith("MIT License") and "The kazoo-connectivity authors" in text


def test_every_dependency_may_be_used_in_a_company(capsys):
    assert runpy.run_path(str(LICENCES))["main"]() == 0
    table = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert table["flask"] == "BSD-3-Clause" and table["requests"] == "Apache-2.0" and len(table) > 20


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "unknown"])
def test_another_licence_is_pointed_out(capsys, licence):
    module = runpy.run_path(str(LICENCES))
    module["main"].__globals__["licence_of"] = lambda name: licence if name == "flask" else "MIT"
    assert module["main"]() == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "look at this one" in line)
    assert line.startswith("flask")
