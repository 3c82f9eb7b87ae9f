"""The design documents of an imported file are the ones; those of this service are added only where none came."""

import contextlib
import json

import pytest

from app.commands import cli
from app.documents import names
from app.store.design import documents_for
from app.store.embedded.store import EmbeddedStore
from app.store.replicated import Replicated
from tests import support

pytestmark = pytest.mark.slow

ACCOUNT_ID = "0123456789abcdef0123456789abcdef"
DB = names.account_db(ACCOUNT_ID)
OWN = {"map": "function (doc) { emit(doc._id, 'mine'); }"}


@pytest.fixture(scope="module")
def own_couchdb():
    """A CouchDB of this file's own."""
    with support.couchdb_or_skip() as url:
        yield url


@pytest.fixture(params=["embedded", "couchdb"])
def empty(request, tmp_path):
    """A store without any database, of each engine."""
    if request.param == "embedded":
        yield support.World(EmbeddedStore(tmp_path), {"DATA_DIR": str(tmp_path)})
        return
    with support.couchdb(request.getfixturevalue("own_couchdb")) as url:
        yield support.couchdb_world(url)


def account(**members):
    realm = {"name": "Acme", "realm": "acme.example.com", "enabled": True, "pvt_tree": []}
    return {"_id": ACCOUNT_ID, "_rev": f"1-{'a' * 32}", "pvt_type": "account", **realm, **members}


def design(first):
    """The built-in one with a view of an operator's own, as a file has it."""
    (built_in,) = (one for one in documents_for(DB) if one["_id"] == "_design/trunkstore")
    return {**built_in, "_rev": f"1-{first * 32}", "views": {**built_in["views"], "mine": OWN}}


def lines(*rows):
    return "".join(json.dumps({"db": db, "doc": document}) + "\n" for db, document in rows)


def conflicting(store, db):
    return list(store.documents_with_leaves(db)) if isinstance(store, Replicated) else []


# A revision below, and one above, those that a database gives to what it is created with.
@pytest.mark.parametrize("first", ["0", "f"])
@pytest.mark.parametrize("source", ["file", "stdin"])
def test_a_files_design_document_is_the_only_one_of_its_name(empty, tmp_path_factory, first, source):
    others = [(DB, {"_id": f"d{number:04}", "_rev": f"1-{'b' * 32}"}) for number in range(250)]
    rows = [(DB, account()), *others[:200], (names.ACCOUNTS, account()), *others[200:], (DB, design(first))]
    if source == "file":
        file = tmp_path_factory.mktemp("import") / "file.jsonl"
        file.write_text(lines(*rows))
        support.run(empty.environment, "import", str(file))
    else:
        support.run(empty.environment, "import", "-", stdin=lines(*rows))
    assert empty.store.open_doc(DB, "_design/trunkstore") == design(first)
    assert conflicting(empty.store, DB) == []
    assert len(empty.store.query_view(DB, "trunkstore/mine")) == 251


def test_built_in_design_documents_are_added_where_none_came(empty):
    rows = [(names.ACCOUNTS, account()), (DB, account()), (DB, design("0"))]
    support.run(empty.environment, "import", "-", stdin=lines(*rows))
    for db in (DB, names.ACCOUNTS):
        for built_in in documents_for(db):
            views = empty.store.open_doc(db, built_in["_id"])["views"]
            assert built_in["views"].keys() <= views.keys()
    assert len(empty.store.query_view(names.ACCOUNTS, "accounts/listing_by_realm")) == 1


def test_an_export_that_is_imported_elsewhere_is_the_same(empty, tmp_path_factory):
    source = support.embedded_world(tmp_path_factory.mktemp("source")).populate()
    person = source.person("Acme", "acme.example.com", source.master)
    db = names.account_db(person.account_id)
    stored = source.store.open_doc(db, "_design/trunkstore")
    source.store.save_doc(db, {**stored, "views": {**stored["views"], "mine": OWN}})
    exported = support.run(source.environment, "export")
    support.run(empty.environment, "import", "-", stdin=exported)
    assert support.run(empty.environment, "views", "check", "--all").startswith("0 findings")
    support.run(empty.environment, "audit", "--all", "--fix", "descendants-count", "--apply")
    told = support.command_ended(empty.environment, "audit", "--all")
    assert told.returncode == 0, told.stdout
    for document in source.store.iterate_docs(db):
        assert empty.store.open_doc(db, document["_id"]) == document
    assert conflicting(empty.store, db) == []


CHECKS = [
    ["views", "check", "--all"],
    ["views", "check", "--account", ACCOUNT_ID],
    ["audit", "--all"],
    ["reconcile-numbers"],
    ["conflicts", "list", "--all"],
]


def test_a_check_writes_nothing(empty, monkeypatch):
    """They are run in this process, so that what they leave to other threads is done, too."""
    if empty.store.is_embedded:
        pytest.skip("the embedded store has no conflicts")
    rows = [(names.ACCOUNTS, account()), (DB, account())]
    support.run(empty.environment, "import", "-", stdin=lines(*rows))
    ours = empty.store.open_doc(names.ACCOUNTS, "_design/accounts")
    for db, document in ((names.ACCOUNTS, ours), (names.ACCOUNTS, account()), (DB, account())):
        empty.store.load_docs(db, [{**document, "_rev": f"1-{'0' * 32}", "of": "another node"}])

    def leaves():
        found = {}
        for db in (names.ACCOUNTS, DB):
            for doc_id in empty.store.documents_with_leaves(db):
                found[db, doc_id] = sorted(leaf.revision for leaf in empty.store.leaves(db, doc_id))
        return found

    before = leaves()
    assert len(before) == 3
    for name, value in empty.environment.items():
        monkeypatch.setenv(name, value)
    for arguments in CHECKS:
        with contextlib.suppress(SystemExit):
            cli.main(arguments, standalone_mode=False)
        assert leaves() == before, arguments
    with contextlib.suppress(AssertionError):
        support.wait_until(lambda: leaves() != before, 3)
    assert leaves() == before


def test_an_import_that_was_interrupted_is_completed(empty):
    """The first run ended before it could add the design documents that the file does not have."""
    (users,) = (design for design in documents_for(DB) if design["_id"] == "_design/users")
    empty.store.create_db(DB, [users])
    support.run(empty.environment, "import", "-", stdin=lines((DB, account())))
    assert empty.store.find_docs(DB, [design["_id"] for design in documents_for(DB)]).keys() == {
        design["_id"] for design in documents_for(DB)
    }
