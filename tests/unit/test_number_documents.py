"""Numbers and their copies when two writers meet (docs/kazoo/documents.md, section 7.2)."""

from types import SimpleNamespace

import pytest

from app import contention
from app.documents.names import account_db, number_db
from app.events.notices import Notices
from app.numbers import reconcile
from app.numbers.documents import NumberDocuments
from app.store import Conflict, Unavailable
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


def test_a_number_that_another_writer_changes_first_is_changed_again(store, numbers, monkeypatch):
    def mark():
        store.save_doc(number_db(NUMBER), in_number_db(store) | {"pvt_used_by": "trunkstore"})

    before_save(store, monkeypatch, number_db(NUMBER), mark)
    changed = numbers.update(NUMBER, lambda stored: stored | {"note": 1})
    assert changed == in_number_db(store) and (changed["note"], changed["pvt_used_by"]) == (1, "trunkstore")


def test_a_deletion_is_told_of_both_documents(store, numbers, monkeypatch):
    told = []
    monkeypatch.setattr(numbers._notices, "deleted", lambda db, document: told.append((db, document)))
    before = {number_db(NUMBER): in_number_db(store), account_db(OWNER): copy_of(store)}
    numbers.delete(in_number_db(store))
    assert in_number_db(store) is None and copy_of(store) is None
    assert [db for db, _ in told] == [*before]
    for db, document in told:
        assert document == {**before[db], "_rev": document["_rev"], "_deleted": True}
        assert document["_rev"].startswith("2-")


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


class TestManyAtOnce:
    """Numbers whose documents and copies are written together."""

    MANY = ("+14155550101", "+14155550102", "+16505550103")

    @pytest.fixture
    def known(self, numbers):
        for number in self.MANY:
            numbers.create({"_id": number, "pvt_type": "number", "pvt_assigned_to": OWNER})
        return numbers.find_all(self.MANY)

    def notes(self, store, account_id=OWNER):
        found = [store.find_doc(number_db(number), number) for number in self.MANY]
        copies = [store.find_doc(account_db(account_id), number) for number in self.MANY]
        assert [body(copy) for copy in copies] == [body(document) for document in found]
        return [document.get("note") for document in found]

    def test_all_are_changed_and_copied(self, store, numbers, known):
        assert numbers.update_all(known, lambda stored: stored | {"note": 1}) == {}
        assert self.notes(store) == [1, 1, 1]
        revisions = [document["_rev"] for document in numbers.find_all(self.MANY).values()]
        assert numbers.update_all(numbers.find_all(self.MANY), lambda stored: stored) == {}
        assert [document["_rev"] for document in numbers.find_all(self.MANY).values()] == revisions

    def test_a_number_that_another_writer_changed_is_changed_alone(self, store, numbers, known):
        numbers.update(self.MANY[1], lambda stored: stored | {"other": 1})
        assert numbers.update_all(known, lambda stored: stored | {"note": 1}) == {}
        assert self.notes(store) == [1, 1, 1]
        assert store.open_doc(number_db(self.MANY[1]), self.MANY[1])["other"] == 1

    def test_a_copy_follows_a_change_that_is_made_meanwhile(self, store, numbers, known, monkeypatch):
        save, left = store.save_docs, [True]

        def behind_another(db, documents):
            if db == account_db(OWNER) and left:
                left.pop()
                numbers.update(self.MANY[0], lambda stored: stored | {"other": 1})
            return save(db, documents)

        monkeypatch.setattr(store, "save_docs", behind_another)
        assert numbers.update_all(known, lambda stored: stored | {"note": 1}) == {}
        assert self.notes(store) == [1, 1, 1]
        assert copy_of(store)["_id"] == NUMBER
        assert store.open_doc(account_db(OWNER), self.MANY[0])["other"] == 1

    def test_copies_of_former_owners_go(self, store, numbers, known):
        moved = {"pvt_assigned_to": NEXT, "pvt_previously_assigned_to": OWNER, "note": 2}
        assert numbers.update_all(known, lambda stored: stored | moved) == {}
        assert self.notes(store, NEXT) == [2, 2, 2]
        assert [store.find_doc(account_db(OWNER), number) for number in self.MANY] == [None] * 3

    def test_numbers_without_owners_and_owners_without_databases(self, store, numbers, known):
        owners = dict(zip(self.MANY, (None, "c" * 32, 5), strict=True))
        change = lambda stored: stored | {"pvt_assigned_to": owners[stored["_id"]], "note": 3}  # noqa: E731
        assert numbers.update_all(known, change) == {}
        assert [numbers.find(number)["note"] for number in self.MANY] == [3, 3, 3]

    def test_the_errors_of_those_that_cannot_be_written(self, store, numbers, known, monkeypatch):
        save = store.save_doc

        def save_some(db, document):
            if db == number_db(self.MANY[2]):
                raise Unavailable("gone")
            return save(db, document)

        def save_none(db, documents):
            raise Unavailable("gone")

        monkeypatch.setattr(store, "save_doc", save_some)
        monkeypatch.setattr(store, "save_docs", save_none)
        (error,) = (errors := numbers.update_all(known, lambda stored: stored | {"note": 1})).values()
        assert errors.keys() == {self.MANY[2]} and isinstance(error, Unavailable) and str(error) == "gone"
        assert self.notes(store) == [1, 1, None]


def test_marks_that_are_wrong_after_a_repair_are_tried_again(store, numbers, monkeypatch):
    """A trunk may have been written meanwhile."""
    wrong = [reconcile.WrongMark(OWNER, NUMBER, "trunkstore", None)]
    monkeypatch.setattr(reconcile, "wrong_marks", lambda *arguments: wrong)
    assignment = SimpleNamespace(mark_all=lambda *arguments: True)
    with pytest.raises(Unavailable):
        reconcile.repair(store, None, numbers, assignment, OWNER)
