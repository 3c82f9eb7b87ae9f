"""Parts of the stores that need no server: what both have in common, the comparison of views, and the SQLite file."""

import copy
import os
import sqlite3
import stat

import pytest

from app import store as store_module
from app.documents.names import account_db
from app.store import LARGEST_DOCUMENT, NotFound, Row, Store, TooLarge, Unavailable, is_document_id
from app.store.design import documents_for, routing_design, with_views
from app.store.embedded.collation import sort_key
from app.store.embedded.sqlite_file import SQLiteFile
from app.store.embedded.store import EmbeddedStore
from app.store.view_comparison import ViewComparison, ViewFinding
from tests.unit.test_audit_findings import KAZOOS_MAP

DB = account_db("a" * 32)


class TestWhatEveryStoreHas:
    """The methods that an engine may leave as they are, on one that does."""

    @pytest.fixture
    def store(self, tmp_path):
        embedded = EmbeddedStore(tmp_path)
        embedded.create_db(DB)
        own = {"open_to_write", "find_doc", "find_to_write", "find_docs", "find_few_docs", "read_docs", "delete_doc"}
        plain = type("Plain", (EmbeddedStore,), {name: getattr(Store, name) for name in own})(tmp_path)
        yield plain
        embedded.close()

    def test_reading(self, store):
        revision = store.save_doc(DB, {"_id": "d", "n": 1})
        document = {"_id": "d", "_rev": revision, "n": 1}
        assert store.open_to_write(DB, "d") == store.find_doc(DB, "d") == store.find_to_write(DB, "d") == document
        for db, doc_id in ((DB, "e"), ("nowhere", "d")):
            assert store.find_doc(db, doc_id) is None and store.find_to_write(db, doc_id) is None
            with pytest.raises(NotFound):
                store.open_to_write(db, doc_id)
        assert store.find_docs(DB, ["e", "d"]) == store.find_few_docs(DB, ["d", "e"], 1) == {"d": document}
        assert list(store.read_docs(DB, ["e", "d", "d"])) == [document]

    def test_deleting(self, store):
        revision = store.save_doc(DB, {"_id": "d"})
        assert store.delete_doc(DB, "d", revision).startswith("2-") and store.find_doc(DB, "d") is None

    def test_how_many_documents_are_read_at_a_time(self, store, monkeypatch):
        """They become more as long as they are small, up to 200."""
        asked = []

        def found(db, doc_ids, most_bytes):
            asked.append(len(doc_ids))
            return {doc_id: {"_id": doc_id} for doc_id in doc_ids}

        monkeypatch.setattr(store, "find_few_docs", found)
        ids = [str(number) for number in range(600)]
        assert [document["_id"] for document in store.read_docs(DB, ids)] == ids
        assert asked == [4, 16, 64, 200, 200, 116]

    def test_large_documents_are_read_few_at_a_time(self, store, monkeypatch):
        monkeypatch.setattr(store_module, "BYTES_AT_A_TIME", 50)
        asked = []

        def found(db, doc_ids, most_bytes):
            asked.append((len(doc_ids), most_bytes))
            # Of 25 bytes of JSON each: two of them are what is read at a time.
            return {doc_id: {"_id": doc_id, "x": "123456"} for doc_id in doc_ids}

        monkeypatch.setattr(store, "find_few_docs", found)
        assert len(list(store.read_docs(DB, "abcdefghi"))) == 9
        assert asked == [(4, 16_000_000), (2, 16_000_000), (2, 16_000_000), (1, 16_000_000)]

    def test_too_many_are_halved(self, store, monkeypatch):
        asked = []

        def found(db, doc_ids, most_bytes):
            asked.append(len(doc_ids))
            return None if len(doc_ids) > 1 else {doc_id: {"_id": doc_id} for doc_id in doc_ids}

        monkeypatch.setattr(store, "find_few_docs", found)
        assert [document["_id"] for document in store.read_docs(DB, "ab")] == ["a", "b"]
        assert asked == [2, 1, 1]

    def test_ids_and_rows(self):
        assert is_document_id("d") and is_document_id("d_") and not is_document_id("_d") and not is_document_id("")
        assert Row("d", 1, 2, {"_id": "d"}).document == {"_id": "d"}
        with pytest.raises(LookupError, match="d"):
            _ = Row("d", 1, 2).document


class TestDesignDocuments:
    def test_those_of_a_database(self):
        assert {"_design/trunkstore", "_design/users"} <= {design["_id"] for design in documents_for(DB)}
        assert "_design/accounts" in {design["_id"] for design in documents_for("accounts")}
        assert documents_for("system_config") == []
        assert routing_design() in documents_for(DB)

    def test_views_are_put_into_what_is_there(self):
        expected = {"_id": "_design/x", "views": {"a": {"map": "1"}, "b": {"map": "2"}}}
        assert with_views(None, expected, {"a"}) == expected
        for views, left in ((None, {}), ({"a": {"map": "old"}, "c": {}}, {"a": {"map": "old"}, "c": {}})):
            stored = {"_id": "_design/x", "_rev": "1-a", "views": views, "lib": {}}
            before = copy.deepcopy(stored)
            assert with_views(stored, expected, {"b"}) == {**stored, "views": {**left, "b": {"map": "2"}}}
            assert stored == before


class TestComparedViews:
    ENGINE = "couchdb 3.4"

    def findings(self, change, engine=ENGINE, documents=()):
        designs = copy.deepcopy({design["_id"]: design for design in documents_for(DB)})
        change(designs)
        return ViewComparison(engine).findings(DB, designs, documents)

    def routing(self, view, name="lookup_did"):
        def change(designs):
            views = designs["_design/trunkstore"]["views"]
            views[name] = view

        return change

    def test_ours(self):
        def reads():
            raise AssertionError("documents are read only where functions must be compared")
            yield

        assert self.findings(lambda designs: None, documents=reads()) == []

    def test_what_is_missing(self):
        found = self.findings(lambda designs: designs.pop("_design/users"))
        assert found == [ViewFinding("users", "", "missing")] and str(found[0]) == "users: missing"
        for view in (None, "x", {}, {"map": 5}):
            assert self.findings(self.routing(view)) == [
                ViewFinding("trunkstore", "lookup_did", "view lookup_did is missing")
            ]

        def without_views(designs):
            designs["_design/trunkstore"]["views"] = None

        names = sorted(routing_design()["views"])
        assert self.findings(without_views) == [
            ViewFinding("trunkstore", name, f"view {name} is missing") for name in names
        ]

    @pytest.mark.parametrize(
        ("engine", "runs"),
        [("couchdb 1.7.2", True), ("couchdb 2.3", True), ("couchdb 3.4", False), ("sqlite 2.0", False), ("", False)],
    )
    def test_kazoos_own(self, engine, runs):
        told = (
            "view lookup_did uses Iterator(), so its rows were not compared"
            if runs
            else "view lookup_did uses Iterator(), which this CouchDB lacks: it is empty"
        )
        expected = ViewFinding("trunkstore", "lookup_did", told, is_wrong=not runs)
        assert self.findings(self.routing({"map": KAZOOS_MAP}), engine) == [expected]

    def test_other_rows(self):
        emits_nothing = {"map": "function(doc) {}"}
        (found,) = self.findings(self.routing(emits_nothing))
        assert found == ViewFinding("trunkstore", "lookup_did", "view lookup_did has other rows for made-0")

    def test_other_words_and_the_same_rows(self):
        ours = routing_design()["views"]["lookup_did"]["map"]
        assert self.findings(self.routing({"map": f"{ours} "})) == []

    def test_other_rows_of_a_stored_document_alone(self):
        ours = routing_design()["views"]["lookup_did"]["map"]
        odd = ours.replace("{", "{ if (doc._id === 'second' || doc._id === 'third') { emit('x', 1); }", 1)
        documents = [{"_id": name} for name in ("first", "second", "third")]
        read = []

        def reads():
            for document in documents:
                read.append(document["_id"])
                yield document

        (found,) = self.findings(self.routing({"map": odd}), documents=reads())
        assert found == ViewFinding("trunkstore", "lookup_did", "view lookup_did has other rows for second")
        # No more are read than are needed.
        assert read == ["first", "second"]

    def test_another_reduction(self):
        counted = [
            (design["_id"], name)
            for design in documents_for(DB)
            for name, view in design["views"].items()
            if "reduce" in view
        ]
        for design_id, name in counted:

            def change(designs, design_id=design_id, name=name):
                designs[design_id]["views"][name]["reduce"] = "_sum"

            design = design_id.removeprefix("_design/")
            assert self.findings(change) == [ViewFinding(design, name, f"view {name} counts otherwise")]
        view = routing_design()["views"]["lookup_did"]
        assert "reduce" not in view and self.findings(self.routing({**view, "reduce": "_sum"})) == []

    def test_what_the_samples_tell_is_not_read_in_documents(self):
        def reads():
            raise AssertionError("read")
            yield

        pairs = {"x": ("function(doc) { emit(doc._id, 1); }", "function(doc) { emit(doc._id, 2); }")}
        comparison = ViewComparison(self.ENGINE)
        assert comparison.differing(pairs, reads()) == comparison.differing(pairs, reads()) == {"x": "made-0"}
        same = {"x": ("function(doc) { emit(1, 1); }", "function(doc) { emit(1, 1.0); }")}
        assert comparison.differing(same, [{"_id": "d"}]) == {}
        assert comparison.differing({}, []) == {}


class TestTheEmbeddedStore:
    @pytest.fixture
    def store(self, tmp_path):
        made = EmbeddedStore(tmp_path)
        made.create_db(DB)
        yield made
        made.close()

    def test_documents_that_are_loaded_without_a_revision(self, store):
        store.load_docs(DB, [{"_id": "d", "n": 1}])
        assert store.open_doc(DB, "d")["_rev"].startswith("1-")

    def test_a_dump_names_what_cannot_be_read(self, store):
        whole = {"_id": "whole", "_attachments": {"a": {"data": "eA==", "content_type": "text/plain"}}}
        for doc_id in ("broken", "whole", "z"):
            store.save_doc(DB, {**whole, "_id": doc_id})
        with store._writing() as cursor:
            cursor.execute("DELETE FROM attachments WHERE id = 'broken'")
        faults = []
        dumped = list(store.dump_docs(DB, lambda doc_id, error: faults.append((doc_id, str(error)))))
        assert [document["_id"] for document in dumped] == ["whole", "z"] and faults == [("broken", "broken/a")]
        assert dumped[0]["_attachments"]["a"]["data"] == "eA==" and "stub" not in dumped[0]["_attachments"]["a"]
        with pytest.raises(NotFound):
            list(store.dump_docs(DB))

    def test_the_size_of_a_document_is_that_of_its_utf_8(self, store):
        """Three bytes each, which would be six as escapes."""
        store.save_doc(DB, {"_id": "d", "x": "日" * (LARGEST_DOCUMENT // 4)})
        with pytest.raises(TooLarge):
            store.save_doc(DB, {"_id": "e", "x": "日" * (LARGEST_DOCUMENT // 3)})

    def test_attachments(self, store):
        text = {"data": "eHk=", "content_type": "text/plain"}
        first = store.save_doc(DB, {"_id": "d", "_attachments": {"a": text, "b": {"data": "eA=="}}})
        stubs = store.open_doc(DB, "d")["_attachments"]
        assert stubs == {
            # The digests are those of `xy` and `x`, in base64.
            "a": {
                "content_type": "text/plain",
                "revpos": 1,
                "digest": "md5-PkQQcXClIFgq3lIvpzwdFQ==",
                "length": 2,
                "stub": True,
            },
            "b": {
                "content_type": "application/octet-stream",
                "revpos": 1,
                "digest": "md5-ndTkYSaMgDT1yFZOFVxnpg==",
                "length": 1,
                "stub": True,
            },
        }
        store.save_doc(DB, {"_id": "d", "_rev": first, "_attachments": {"a": stubs["a"]}})
        assert store.open_attachment(DB, "d", "a") == b"xy"
        with pytest.raises(NotFound, match="d/b"):
            store.open_attachment(DB, "d", "b")

    def test_values_of_json_have_couchdbs_order(self):
        ordered = [None, False, True, -1e300, -2, -1.5, -1, -0.25, 0, 0.25, 1, 2, 1e300, "", "a", "b"]
        ordered += [[], [-2], [-1], [0], ["a"], ["a", "a"], ["b"], {}, {"a": 1}, {"a": 2}, {"b": 1}]
        backwards = ordered[::-1]
        assert sorted(backwards, key=sort_key) == ordered


class TestTheFile:
    SCHEMA = "CREATE TABLE IF NOT EXISTS t (n INTEGER)"

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "a" / "b" / "store.sqlite3"

    @pytest.fixture
    def file(self, path):
        made = SQLiteFile(path, self.SCHEMA)
        yield made
        made.close()

    def write(self, file, number):
        with file.writing() as cursor:
            cursor.execute("INSERT INTO t VALUES (?)", (number,))

    def test_only_its_owner_may_read_it(self, file, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.chmod(0o644)
        SQLiteFile(path, self.SCHEMA).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_write_is_whole_or_not_at_all(self, file):
        self.write(file, 1)
        with pytest.raises(ValueError, match="halfway"), file.writing() as cursor:
            cursor.execute("INSERT INTO t VALUES (2)")
            raise ValueError("halfway")
        assert file.read("SELECT n FROM t") == [(1,)]
        self.write(file, 3)
        assert file.read("SELECT n FROM t WHERE n > ?", 1) == [(3,)]

    def test_how_it_is_opened(self, file):
        assert file.read("PRAGMA journal_mode") == [("wal",)]
        # FULL: a write is on the disk when it is confirmed.
        assert file.read("PRAGMA synchronous") == [(2,)]
        assert file.read("PRAGMA cache_size") == [(-512,)]
        assert file.read("PRAGMA user_version") == [(1,)]

    def test_a_large_write_has_a_large_cache_for_itself(self, file):
        with file.writing() as cursor:
            file.grow_cache(cursor)
            assert cursor.execute("PRAGMA cache_size").fetchone() == (-8192,)
        assert file.read("PRAGMA cache_size") == [(-512,)]

    def test_closed_it_opens_again(self, file):
        self.write(file, 1)
        open_files = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
        file.close()
        if open_files is not None:
            assert len(os.listdir("/proc/self/fd")) < open_files
        file.close()
        assert file.read("SELECT n FROM t") == [(1,)]
        file.check()

    def test_one_that_is_missing_is_not_made_unless_it_may_be(self, tmp_path):
        path = tmp_path / "none.sqlite3"
        file = SQLiteFile(path, self.SCHEMA, creates=False)
        for use in (file.check, lambda: file.read("SELECT 1"), lambda: self.write(file, 1)):
            with pytest.raises(Unavailable, match=f"{path}: No such file or directory"):
                use()
        assert not path.exists()

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(Unavailable, match=f"DATA_DIR {tmp_path / 'file'}: "):
            SQLiteFile(tmp_path / "file" / "store.sqlite3", self.SCHEMA)

    def test_one_that_was_replaced_takes_no_writes(self, file, path):
        self.write(file, 1)
        copied = path.with_name("copy")
        copied.write_bytes(path.read_bytes())
        copied.rename(path)
        for use in (file.check, lambda: self.write(file, 2)):
            with pytest.raises(Unavailable, match=f"{path} was replaced while it was open"):
                use()
            # The next use opens the new one.
            file.check()
            copied.write_bytes(path.read_bytes())
            copied.rename(path)

    def test_one_of_a_newer_version(self, file, path):
        file.close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 2")
        connection.close()
        message = f"{path} was written by a newer version \\(format 2; this one has 1\\)"
        with pytest.raises(Unavailable, match=message):
            file.read("SELECT 1")

    def test_one_that_is_no_database(self, tmp_path):
        path = tmp_path / "rubbish"
        path.write_bytes(b"rubbish " * 1000)
        with pytest.raises(Unavailable, match="^SQLite: SQLITE_NOTADB$"):
            SQLiteFile(path, self.SCHEMA, creates=False).read("SELECT 1")

    def test_a_statement_that_fails_does_not_show_itself(self, file):
        with pytest.raises(Unavailable, match="^SQLite: SQLITE_ERROR$"):
            file.read("SELECT secret FROM nowhere")
        with pytest.raises(Unavailable, match="^SQLite: SQLITE_ERROR$"), file.writing() as cursor:
            cursor.execute("SELECT secret FROM nowhere")
        self.write(file, 1)
