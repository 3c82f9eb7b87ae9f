"""A filter on a list reads documents a few at a time, counted by bytes: not all of them are in memory at once."""

import gc
import json
import threading
import weakref

import pytest

from app import store
from app.documents.names import account_db, encoded
from app.services import make_services
from app.settings import Settings
from app.store.couchdb import session
from app.store.embedded import store as embedded
from tests.in_process import InProcess

pytestmark = pytest.mark.slow

# Documents and limits are a tenth of what they may be in a service.
SIZE = 50_000
COUNT = 60
BYTES_AT_A_TIME, MOST_AT_A_TIME = (limit // 10 for limit in (store.BYTES_AT_A_TIME, store.MOST_BYTES))
# At one time, of the documents that one request reads.
MOST_BYTES = 1_000_000
FILTERS = "filter_name=large"
IDS = [f"t{number:02}" for number in range(COUNT)]


class Held(dict):
    """A document of which it can be seen whether anybody holds it."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Meter:
    """How many bytes of documents are in memory, and how many have been at most."""

    def __init__(self):
        self.held = self.most = 0
        self._lock = threading.Lock()

    def took(self, thing, size):
        with self._lock:
            self.held += size
            self.most = max(self.most, self.held)
        weakref.finalize(thing, self._gave, size)

    def _gave(self, size):
        with self._lock:
            self.held -= size


@pytest.fixture(scope="module")
def stored(world):
    """An account with sixty trunks."""
    person = world.person("Large trunks", "large-trunks.example.com", world.master)
    db = account_db(person.account_id)
    private = {"pvt_type": "sys_info", "pvt_account_id": person.account_id, "pvt_account_db": encoded(db)}
    for doc_id in IDS:
        document = {"_id": doc_id, **private, "account": {}, "servers": [], "name": "large", "text": "x" * SIZE}
        world.store.save_doc(db, document)
    yield person
    for document in list(world.store.iterate_docs(db)):
        if document["_id"] in IDS:
            world.store.delete_doc(db, document["_id"], document["_rev"])


@pytest.fixture
def meter(world, stored, monkeypatch):
    """Measures the documents that the embedded store reads, or the answers of CouchDB."""
    made = Meter()
    if world.store.is_embedded:
        read = embedded._document

        def tracked(doc_id, revision, body):
            document = Held(read(doc_id, revision, body))
            made.took(document, len(body))
            return document

        monkeypatch.setattr(embedded, "_document", tracked)
    else:
        body = session.ServerAnswer.body

        def measured(answer):
            found = body(answer)
            made.took(answer, len(found))
            return found

        monkeypatch.setattr(session.ServerAnswer, "body", measured)
    return made


@pytest.fixture
def ask(world, stored, meter, monkeypatch):
    """Asks a service in this process for the list of the account's trunks; the envelope's data."""
    monkeypatch.setattr(store, "BYTES_AT_A_TIME", BYTES_AT_A_TIME)
    monkeypatch.setattr(store, "MOST_BYTES", MOST_AT_A_TIME)
    settings = Settings.from_environment(world.environment)
    services = make_services(settings)
    server, person = InProcess(services), stored
    if world.store.is_embedded:
        read = services.store._read

        def measured(*arguments):
            rows = read(*arguments)
            meter.most = max(meter.most, sum(len(cell) for row in rows for cell in row if isinstance(cell, str)))
            return rows

        monkeypatch.setattr(services.store, "_read", measured)
    token = services.tokens.mint({"account_id": person.account_id, "owner_id": person.user["_id"]}, 3600)

    def get(query):
        headers = {"x-auth-token": token}
        status, _, content = server("GET", f"/v2/accounts/{person.account_id}/connectivity?{query}", headers, None)
        assert status == 200, content[:300]
        gc.collect()
        return json.loads(content)["data"]

    yield get
    services.close()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (f"{FILTERS}&page_size=3", IDS[:3]),
        (f"{FILTERS}&page_size=50", IDS[:50]),
        (f"{FILTERS}&paginate=false", IDS),
        ("filter_name=other&page_size=3", []),
        ("filter_name=other&paginate=false", []),
        ("has_key=text&filter_not_name=other&page_size=40", IDS[:40]),
    ],
)
def test_a_filter_holds_few_bytes_of_documents_at_a_time(ask, meter, query, ids):
    assert sorted(ask(query)) == ids
    assert meter.most <= MOST_BYTES


def test_a_small_page_reads_few_documents(ask, meter):
    """One of sixty is wanted, and the first one passes."""
    assert sorted(ask(f"{FILTERS}&page_size=1")) == IDS[:1]
    assert meter.most <= 5 * SIZE


def test_a_list_without_a_filter_reads_no_documents(ask, meter):
    assert sorted(ask("paginate=false")) == IDS
    assert meter.most < SIZE
