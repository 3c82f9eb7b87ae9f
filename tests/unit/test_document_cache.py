"""The cache of documents is bounded by their bytes, and forgets what is too old to be used."""

import gc
import time
import weakref

from app.store.cache import DocumentCache

MEGABYTE = 1_000_000
# In all of a worker's memory, whatever is asked for.
MOST_BYTES = 32 * MEGABYTE


class Tracked(dict):
    """A document of which it can be seen whether anybody holds it."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Documents:
    """A store with a document of the asked size under every id; it knows which of them are still in memory."""

    def __init__(self, size):
        self._size = size
        self.alive = weakref.WeakSet()
        self.reads = 0

    def find_doc(self, db, doc_id):
        self.reads += 1
        document = Tracked({"_id": doc_id, "_rev": "1-a", "text": "x" * self._size})
        self.alive.add(document)
        return document

    @property
    def held(self):
        gc.collect()
        return sum(len(document["text"]) for document in self.alive)


def test_large_documents_do_not_pile_up():
    store = Documents(MEGABYTE)
    cache = DocumentCache(store, seconds=3600)
    for number in range(100):
        assert cache.find_doc("db", str(number))["_id"] == str(number)
    assert store.held <= MOST_BYTES


def test_small_documents_are_remembered_beside_large_ones():
    store = Documents(1000)
    cache = DocumentCache(store, seconds=3600)
    for _ in range(3):
        for number in range(1000):
            cache.find_doc("db", str(number))
    assert store.reads == 1000


def test_what_is_too_old_to_be_used_leaves():
    store = Documents(1000)
    cache = DocumentCache(store, seconds=0.05)
    for number in range(500):
        cache.find_doc("db", f"old {number}")
    time.sleep(0.1)
    for number in range(500):
        cache.find_doc("db", f"new {number}")
    gc.collect()
    assert [document["_id"] for document in store.alive if document["_id"].startswith("old")] == []


def test_a_document_of_a_megabyte_is_remembered():
    """Each request of a user reads it."""
    store = Documents(MEGABYTE)
    cache = DocumentCache(store, seconds=3600)
    for _ in range(3):
        cache.find_doc("db", "user")
    assert store.reads == 1
