"""What every store engine has to keep. An engine's test class inherits Contract and has a `store` fixture."""

import base64
import threading
import uuid

import pytest

from app import store as limits
from app.store import Conflict, DatabaseMissing, NotFound, ViewMissing

DESIGN = {
    "_id": "_design/test",
    "language": "javascript",
    "views": {
        "by_key": {
            "map": "function (doc) { if (doc.keys) { doc.keys.forEach(function (key) { emit(key, doc.value); }); } }",
            "reduce": "_count",
        },
        "fragile": {"map": "function (doc) { emit(doc._id, null); emit(doc.a.b.c, null); }"},
    },
}


def new_db():
    return f"test-{uuid.uuid4().hex}"


class Contract:
    """CouchDB's promises."""

    @pytest.fixture
    def db(self, store):
        name = new_db()
        store.create_db(name, [DESIGN])
        return name

    def test_a_document_comes_back_with_id_and_revision(self, store, db):
        revision = store.save_doc(db, {"_id": "d", "b": [1, 1.5, None, True, "é😀"], "a": {"": 10**20}})
        document = store.open_doc(db, "d")
        assert document == {"_id": "d", "_rev": revision, "b": [1, 1.5, None, True, "é😀"], "a": {"": 10**20}}
        assert list(document)[-2:] == ["b", "a"] or list(document)[:2] == ["b", "a"]
        assert revision.startswith("1-") and len(revision) == 34

    def test_many_documents_are_written_each_by_itself(self, store, db):
        first, second = (store.save_doc(db, {"_id": doc_id, "n": 0}) for doc_id in "ab")
        written = store.save_docs(
            db,
            [
                {"_id": "a", "_rev": first, "n": 1},
                {"_id": "b", "_rev": f"1-{'0' * 32}", "n": 1},
                {"_id": "c", "n": 1},
                {"_id": "d", "_rev": first, "n": 1},
            ],
        )
        assert set(written) == {"a", "c"}
        assert store.open_doc(db, "a") == {"_id": "a", "_rev": written["a"], "n": 1}
        assert store.open_doc(db, "c") == {"_id": "c", "_rev": written["c"], "n": 1}
        assert store.open_doc(db, "b")["_rev"] == second and store.find_doc(db, "d") is None
        assert store.save_docs(db, [{"_id": "c", "_rev": written["c"], "_deleted": True}]).keys() == {"c"}
        assert store.find_doc(db, "c") is None
        assert store.save_docs(db, []) == {}
        many = store.save_docs(db, [{"_id": f"many-{number}"} for number in range(450)])
        assert len(many) == 450 and store.open_doc(db, "many-449")["_rev"] == many["many-449"]
        with pytest.raises(DatabaseMissing):
            store.save_docs(new_db(), [{"_id": "a"}])

    def test_documents_are_read_a_few_megabytes_at_a_time(self, store, db, monkeypatch):
        # Documents and limits are a tenth of what they may be in a service.
        monkeypatch.setattr(limits, "BYTES_AT_A_TIME", limits.BYTES_AT_A_TIME // 10)
        monkeypatch.setattr(limits, "MOST_BYTES", limits.MOST_BYTES // 10)
        small = [{"_id": f"a{number:03}"} for number in range(84)]
        large = [{"_id": f"b{number:03}", "text": "x" * 100_000} for number in range(40)]
        for document in [*small, *large]:
            store.save_doc(db, document)
        find, lengths = store.find_few_docs, []

        def measured(*arguments):
            found = find(*arguments)
            lengths.append(sum(len(document.get("text", "")) for document in (found or {}).values()))
            return found

        monkeypatch.setattr(store, "find_few_docs", measured)
        ids = [document["_id"] for document in [*small, *large]]
        read = [document["_id"] for document in store.read_docs(db, [*ids, "missing", *ids])]
        assert read == ids and max(lengths) <= 1_600_000
        assert list(store.read_docs(new_db(), ids)) == []

    def test_missing_things(self, store, db):
        with pytest.raises(NotFound):
            store.open_doc(db, "nope")
        for call in (
            lambda name: store.open_doc(name, "d"),
            lambda name: store.save_doc(name, {"_id": "d"}),
            lambda name: store.query_view(name, "test/by_key"),
        ):
            with pytest.raises(DatabaseMissing):
                call(new_db())
        with pytest.raises(ViewMissing):
            store.query_view(db, "test/nope")
        with pytest.raises(ViewMissing):
            store.query_view(db, "nope/nope")
        assert store.find_doc(db, "nope") is None and store.find_doc(new_db(), "d") is None
        assert not store.has_db(new_db()) and store.has_db(db)

    def test_a_stale_write_is_a_conflict_and_changes_nothing(self, store, db):
        first = store.save_doc(db, {"_id": "d", "n": 1})
        second = store.save_doc(db, {"_id": "d", "_rev": first, "n": 2})
        for stale in ({"_id": "d", "_rev": first, "n": 3}, {"_id": "d", "n": 3}, {"_id": "new", "_rev": first}):
            with pytest.raises(Conflict):
                store.save_doc(db, stale)
        assert store.open_doc(db, "d")["n"] == 2
        assert store.revisions(db, "d") == [second, first]

    def test_long_values_are_those_of_the_current_revision(self, store, db):
        for length in (5, 5_000, 50_000, 10):
            current = store.find_doc(db, "d")
            revision = {"_rev": current["_rev"]} if current else {}
            store.save_doc(db, {"_id": "d", **revision, "keys": ["b", "a"], "value": "x" * length})
            store.save_doc(db, {"_id": f"other{length}", "keys": ["c"], "value": "y" * length})
            rows = store.query_view(db, "test/by_key", startkey="a", endkey="b", include_docs=True)
            assert [(row.key, row.id, len(row.value), len(row.document["value"])) for row in rows] == [
                ("a", "d", length, length),
                ("b", "d", length, length),
            ]
        store.delete_doc(db, "d", store.open_doc(db, "d")["_rev"])
        rows = store.query_view(db, "test/by_key", descending=True)
        assert sorted(len(row.value) for row in rows) == [5, 10, 5_000, 50_000]
        assert {row.value[:1] for row in rows} == {"y"}

    def test_a_tombstone_frees_the_id(self, store, db):
        first = store.save_doc(db, {"_id": "d", "n": 1})
        tombstone = store.delete_doc(db, "d", first)
        with pytest.raises(NotFound):
            store.open_doc(db, "d")
        with pytest.raises(Conflict):
            store.delete_doc(db, "d", first)
        again = store.save_doc(db, {"_id": "d", "n": 2})
        assert [revision.split("-")[0] for revision in (first, tombstone, again)] == ["1", "2", "3"]
        assert store.revisions(db, "d") == [again, tombstone, first]

    def test_of_many_writers_upon_one_revision_one_succeeds(self, store, db):
        revision = store.save_doc(db, {"_id": "d", "n": 0})
        results, start = [], threading.Barrier(8)

        def write(number):
            start.wait()
            try:
                results.append(store.save_doc(db, {"_id": "d", "_rev": revision, "n": number}))
            except Conflict:
                results.append(None)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [result for result in results if result]
        assert len(results) == 8 and len(winners) == 1
        assert store.revisions(db, "d") == [winners[0], revision]

    def test_many_documents_at_once(self, store, db):
        for number in range(3):
            store.save_doc(db, {"_id": f"d{number}", "n": number})
        found = store.find_docs(db, ["d2", "nope", "d0"])
        assert {doc_id: document["n"] for doc_id, document in found.items()} == {"d0": 0, "d2": 2}
        assert store.find_docs(new_db(), ["a", "b"]) == {}

    def test_ids_of_all_kinds(self, store, db):
        for doc_id in ("a b/c?d#e%2F", "é😀", "+14158867900", "a+b&c=d", "."):
            store.save_doc(db, {"_id": doc_id, "x": doc_id})
            assert store.open_doc(db, doc_id)["x"] == doc_id

    def test_attachments_stay_while_their_stubs_do(self, store, db):
        data = base64.b64encode(b"\x00pem").decode()
        store.load_docs(
            db,
            [
                {
                    "_id": "k",
                    "_rev": "1-" + "a" * 32,
                    "_attachments": {"key.pem": {"content_type": "x/y", "data": data}},
                }
            ],
        )
        assert store.open_attachment(db, "k", "key.pem") == b"\x00pem"
        document = store.open_doc(db, "k")
        assert document["_attachments"]["key.pem"]["content_type"] == "x/y"
        document["_rev"] = store.save_doc(db, {**document, "n": 1})
        assert store.open_attachment(db, "k", "key.pem") == b"\x00pem"
        del document["_attachments"]
        store.save_doc(db, document)
        with pytest.raises(NotFound):
            store.open_attachment(db, "k", "key.pem")

    def test_view_rows_follow_every_write(self, store, db):
        revision = store.save_doc(db, {"_id": "d", "keys": ["a", "b"], "value": 1})
        assert [(row.id, row.key, row.value) for row in store.query_view(db, "test/by_key")] == [
            ("d", "a", 1),
            ("d", "b", 1),
        ]
        revision = store.save_doc(db, {"_id": "d", "_rev": revision, "keys": ["c"], "value": 2})
        assert [(row.key, row.value) for row in store.query_view(db, "test/by_key")] == [("c", 2)]
        store.delete_doc(db, "d", revision)
        assert store.query_view(db, "test/by_key") == []

    def test_a_map_that_throws_loses_that_document_in_that_view(self, store, db):
        store.save_doc(db, {"_id": "bad", "keys": ["x"]})
        store.save_doc(db, {"_id": "good", "a": {"b": {"c": 1}}})
        assert {row.id for row in store.query_view(db, "test/fragile")} == {"good"}
        assert [row.id for row in store.query_view(db, "test/by_key")] == ["bad"]

    def test_ranges_limits_and_order(self, store, db):
        store.save_doc(db, {"_id": "d", "keys": ["a", "b", "c", "d"], "value": 0})

        def keys(**options):
            return [row.key for row in store.query_view(db, "test/by_key", **options)]

        assert keys(startkey="b") == ["b", "c", "d"]
        assert keys(startkey="b", endkey="c") == ["b", "c"]
        assert keys(key="c") == ["c"]
        assert keys(limit=2) == ["a", "b"] and keys(limit=0) == []
        assert keys(limit=10**20) == ["a", "b", "c", "d"]
        assert keys(descending=True, limit=2) == ["d", "c"]
        assert keys(descending=True, startkey="c", endkey="b") == ["c", "b"]

    def test_count_and_documents(self, store, db):
        assert store.query_view(db, "test/by_key", reduce=True) == []
        store.save_doc(db, {"_id": "d", "keys": ["a", "b"], "value": 0})
        assert [row.value for row in store.query_view(db, "test/by_key", reduce=True)] == [2]
        assert [row.value for row in store.query_view(db, "test/by_key", reduce=True, startkey="b")] == [1]
        (row,) = store.query_view(db, "test/by_key", key="a", include_docs=True)
        assert row.doc["keys"] == ["a", "b"] and row.doc["_rev"]

    def test_keys_of_all_types_in_order(self, store, db):
        ordered = [None, False, True, -1, 0, 1.5, 2, 10, "", "1", "a", "b", [], ["a"], ["a", 1], ["b"], {}, {"a": 1}]
        store.save_doc(db, {"_id": "d", "keys": ordered[::-1], "value": 0})
        assert [row.key for row in store.query_view(db, "test/by_key")] == ordered
        assert [row.key for row in store.query_view(db, "test/by_key", startkey=["a"], endkey=["a", {}])] == [
            ["a"],
            ["a", 1],
        ]

    def test_a_view_of_documents_that_were_there_before_it(self, store):
        db = new_db()
        store.create_db(db)
        store.save_doc(db, {"_id": "d", "keys": ["a"], "value": 1})
        store.save_doc(db, DESIGN)
        assert [row.key for row in store.query_view(db, "test/by_key")] == ["a"]

    def test_a_database_that_exists_keeps_its_design_documents(self, store, db):
        other = {**DESIGN, "views": {"other": {"map": "function (doc) {}"}}}
        store.create_db(db, [other])
        assert "by_key" in store.open_doc(db, "_design/test")["views"]

    @pytest.mark.slow
    def test_what_is_deleted_during_a_dump_costs_no_other_document(self, store, db):
        # More than two pages of either engine.
        count = 1050
        store.load_docs(db, [{"_id": f"d{number:04}", "_rev": "1-" + "a" * 32} for number in range(count)])
        dumped = []
        for document in store.dump_docs(db):
            if document["_id"].startswith("_design"):
                continue
            dumped.append(document["_id"])
            if len(dumped) % 50 == 0:
                store.delete_doc(db, document["_id"], document["_rev"])
            if document["_id"] == "d0001":
                store.delete_doc(db, "d0003", "1-" + "a" * 32)
        assert [doc_id for doc_id in dumped if doc_id != "d0003"] == [
            f"d{number:04}" for number in range(count) if number != 3
        ]

    def test_a_range_of_documents(self, store, db):
        for doc_id in ("a/0001-b", "a/0001-c", "a/0002-a", "a/0010-f", "b/0001-a"):
            store.save_doc(db, {"_id": doc_id, "n": 1})
        store.delete_doc(db, "a/0001-c", store.open_doc(db, "a/0001-c")["_rev"])
        assert [one["_id"] for one in store.all_docs(db, "a/", "a/9")] == ["a/0001-b", "a/0002-a", "a/0010-f"]
        assert [one["_id"] for one in store.all_docs(db, "a/", "a/0002-a")] == ["a/0001-b", "a/0002-a"]
        newest = store.all_docs(db, "a/", "a/9", limit=2, descending=True)
        assert [one["_id"] for one in newest] == ["a/0010-f", "a/0002-a"] and newest[0]["n"] == 1
        assert store.all_docs(db, "c/", "c/9") == []
        with pytest.raises(DatabaseMissing):
            store.all_docs(new_db(), "a", "b")

    def test_two_documents_at_once(self, store, db):
        first = store.save_doc(db, {"_id": "d", "n": 1})
        other_db = new_db()
        revision, error = store.save_with(db, {"_id": "d", "_rev": first, "n": 2}, other_db, {"_id": "o", "n": 1})
        assert error is None and store.open_doc(db, "d") == {"_id": "d", "_rev": revision, "n": 2}
        assert store.open_doc(other_db, "o")["n"] == 1
        for refused in (Conflict, DatabaseMissing):
            name = db if refused is Conflict else new_db()
            with pytest.raises(refused):
                store.save_with(name, {"_id": "d", "_rev": first, "n": 3}, other_db, {"_id": "p", "n": 1})
            assert store.find_doc(other_db, "p") is None and store.open_doc(db, "d")["n"] == 2
        # The other one takes the place of what is there.
        revision, error = store.save_with(db, {"_id": "d", "_rev": revision, "n": 4}, other_db, {"_id": "o", "n": 5})
        assert error is None and store.open_doc(other_db, "o")["n"] == 5 and store.open_doc(db, "d")["n"] == 4

    def test_many_write_two_documents_at_once(self, store, db):
        other_db, errors = new_db(), []
        revisions = [store.save_doc(db, {"_id": f"d{number}"}) for number in range(12)]

        def write(number):
            document = {"_id": f"d{number}", "_rev": revisions[number], "n": number}
            errors.append(store.save_with(db, document, other_db, {"_id": f"o{number}", "n": number})[1])

        threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == [None] * 12
        found = store.find_docs(other_db, [f"o{number}" for number in range(12)])
        assert {doc_id: document["n"] for doc_id, document in found.items()} == {f"o{n}": n for n in range(12)}

    def test_a_deleted_database_is_missing_and_may_come_again(self, store, db):
        store.save_doc(db, {"_id": "d", "keys": ["k"]})
        store.delete_db(db)
        store.delete_db(db)
        assert not store.has_db(db) and db not in store.database_names() and store.find_doc(db, "d") is None
        with pytest.raises(DatabaseMissing):
            store.save_doc(db, {"_id": "d"})
        store.create_db(db, [DESIGN])
        assert store.find_doc(db, "d") is None and store.query_view(db, "test/by_key") == []
        assert store.save_doc(db, {"_id": "d"}).startswith("1-")

    def test_documents_are_iterated_in_order_with_stubs(self, store, db):
        data = base64.b64encode(b"bytes").decode()
        rows = [{"_id": f"d{number:04}", "_rev": "1-" + "a" * 32, "n": number} for number in range(450)]
        rows[7]["_attachments"] = {"f": {"content_type": "x/y", "data": data}}
        store.load_docs(db, rows)
        store.delete_doc(db, "d0003", "1-" + "a" * 32)
        found = [document for document in store.iterate_docs(db) if not document["_id"].startswith("_design")]
        assert [document["_id"] for document in found] == [name for name in store.doc_ids(db) if name[0] != "_"]
        assert [document["n"] for document in found] == [number for number in range(450) if number != 3]
        assert found[6]["_attachments"]["f"]["stub"] is True
        with pytest.raises(DatabaseMissing):
            list(store.iterate_docs(new_db()))
        with pytest.raises(DatabaseMissing):
            list(store.doc_ids(new_db()))

    def test_the_ids_between_two_ids(self, store, db):
        names = [f"{letter}/{number:04}" for letter in "abc" for number in range(450)]
        store.load_docs(db, [{"_id": name, "_rev": "1-" + "a" * 32} for name in names])
        store.delete_doc(db, "b/0003", "1-" + "a" * 32)
        assert list(store.doc_ids(db, "b/", "b0")) == [name for name in names if name[0] == "b" and name != "b/0003"]
        assert list(store.doc_ids(db, "a/0447", "b/0001")) == ["a/0448", "a/0449", "b/0000"]
        assert list(store.doc_ids(db, "c/0448")) == ["c/0449"] and list(store.doc_ids(db, "c/0449", "d")) == []
        with pytest.raises(DatabaseMissing):
            list(store.doc_ids(new_db(), "a", "b"))

    def test_what_is_dumped_can_be_loaded(self, store, db):
        data = base64.b64encode(b"bytes").decode()
        rows = [
            {"_id": "a", "_rev": "7-" + "b" * 32, "keys": ["a"]},
            {"_id": "k", "_rev": "2-" + "c" * 32, "_attachments": {"f": {"content_type": "x/y", "data": data}}},
        ]
        store.load_docs(db, rows)
        assert store.open_doc(db, "a")["_rev"] == "7-" + "b" * 32
        dumped = [document for document in store.dump_docs(db) if not document["_id"].startswith("_design")]
        assert [document["_id"] for document in dumped] == ["a", "k"]
        copy = new_db()
        store.load_docs(copy, dumped)
        assert store.open_doc(copy, "a") == {"_id": "a", "_rev": "7-" + "b" * 32, "keys": ["a"]}
        assert store.open_attachment(copy, "k", "f") == b"bytes"
        next_revision = store.save_doc(copy, {"_id": "a", "_rev": "7-" + "b" * 32, "n": 1})
        assert next_revision.startswith("8-")
