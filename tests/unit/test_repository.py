"""What the repository says of itself: citations of the facts, and that nothing beside it is needed."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from tests.support import ROOT

TEXTS = sorted(
    path
    for folder in ("app", "tests", "docs", "schemas", "couchdb_views")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md", ".json", ".sh", ".conf", ".cfg", ".service") and "recordings" not in path.parts
) + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "setup.cfg")]
# A page, and the numbers of its sections where some are named. A citation may go on in the next line.
CITATION = re.compile(r"\b([\w./-]+\.md)\b`?(?:,\s+sections?\s+((?:\d[\w.]*(?:,\s+|\s+and\s+|\s+to\s+)?)+))?")
HEADING = re.compile(r"^#+ (\d+(?:\.\d+)*[a-z]?)\b", re.MULTILINE)
FACTS = ("http", "documents", "auth", "schema", "clients")


@cache
def sections(page):
    return set(HEADING.findall(page.read_text("utf-8")))


def problems_of(check):
    return [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in TEXTS
        if path.name != Path(__file__).name
        for problem in check(path, path.read_text("utf-8"))
    ]


def broken_citations(path, text):
    for name, numbers in CITATION.findall(text):
        pages = [page for page in (ROOT / name, path.parent / name, ROOT / "docs" / name) if page.is_file()]
        if not pages:
            yield f"{name} does not exist"
            continue
        for number in re.findall(r"\d[\w.]*\w|\d", numbers):
            if number not in sections(pages[0]):
                yield f"{name} has no section {number}"


def facts_without_a_path(path, text):
    if path.suffix == ".py":
        yield from re.findall(rf"(?<!docs/kazoo/)\b(?:{'|'.join(FACTS)})\.md", text)


def test_every_citation_is_a_page_and_a_section_that_exist():
    assert problems_of(broken_citations) == []


def test_code_cites_the_facts_by_their_path():
    assert problems_of(facts_without_a_path) == []


def test_nothing_beside_the_repository_is_named():
    assert problems_of(lambda path, text: re.findall(r"\.\./" + "shared", text)) == []


def test_broken_citations_are_found():
    page = ROOT / "docs/kazoo/http.md"
    text = "(docs/kazoo/http.md, sections 2.2\nand 5) docs/kazoo/nowhere.md `http.md`, sections 1, 99 and 98."
    assert list(broken_citations(page, text)) == [
        "docs/kazoo/nowhere.md does not exist",
        "http.md has no section 99",
        "http.md has no section 98",
    ]
    assert len(sections(page)) > 20


def test_no_module_imports_one_that_imports_it():
    """Not even for types: who reads a module need not read those that use it."""
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.glob("app/**/*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in files.items()}
    imports = {name: imported_by(path, modules) - {name} for name, path in modules.items()}
    TopologicalSorter(imports).prepare()
    assert "app.services" in imports["app.crossbar.context"]


def imported_by(path, modules):
    """The modules of this project that a file imports; of a package with names of modules, those modules."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in modules:
            names = {f"{node.module}.{alias.name}" for alias in node.names} & modules.keys()
            found |= names or {node.module}
    return found
