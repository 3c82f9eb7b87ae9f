"""What CONTRIBUTING.md asks of someone who adds a view or a rule."""

import ast
import json

from app.audit.rules import RULES
from app.store.view_comparison import ViewComparison
from tests.support import ROOT

EMITS_NOTHING = "function(doc) {}"


def test_each_view_emits_a_row_for_a_sample():
    views = {
        f"{path.stem}/{name}": view["map"]
        for path in ROOT.glob("couchdb_views/*/*.json")
        for name, view in json.loads(path.read_text("utf-8"))["views"].items()
    }
    pairs = {name: (source, EMITS_NOTHING) for name, source in views.items()}
    assert set(views) == ViewComparison("couchdb 3.4").differing(pairs, ()).keys()


def test_each_rule_of_the_audit_is_listed():
    used = set()
    for path in ROOT.glob("app/audit/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                used.add(node.args[1])
            if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) and path.name == "numbers.py":
                used.add(node.value.elts[1])
    assert {rule.value for rule in used if isinstance(rule, ast.Constant)} == RULES.keys()
