"""Numbers and their copies when two writers meet (docs/kazoo/documents.md, section 7.2)."""

import pytest

from app import contention
from app.documents.names import account_db, number_db
from app.events.notices import Notices
from app.numbers.documents import NumberDocuments
from app.store import Conflict
from app.store.embedded.store import EmbeddedStore

NUMBER, OWNER, NEXT = "+14155550100", "a" * 32, "b" * 32


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(contention, "SHORTEST_PAUSE", 0)
    monkeypatch.setattr(contention, "LONGEST_PAUSE", 0)
    store = EmbeddedStore(tmp_path)
    for account_id in (OWNER, NEXT):
        store.create_db(account_db(account_id))
    yield store
    store.close()


@pytest.fixture
def failures():
    return []


@pytest.fixture
def numbers(store, failures):
    numbers = NumberDocuments(store, Notices(None, "node"), lambda: failures.append(1))
    numbers.create({"_id": NUMBER, "pvt_type": "number", "pvt_assigned_to": OWNER})
    return numbers


def in_number_db(store):
    return store.find_doc(number_db(NUMBER), NUMBER)


def copy_of(store, account_id=OWNER):
    return store.find_doc(account_db(account_id), NUMBER)


def body(document):
    return {name: value for name, value in document.items() if name != "_rev"} if document else None


def before_save(store, monkeypatch, db, action):
    """Let another writer act once, just before a save in this database."""
    save, left = store.save_doc, [action]

    def behind_another(saved_db, document):
        if saved_db == db and left:
            left.pop()()
        return save(saved_db, document)

    monkeypatch.setattr(store, "save_doc", behind_another)


def test_a_copy_is_written_again_where_another_writer_came_first(store, numbers, failures, monkeypatch):
    copy = copy_of(store)
    before_save(store, monkeypatch, account_db(OWNER), lambda: store.save_doc(account_db(OWNER), copy | {"other": 1}))
    numbers.update(NUMBER, lambda stored: stored | {"note": 1})
    assert body(copy_of(store)) == body(in_number_db(store))
    assert in_number_db(store)["note"] == 1 and not failures


def test_a_copy_follows_the_last_write_of_the_number(store, numbers, monkeypatch):
    def mark():
        store.save_doc(number_db(NUMBER), in_number_db(store) | {"pvt_used_by": "trunkstore"})

    before_save(store, monkeypatch, account_db(OWNER), mark)
    numbers.update(NUMBER, lambda stored: stored | {"note": 1})
    assert (copy_of(store)["note"], copy_of(store)["pvt_used_by"]) == (1, "trunkstore")


def test_no_copy_stays_of_a_number_that_is_deleted_meanwhile(store, numbers, monkeypatch):
    def delete():
        document = in_number_db(store)
        store.delete_doc(number_db(NUMBER), NUMBER, document["_rev"])

    before_save(store, monkeypatch, account_db(OWNER), delete)
    numbers.update(NUMBER, lambda stored: stored | {"note": 1})
    assert in_number_db(store) is None and copy_of(store) is None


def test_a_delete_that_comes_too_late_leaves_the_copy(store, numbers):
    read = in_number_db(store)
    numbers.update(NUMBER, lambda stored: stored | {"pvt_used_by": "trunkstore"})
    with pytest.raises(Conflict):
        numbers.delete(read)
    assert body(copy_of(store)) == body(in_number_db(store))


def test_the_previous_owners_copy_is_removed_whoever_writes_it_meanwhile(store, numbers, monkeypatch):
    copy = copy_of(store)
    before_save(store, monkeypatch, account_db(OWNER), lambda: store.save_doc(account_db(OWNER), copy | {"other": 1}))
    moved = {"pvt_assigned_to": NEXT, "pvt_previously_assigned_to": OWNER}
    numbers.save(in_number_db(store) | moved)
    assert copy_of(store) is None
    assert body(copy_of(store, NEXT)) == body(in_number_db(store))


def test_an_owner_without_a_database_has_no_copy(store, numbers):
    moved = {"pvt_assigned_to": "c" * 32, "pvt_previously_assigned_to": OWNER}
    numbers.save(in_number_db(store) | moved)
    assert in_number_db(store)["pvt_assigned_to"] == "c" * 32 and copy_of(store) is None


def test_a_copy_that_nobody_can_write_is_told_and_undoes_nothing(store, numbers, failures, monkeypatch):
    monkeypatch.setattr(contention, "PATIENCE", 0)
    save = store.save_doc

    def refused(db, document):
        if db == account_db(OWNER):
            raise Conflict(NUMBER)
        return save(db, document)

    monkeypatch.setattr(store, "save_doc", refused)
    numbers.update(NUMBER, lambda stored: stored | {"note": 1})
    assert in_number_db(store)["note"] == 1 and "note" not in copy_of(store)
    assert failures == [1]


def test_a_copy_is_set_to_what_the_number_is(store, numbers):
    copy = copy_of(store)
    store.save_doc(account_db(OWNER), copy | {"other": 1})
    store.save_doc(account_db(NEXT), body(copy))
    numbers.copy_to(OWNER, NUMBER)
    numbers.copy_to(NEXT, NUMBER)
    assert body(copy_of(store)) == body(in_number_db(store)) and copy_of(store, NEXT) is None
