"""A trunk's life without requests: what is stored, kept, told and marked."""

import pytest

from app.documents.clock import gregorian_now
from app.documents.fields import Author
from app.documents.names import account_db, number_db
from app.history.versions import History, Write
from app.numbers.documents import new_number
from app.services import make_services
from app.settings import Settings
from app.store import Conflict, Unavailable
from app.store.couchdb.store import CouchDBStore
from app.trunks.service import NumbersRefused, Trunks
from tests.support import embedded_world, server_with, wait_until

AUTHOR = Author("request-1", True, "account", "user")


class Told:
    """Stands for the notices and for the marks, and remembers what it is told."""

    def __init__(self):
        self.events = []

    def __getattr__(self, event):
        return lambda *arguments, **options: self.events.append((event, *arguments))


@pytest.fixture
def world(tmp_path):
    return embedded_world(tmp_path).populate()


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def trunks(world, told):
    return Trunks(world.store, None, told, told, History(world.store, 90))


@pytest.fixture
def account(world):
    return world.person("Trunks", "trunks.example.com", world.master).account


def document(*numbers, **members):
    return {"_id": "t", "pvt_type": "sys_info", "servers": [server_with(*numbers)], **members}


def recent(verb):
    return Write(verb=verb, when=gregorian_now(), account_id="account")


def test_the_whole_life(world, trunks, account, told):
    db, id = account_db(account["_id"]), account["_id"]
    created = trunks.create(account, document("+1"), AUTHOR)
    assert world.store.open_doc(db, "t") == created and created["pvt_request_id"] == "request-1"
    assert told.events == [("registrations_flushed", "trunks.example.com"), ("created", db, created)]

    told.events.clear()
    replaced = trunks.replace(account, created, {**created, "servers": [server_with("+2")]}, AUTHOR, recent("POST"))
    assert replaced["_rev"].startswith("2-")
    assert told.events == [("edited", db, replaced), ("track", id, ["+1"], ["+2"])]

    told.events.clear()
    deleted = trunks.delete(account, replaced, AUTHOR, recent("DELETE"), softly=True)
    assert world.store.open_doc(db, "t")["pvt_deleted"] is True
    assert told.events == [
        ("registrations_flushed", "trunks.example.com"),
        ("deleted", db, deleted),
        ("track", id, ["+2"], []),
    ]

    told.events.clear()
    restored = trunks.restore(account, deleted, document("+1", _rev=deleted["_rev"]), AUTHOR, recent("POST"))
    assert "pvt_deleted" not in world.store.open_doc(db, "t")
    assert told.events == [
        ("registrations_flushed", "trunks.example.com"),
        ("saved", db, restored),
        ("track", id, [], ["+1"]),
    ]
    kept = [(version.revision, version.replaced_by.verb) for version in trunks.history.versions(id, "t")]
    assert kept == [(deleted["_rev"], "POST"), (replaced["_rev"], "DELETE"), (created["_rev"], "POST")]


def test_a_hard_deletion_and_a_restoration_of_what_is_gone(world, trunks, account, told):
    db = account_db(account["_id"])
    created = trunks.create(account, document("+1"), AUTHOR)
    deleted = trunks.delete(account, created, AUTHOR, recent("DELETE"), softly=False)
    assert deleted["_deleted"] is True and world.store.find_doc(db, "t") is None
    told.events.clear()
    restored = trunks.restore(account, None, document("+1"), AUTHOR, recent("POST"))
    assert world.store.open_doc(db, "t") == restored
    assert ("saved", db, restored) in told.events and ("track", account["_id"], [], ["+1"]) in told.events


def test_a_write_that_was_too_late_is_neither_told_nor_kept(world, trunks, account, told):
    created = trunks.create(account, document("+1"), AUTHOR)
    trunks.replace(account, created, created, AUTHOR, recent("POST"))
    told.events.clear()
    with pytest.raises(Conflict):
        trunks.replace(account, created, {**created, "name": "late"}, AUTHOR, recent("POST"))
    with pytest.raises(Conflict):
        trunks.delete(account, created, AUTHOR, recent("DELETE"), softly=True)
    assert told.events == [] and len(list(trunks.history.versions(account["_id"], "t"))) == 1


def test_services_tell_of_repairs_as_of_other_writes():
    services = make_services(Settings(), store=CouchDBStore(["http://127.0.0.1:1"]))
    assert services.store.on_repair == services.notices.edited
    assert services.trunks.notices is services.notices


def test_a_trunk_is_found_whatever_became_of_it(world, trunks, account):
    id, db = account["_id"], account_db(account["_id"])
    created = trunks.create(account, document("+1"), AUTHOR)
    deleted = trunks.delete(account, created, AUTHOR, recent("DELETE"), softly=True)
    assert trunks.find(id, "t") == deleted
    assert trunks.find_version(id, "t", deleted["_rev"], deleted) == deleted
    assert trunks.find_version(id, "t", created["_rev"], deleted) == created
    assert trunks.find_version(id, "t", "9-0", deleted) is None
    assert [entry["revision"] for entry in trunks.timeline(id, "t")] == [deleted["_rev"], created["_rev"]]
    assert [entry["revision"] for entry in trunks.timeline(id, "t", created["_rev"])] == [created["_rev"]]
    world.store.save_doc(db, {"_id": "u", "pvt_type": "user"})
    for other in ("u", "_design/trunkstore", "", "missing"):
        assert trunks.find(id, other) is None and list(trunks.timeline(id, other)) == []


def test_what_may_be_saved(world, account, tmp_path):
    services = make_services(Settings(data_dir=tmp_path), store=world.store)
    number = "+12025550143"
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), new_number(number, world.master.account_id, "knm_local"))
    with pytest.raises(NumbersRefused) as refused:
        services.trunks.accepted(account, document(number, "+1"), account["_id"])
    assert refused.value.numbers == [number]
    accepted = services.trunks.accepted(account, document(number), world.master.account_id)
    assert accepted == {**document(number), "account": {"auth_realm": "trunks.example.com"}}


def test_marks_that_could_not_be_written_are_written_later(world, account, tmp_path, monkeypatch):
    services = make_services(Settings(data_dir=tmp_path), store=world.store)
    number = "+12025550144"
    services.numbers.create(new_number(number, account["_id"], "knm_local"))
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "save_doc", failing_for(number_db(number), world.store.save_doc))
        created = services.trunks.create(account, document(account={}), AUTHOR)
        services.trunks.replace(account, created, {**created, **document(number)}, AUTHOR, recent("POST"))
        assert services.numbers.find(number).get("pvt_used_by") is None
    wait_until(lambda: services.numbers.find(number).get("pvt_used_by") == "trunkstore")


def failing_for(failing_db, save_doc):
    def save(db, document):
        if db == failing_db:
            raise Unavailable("gone")
        return save_doc(db, document)

    return save
