"""The raw design documents of couchdb_views/, in both engines (docs/kazoo/documents.md, section 8)."""

import json
import random

import pytest

from app.documents.names import account_db, new_id
from app.store.couchdb.store import CouchDBStore
from app.store.design import documents_for, needs_old_engine
from app.store.embedded.store import EmbeddedStore

ACCOUNT_ID = new_id()
DB = account_db(ACCOUNT_ID)
VIEWS = ("crossbar_listing", "lookup_did", "lookup_user_flags")


def generated(count):
    """Trunk documents as they are found in the wild, and worse."""
    chooser = random.Random(4)
    pick = chooser.choice

    def auth():
        password = {"auth_method": "Password", "auth_user": f"User{chooser.randrange(50)}", "auth_password": "p"}
        return pick(
            [
                *[password] * 5,
                {"auth_method": "IP", "ip": "192.0.2.1"},
                {"auth_user": 5},
                {},
                None,
                "x",
            ]
        )

    def server():
        made = {"server_name": f"pbx{chooser.randrange(9)}", "options": pick([{}, {"enabled": False}, None])}
        if chooser.random() < 0.9:
            made["auth"] = auth()
        made["DIDs"] = pick(
            [{f"+1415{chooser.randrange(10**7):07}": {"a": 1}}, {"": {}, "office": {}}, {}, None, "x", [1]]
        )
        if chooser.random() < 0.3:
            made["enabled"] = pick([False, True, 0, "false", None])
        if chooser.random() < 0.3:
            made.update(callerid={"cid_name": "x"}, e911_callerid="y", inbound_format="e164")
        return pick([made, made, made, made, made, None, 5, "x", []])

    for number in range(count):
        document = {
            "_id": f"{number:032x}",
            "_rev": f"1-{number:032x}",
            "pvt_type": pick(["sys_info"] * 9 + ["device"]),
        }
        if chooser.random() < 0.9:
            document["account"] = pick(
                [{"auth_realm": "R.Example", "trunks": 1}, {"auth_realm": "r.example"}, {}, None, "x"]
            )
        document["servers"] = pick(
            [[server() for _ in range(chooser.randrange(4))] for _ in range(8)] + ["x", {}, None, 5, {"0": server()}]
        )
        if chooser.random() < 0.1:
            document["pvt_deleted"] = pick([True, "true", False])
        if chooser.random() < 0.2:
            document.update(call_restriction={"x": {"action": "deny"}}, callerid={"cid_number": "1"})
        yield document


def rows(store):
    return {
        view: sorted(
            json.dumps([row.key, row.id, row.value], sort_keys=True)
            for row in store.query_view(DB, f"trunkstore/{view}")
        )
        for view in VIEWS
    }


def test_both_engines_give_the_same_rows_for_two_hundred_documents(couchdb_url, tmp_path):
    stores = [EmbeddedStore(tmp_path), CouchDBStore([couchdb_url], timeout=120)]
    documents = list(generated(200))
    for store in stores:
        store.create_db(DB, documents_for(DB))
        store.load_docs(DB, documents)
    ours, theirs = map(rows, stores)
    assert all(len(ours[view]) > 10 for view in VIEWS)
    assert ours == theirs


@pytest.fixture
def store(tmp_path):
    store = EmbeddedStore(tmp_path)
    store.create_db(DB, documents_for(DB))
    return store


def trunk(doc_id, servers, **members):
    return {
        "_id": doc_id,
        "pvt_type": "sys_info",
        "account": {"auth_realm": "R.example"},
        "servers": servers,
        **members,
    }


def test_lookup_did(store):
    auth = {"auth_method": "Password", "auth_user": "u"}
    server = {
        "auth": auth,
        "DIDs": {"+14155550100": {"x": 1}},
        "options": {"enabled": False},
        "callerid": {"cid_name": "s"},
    }
    store.save_doc(
        DB, trunk("d", [{"DIDs": {"+1": {}}}, server, {**server, "enabled": False}], callerid={"cid_name": "a"})
    )
    (row,) = store.query_view(DB, "trunkstore/lookup_did")
    assert (row.key, row.value) == (
        "+14155550100",
        {
            "callerid_server": {"cid_name": "s"},
            "callerid_account": {"cid_name": "a"},
            "e911_callerid_server": "",
            "e911_callerid_account": "",
            "auth": {**auth, "auth_realm": "R.example"},
            "DID_Opts": {"x": 1},
            "inbound_format": "npan",
            "server": {"enabled": False},
            "account": {"auth_realm": "R.example"},
        },
    )


def test_lookup_user_flags(store):
    neighbours = [
        {"auth": {"auth_method": "IP"}},
        {"auth": {"auth_user": "USER"}, "x": 1},
        {"server_name": "no auth"},
    ]
    store.save_doc(DB, trunk("d", neighbours, call_restriction={"c": 1}))
    store.save_doc(DB, trunk("gone", neighbours, pvt_deleted=True))
    (row,) = store.query_view(DB, "trunkstore/lookup_user_flags")
    assert row.key == ["r.example", "user"]
    assert row.value == {
        "server": {"auth": {"auth_user": "USER", "auth_realm": "R.example"}, "x": 1},
        "account": {"auth_realm": "R.example"},
        "call_restriction": {"c": 1},
    }


def test_accounts_and_users(tmp_path):
    store = EmbeddedStore(tmp_path)
    store.create_db("accounts", documents_for("accounts"))
    account = {
        "pvt_type": "account",
        "pvt_account_id": "a" * 32,
        "pvt_account_db": "db",
        "pvt_tree": ["root", "parent"],
    }
    store.save_doc(
        "accounts",
        {**account, "_id": "a" * 32, "name": "Acme, Inc. (NY) #1", "realm": "ACME.example", "pvt_api_key": "k"},
    )
    store.save_doc("accounts", {**account, "_id": "b" * 32, "name": "gone", "realm": "gone", "pvt_deleted": True})
    entry = {"account_id": "a" * 32, "account_db": "db"}

    def only(view, **options):
        (row,) = store.query_view("accounts", f"accounts/{view}", **options)
        return row.key, row.value

    assert only("listing_by_name") == ("acmeincny1", entry)
    assert only("listing_by_realm") == ("acme.example", entry)
    assert only("listing_by_api") == ("k", {"account_id": "a" * 32})
    key, value = only("listing_by_descendants", startkey=["parent"], endkey=["parent", {}])
    assert key == ["parent", "Acme, Inc. (NY) #1"] and value["id"] == "a" * 32
    store.create_db(DB, documents_for(DB))
    user = {
        "pvt_type": "user",
        "pvt_account_id": ACCOUNT_ID,
        "pvt_md5_auth": "m",
        "pvt_sha1_auth": "s",
        "username": "u",
    }
    for doc_id, members in (
        ("on", {"enabled": True}),
        ("off", {"enabled": False}),
        ("unset", {}),
        ("gone", {"enabled": True, "pvt_deleted": True}),
    ):
        store.save_doc(DB, {**user, "_id": doc_id, **members})
    for view, credential in (("creds_by_md5", "m"), ("creds_by_sha", "s")):
        (row,) = store.query_view(DB, f"users/{view}", key=credential)
        assert row.value == {"owner_id": "on", "account_id": ACCOUNT_ID}
    assert len(store.query_view(DB, "users/list_by_username", key="u")) == 3


def test_which_maps_need_an_old_engine():
    assert needs_old_engine("function(doc) { var s = Iterator(doc.servers); }")
    for design in (*documents_for(DB), *documents_for("accounts")):
        assert not any(needs_old_engine(view["map"]) for view in design["views"].values())


def test_databases_that_get_no_views():
    assert documents_for("system_config") == [] and documents_for(f"{DB}-202408") == []
