"""What it costs to name the authors of a history, and to find deleted trunks."""

import pytest

from app import deadline
from app.documents.clock import gregorian_now
from app.documents.names import account_db
from app.history.authors import with_names
from app.history.versions import History, Write
from app.store import Unavailable
from app.store.cache import DocumentCache
from app.store.design import documents_for
from app.store.embedded.store import EmbeddedStore
from app.trunks.deleted import deleted_trunks

ACCOUNT = "a" * 32


class Counting(EmbeddedStore):
    """Notes the ids of the documents that are read."""

    def __init__(self, directory):
        super().__init__(directory)
        self.read = []

    def open_doc(self, db, doc_id):
        self.read.append(doc_id)
        return super().open_doc(db, doc_id)

    def find_docs(self, db, doc_ids):
        self.read += doc_ids
        return super().find_docs(db, doc_ids)


@pytest.fixture
def store(tmp_path):
    store = Counting(tmp_path)
    store.create_db(account_db(ACCOUNT))
    yield store
    store.close()


def entry(user_id=None, account_id=ACCOUNT, **more):
    return {"revision": "1-a", "who": {"account_id": account_id, "user_id": user_id, "ip": None, **more}}


def names(store, *entries):
    return [entry["who"]["name"] for entry in with_names(store, DocumentCache(store), entries)]


def test_each_author_is_read_once(store):
    db = account_db(ACCOUNT)
    store.save_doc(db, {"_id": ACCOUNT, "pvt_type": "account", "name": "Acme"})
    for user_id in ("jo", "al"):
        store.save_doc(db, {"_id": user_id, "pvt_type": "user", "username": user_id})
    store.save_doc(db, {"_id": "trunk", "pvt_type": "sys_info", "username": "no user"})
    entries = [entry("jo"), entry("al"), entry(), entry("trunk"), entry("none"), entry("_design/x")] * 20
    assert names(store, *entries) == ["jo", "al", "Acme", None, None, None] * 20
    assert sorted(store.read) == sorted(["jo", "al", ACCOUNT, "trunk", "none"])


def test_who_has_a_name_or_no_account_is_not_read(store):
    assert names(store, entry(None, None, name="an operator"), entry(None, None), entry("x", 5)) == [
        "an operator",
        None,
        None,
    ]
    assert store.read == []


def test_an_account_that_is_gone_has_no_name(store):
    assert names(store, entry(), entry("jo", "b" * 32), entry(None, "b" * 32)) == [None] * 3


def test_deleted_trunks_are_not_searched_after_the_deadline(store):
    store.save_doc(account_db(ACCOUNT), {"_id": "x", "pvt_type": "sys_info", "pvt_deleted": True})
    assert [trunk.trunk_id for trunk in deleted_trunks(store, None, ACCOUNT)] == ["x"]
    deadline.begin(-1)
    try:
        with pytest.raises(Unavailable, match="too many documents"):
            deleted_trunks(store, None, ACCOUNT)
    finally:
        deadline.clear()


def test_only_deleted_trunks_are_read(store):
    """Neither the live trunks and numbers of an account, nor their versions, nor those of other accounts."""
    db, history = account_db(ACCOUNT), History(store, days=40)
    store.create_db(db, documents_for(db))
    for design in documents_for(db):
        store.save_doc(db, dict(design))
    write = Write("DELETE", gregorian_now())
    for number in range(3):
        live = {"_id": f"live {number}", "pvt_type": "sys_info", "account": {}}
        live["_rev"] = store.save_doc(db, live)
        store.save_doc(db, {"_id": f"+1415555000{number}", "pvt_type": "number", "pvt_state": "in_service"})
        history.keep(ACCOUNT, live, write)
        history.keep("b" * 32, {"_id": "of another", "_rev": "1-a"}, write)
    for revision in ("1-a", "2-a", "10-a"):
        history.keep(ACCOUNT, {"_id": "a/%é-gone", "_rev": revision, "name": revision}, write)
    store.save_doc(db, {"_id": "marked", "pvt_type": "sys_info", "pvt_deleted": True, "pvt_modified": 1})
    store.read.clear()
    found = deleted_trunks(store, history, ACCOUNT)
    assert [(trunk.trunk_id, trunk.revision) for trunk in found[:1]] == [("a/%é-gone", "10-a")]
    assert [trunk.trunk_id for trunk in found] == ["a/%é-gone", "marked"]
    versions = [doc_id for doc_id in store.read if doc_id.startswith(ACCOUNT)]
    assert len(versions) == 1 and sorted({*store.read} - {*versions}) == ["a/%é-gone", "marked"]


def test_an_account_without_a_database_has_no_deleted_trunks(store):
    assert deleted_trunks(store, None, "b" * 32) == []
