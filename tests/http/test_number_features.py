"""What UIs set on a number: POST, PATCH and DELETE of `/accounts/{ACCOUNT_ID}/phone_numbers/{NUMBER}`."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
import requests

from app.documents.names import account_db, number_db
from tests import support
from tests.conftest import make_person

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

_NUMBERS = itertools.count()
UNAUTHORIZED = {"code": 403, "error": "forbidden", "message": "requestor is unauthorized to perform operation"}


def give_number(world, owner, **members):
    """A number in its own database and in its owner's, as `add-number` makes it."""
    number = f"+14167{os.getpid() % 1000:03}{next(_NUMBERS):03}"
    document = {
        "_id": number,
        "pvt_type": "number",
        "pvt_state": "in_service",
        "pvt_module_name": "knm_local",
        "pvt_created": 63_900_000_000,
        "pvt_modified": 63_900_000_000,
        **({"pvt_assigned_to": owner.account_id} if owner else {}),
        **members,
    }
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), document)
    if owner:
        world.store.save_doc(account_db(owner.account_id), document)
    return number


class Numbers:
    """A client of an account's numbers."""

    def __init__(self, base, caller, account_id=None, version="v2"):
        self._token = support.Api(base, caller).token
        self._root = f"{base}/{version}/accounts/{account_id or caller.account_id}/phone_numbers"

    def __call__(self, method, path, data=None):
        body = None if data is None else {"data": data}
        url = f"{self._root}/{quote(path, safe='/?=&')}"
        return requests.request(method, url, json=body, headers={"X-Auth-Token": self._token}, timeout=120)


@pytest.fixture
def numbers(base, person):
    return Numbers(base, person)


def stored(world, number):
    return world.store.find_doc(number_db(number), number)


def copy_of(world, owner, number):
    return world.store.find_doc(account_db(owner.account_id), number)


def body(document):
    return {name: value for name, value in document.items() if name != "_rev"}


def test_a_feature_is_saved_in_both_databases(world, numbers, person):
    number = give_number(world, person, pvt_used_by="trunkstore", note="mine")
    answer = numbers(
        "POST", number, {"failover": {"e164": "+14155550199"}, "prepend": {"enabled": True, "name": "S"}}
    )
    assert answer.status_code == 200
    assert answer.json()["data"]["features"] == ["failover", "local", "prepend"]
    document = stored(world, number)
    assert document["pvt_features"] == {
        "local": {},
        "failover": {"e164": "+14155550199"},
        "prepend": {"enabled": True, "name": "S"},
    }
    assert document["failover"] == {"e164": "+14155550199"}
    assert "note" not in document
    assert document["pvt_used_by"] == "trunkstore"
    assert document["pvt_modified"] > document["pvt_created"]
    assert body(document) == body(copy_of(world, person, number))


def test_a_patch_keeps_what_it_does_not_name(world, numbers, person):
    number = give_number(world, person, note="mine", prepend={"enabled": True, "name": "S"})
    answer = numbers("PATCH", number, {"prepend": {"name": "T"}, "own": {"a": [1]}})
    assert answer.json()["data"]["prepend"] == {"enabled": True, "name": "T"}
    assert (stored(world, number)["note"], stored(world, number)["own"]) == ("mine", {"a": [1]})
    assert numbers("PATCH", number, {"note": None}).status_code == 200
    assert "note" not in stored(world, number)


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_null_removes_a_feature(world, numbers, person, method):
    features = {"prepend": {"enabled": True, "name": "HQ "}, "force_outbound": True, "note": "kept"}
    number = give_number(world, person)
    assert numbers("POST", number, features).status_code == 200
    nulls = {"prepend": None, "force_outbound": None, "failover": None, "ringback": None}
    answer = numbers(method, number, nulls)
    assert answer.status_code == 200, answer.text
    after = stored(world, number)
    assert not {"prepend", "force_outbound", "failover", "ringback"} & after.keys()
    assert ("note" in after) is (method == "PATCH") and "prepend" not in after.get("pvt_features", {})


def test_what_a_client_read_it_may_send_back(world, numbers, person):
    number = give_number(world, person, pvt_used_by="callflow")
    read = numbers("GET", number).json()["data"]
    assert numbers("POST", number, read | {"force_outbound": True}).json()["data"]["features"] == [
        "force_outbound",
        "local",
    ]
    public = {name for name in stored(world, number) if not name.startswith(("_", "pvt_"))}
    assert public == {"force_outbound"}
    before = stored(world, number)
    assert numbers("POST", number, read | {"force_outbound": True}).status_code == 200
    assert stored(world, number) == before


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"prepend": 5}, "prepend"),
        ({"failover": False}, "failover"),
        ({"ringback": []}, "ringback"),
        ({"force_outbound": "perhaps"}, "force_outbound"),
        ({"cnam": {"display_name": "a name of over fifteen"}}, "cnam.display_name"),
    ],
)
def test_a_bad_type_is_told_and_leaves_the_number_in_service(world, numbers, person, data, path):
    number = give_number(world, person)
    before = stored(world, number)
    for method in ("POST", "PATCH"):
        answer = numbers(method, number, data)
        assert (answer.status_code, list(answer.json()["data"])) == (400, [path])
    assert stored(world, number) == before
    assert numbers("GET", number).json()["data"]["state"] == "in_service"


def test_features_that_are_not_available_are_refused(world, numbers, person):
    number = give_number(world, person)
    before = stored(world, number)
    for data in (
        {"failover": {"sip": "sip:a@b.example"}},
        {"cnam": {"display_name": "ACME"}},
        {"e911": {"street_address": "1 Main St", "locality": "SF", "region": "CA", "postal_code": "94105"}},
        {"carrier_name": "telnyx"},
    ):
        answer = numbers("POST", number, data)
        assert (answer.status_code, answer.json()["data"]) == (403, UNAUTHORIZED)
    own_list = give_number(world, person, pvt_features_allowed=["failover"], pvt_features_denied=["prepend"])
    assert numbers("POST", own_list, {"failover": {"e164": "+1"}}).status_code == 200
    assert numbers("POST", own_list, {"prepend": {"enabled": True}}).status_code == 403
    assert stored(world, number) == before


class TestEmergencyAddresses:
    ADDRESS = {"street_address": "1 Main St", "locality": "San Francisco", "region": "CA", "postal_code": "94105"}
    PROVISIONED = {**ADDRESS, "status": "PROVISIONED", "notification_contact_emails": []}

    def test_a_new_one_is_never_pretended(self, world, numbers, person):
        number = give_number(world, person, pvt_module_name="knm_managed")
        before = stored(world, number)
        for method in ("POST", "PATCH"):
            answer = numbers(method, number, {"e911": self.ADDRESS, "prepend": {"enabled": True}})
            assert answer.status_code == 409
            data = answer.json()["data"]
            assert "e911" in data["message"] and data["e911"] == {"message": data["message"]}
        assert stored(world, number) == before

    def test_nor_is_one_that_the_old_ui_calls_by_a_provider(self, base, world, person):
        number = give_number(world, person, pvt_module_name="knm_managed")
        before = stored(world, number)
        answer = Numbers(base, person, version="v1")("POST", number[1:], {"dash_e911": self.ADDRESS})
        assert answer.status_code == 409
        # Its dialog shows the message of the envelope.
        assert "not saved" in answer.json()["message"]
        assert stored(world, number) == before

    def test_one_that_kazoo_provisioned_stays(self, world, numbers, person):
        held = {"pvt_features": {"e911": self.PROVISIONED}, "e911": self.PROVISIONED}
        number = give_number(world, person, pvt_module_name="knm_managed", **held)
        read = numbers("GET", number).json()["data"]
        assert numbers("POST", number, read | {"prepend": {"enabled": True}}).status_code == 200
        assert numbers("PATCH", number, {"force_outbound": True}).status_code == 200
        assert stored(world, number)["pvt_features"]["e911"] == self.PROVISIONED
        for method, data in (
            ("POST", {"prepend": {"enabled": True}}),
            ("PATCH", {"e911": None}),
            ("PATCH", {"e911": self.ADDRESS | {"postal_code": "94107"}}),
        ):
            assert numbers(method, number, data).status_code == 409
        assert stored(world, number)["e911"] == self.PROVISIONED
        assert numbers("DELETE", number).status_code == 409

    def test_one_from_before_a_default_of_the_schema_stays_too(self, world, numbers, person):
        held = {"pvt_features": {"e911": self.ADDRESS}, "e911": self.ADDRESS}
        number = give_number(world, person, pvt_module_name="knm_managed", **held)
        read = numbers("GET", number).json()["data"]
        assert numbers("POST", number, read | {"prepend": {"enabled": True}}).status_code == 200
        assert stored(world, number)["pvt_features"]["e911"] == self.ADDRESS

    def test_one_of_kazoo_3_stays_and_keeps_the_number(self, world, numbers, person):
        held = {"pvt_features": ["dash_e911"], "dash_e911": self.ADDRESS}
        number = give_number(world, person, pvt_module_name="knm_managed", **held)
        assert numbers("PATCH", number, {"note": "x"}).status_code == 200
        assert stored(world, number)["pvt_features"] == {"e911": self.ADDRESS}
        assert stored(world, number)["e911"] == self.ADDRESS
        local = give_number(world, person, **held)
        answer = numbers("DELETE", local)
        assert answer.status_code == 409 and "e911" in answer.json()["message"] + str(answer.json()["data"])
        assert stored(world, local)


def test_caller_id_names_are_saved_where_the_operator_is_told(world, numbers, person):
    number = give_number(world, person, pvt_module_name="knm_managed")
    answer = numbers("POST", number, {"cnam": {"display_name": "ACME", "inbound_lookup": True}})
    assert answer.json()["data"]["features"] == ["inbound_cnam", "outbound_cnam"]
    child = make_person(world, parent=person)
    services = world.store.open_doc("services", child.account_id)
    world.store.save_doc("services", services | {"pvt_reseller_id": person.account_id})
    settings = {"_id": "configs_number_manager", "cnam_provider": "knm_telnyx_cnam"}
    world.store.save_doc(account_db(person.account_id), settings)
    of_child = give_number(world, child, pvt_module_name="knm_managed")
    assert numbers("POST", of_child, {"cnam": {"display_name": "ACME"}}).status_code == 409
    assert numbers("POST", of_child, {"cnam": {"inbound_lookup": True}}).status_code == 409
    assert numbers("POST", of_child, {"force_outbound": True}).status_code == 200


def test_who_may_change_which(base, world, numbers, person):
    stranger, child = make_person(world, "stranger"), make_person(world, "child", person)
    theirs, childs = give_number(world, stranger), give_number(world, child)
    free = give_number(world, None, pvt_state="available")
    mobile = give_number(world, person, pvt_module_name="knm_mdn")
    gone = give_number(world, person, pvt_state="deleted")
    data = {"force_outbound": True}
    assert numbers("POST", childs, data).status_code == 200
    assert copy_of(world, child, childs)["force_outbound"] is True
    for number in (theirs, free, mobile):
        for method in ("POST", "PATCH", "DELETE"):
            answer = numbers(method, number, data)
            assert (answer.status_code, answer.json()["data"]) == (403, UNAUTHORIZED)
    for number in ("+19995550100", gone):
        answer = numbers("POST", number, data)
        assert (answer.status_code, answer.json()["message"]) == (404, "bad_identifier")
    answer = numbers("POST", "office", data)
    assert (answer.status_code, answer.json()["message"]) == (400, "client error")
    assert Numbers(base, world.master, person.account_id)("POST", theirs, data).status_code == 200


def test_unknown_members_go_round(world, numbers, person):
    number = give_number(world, person, custom="", list=[], nothing={})
    read = numbers("GET", number).json()["data"]
    assert (read["custom"], read["list"], read["nothing"]) == ("", [], {})
    assert numbers("POST", number, read).status_code == 200
    assert stored(world, number)["custom"] == ""


def test_depth_that_json_may_have_is_no_fault(numbers, world, person):
    number, deep = give_number(world, person), {}
    for _ in range(240):
        deep = {"a": deep}
    for method in ("POST", "PATCH", "PATCH"):
        assert numbers(method, number, {"x": deep}).status_code == 200


def test_a_copy_that_is_lost_is_made_again(world, numbers, person):
    number = give_number(world, person)
    assert numbers("POST", number, {"note": 1}).status_code == 200
    copy = copy_of(world, person, number)
    world.store.delete_doc(account_db(person.account_id), number, copy["_rev"])
    assert numbers("POST", number, {"note": 1}).status_code == 200
    assert body(copy_of(world, person, number)) == body(stored(world, number))


def test_the_old_ui_names_numbers_without_plus(base, world, person):
    number = give_number(world, person, pvt_used_by="trunkstore")
    old = Numbers(base, person, version="v1")
    answer = old("POST", number[1:], {"failover": {"e164": "+14155550199"}})
    assert (answer.status_code, answer.json()["data"]["id"]) == (200, number)
    assert old("PATCH", number[1:], {"note": 1}).status_code == 405
    listed = old("GET", "").json()["data"]["numbers"][number]
    assert sorted(listed["features"]) == ["failover", "local"] and "features_available" not in listed
    refused = old("POST", number[1:], {"cnam": {"display_name": "ACME"}})
    assert (refused.status_code, refused.json()["data"]) == (403, UNAUTHORIZED["message"])


class TestRelease:
    def test_a_spare_local_number_is_gone(self, world, numbers, person):
        number = give_number(world, person, note="x", pvt_features={"local": {}, "prepend": {}})
        data = numbers("DELETE", number).json()["data"]
        assert (data["state"], data["features"], data["_read_only"]["state"]) == ("deleted", ["local"], "deleted")
        assert "note" not in data
        assert stored(world, number) is None
        assert copy_of(world, person, number) is None
        assert numbers("GET", number).status_code == 404
        assert numbers("DELETE", number).status_code == 404

    def test_one_that_an_ancestor_reserved_is_the_ancestors_to_release(self, base, world, numbers, person):
        child = make_person(world, "child", person)
        of_parent = give_number(world, person, pvt_state="reserved")
        of_master = give_number(world, world.master, pvt_state="reserved")
        below = Numbers(base, child)
        for number in (of_parent, of_master):
            assert below("PATCH", number, {"note": "x"}).status_code == 200
            answer = below("DELETE", number)
            assert (answer.status_code, answer.json()["data"]) == (403, UNAUTHORIZED)
            assert stored(world, number)
        assert numbers("DELETE", of_parent).status_code == 200

    def test_two_clicks_release_once(self, base, world, numbers, person):
        child = make_person(world, "child", person)
        history = [child.account_id, person.account_id]
        for _ in range(5):
            number = give_number(world, child, pvt_reserve_history=history)
            with ThreadPoolExecutor(2) as pool:
                clicks = [pool.submit(numbers, "DELETE", number) for _ in range(2)]
            statuses = sorted(click.result().status_code for click in clicks)
            # The second click may come after the first one, and then releases what the first one gave back.
            assert statuses in ([200, 409], [200, 200])
            assert (stored(world, number) is None) == (statuses == [200, 200])

    def test_an_account_without_trunks_can_release_its_numbers(self, world, numbers, person):
        db = account_db(person.account_id)
        design = world.store.open_doc(db, "_design/trunkstore")
        world.store.delete_doc(db, "_design/trunkstore", design["_rev"])
        assert numbers("DELETE", give_number(world, person)).status_code == 200

    def test_one_in_use_stays(self, base, world, numbers, person):
        marked = give_number(world, person, pvt_used_by="trunkstore")
        unmarked = give_number(world, person)
        support.Api(base, person).create({"servers": [support.server_with(unmarked[2:])]})
        for number in (marked, unmarked):
            answer = numbers("DELETE", number)
            assert (answer.status_code, answer.json()["message"]) == (409, "number_not_released")
            assert answer.json()["data"][number] == {"message": answer.json()["data"]["message"]}
            assert "used by a trunk" in answer.json()["data"]["message"]
            assert stored(world, number) and copy_of(world, person, number)

    def test_one_of_a_carrier_stays_kazoos(self, world, numbers, person):
        for members in ({"pvt_module_name": "knm_telnyx"}, {"pvt_state": "port_in"}):
            number = give_number(world, person, **members)
            answer = numbers("DELETE", number)
            assert (answer.status_code, answer.json()["message"]) == (409, "number_not_released")
            assert "only Kazoo can" in answer.json()["data"]["message"]
            assert stored(world, number)

    def test_one_that_a_reseller_had_reserved_goes_back(self, world, numbers, person):
        history = [person.account_id, world.master.account_id]
        number = give_number(world, person, pvt_reserve_history=history)
        answer = numbers("DELETE", number)
        assert answer.json()["data"]["state"] == "reserved"
        document = stored(world, number)
        assert document["pvt_assigned_to"] == world.master.account_id
        assert document["pvt_reserve_history"] == history[1:]
        assert copy_of(world, person, number) is None
        assert body(copy_of(world, world.master, number)) == body(document)


def test_what_uis_ask_before_they_offer_numbers(base, world, numbers):
    info = numbers("GET", "carriers_info").json()["data"]
    assert (info["maximal_prefix_length"], info["usable_creation_states"]) == (10, [])
    assert {"local", "other", "telnyx"} < set(info["usable_carriers"])
    states = Numbers(base, world.master)("GET", "carriers_info").json()["data"]["usable_creation_states"]
    assert states == ["aging", "available", "in_service", "port_in", "reserved"]
    assert numbers("GET", "classifiers").json()["data"]["did_us"]["friendly_name"] == "US DID"
    one = numbers("GET", "classifiers/4155550100").json()["data"]
    assert (one["name"], one["number"], one["e164"]) == ("did_us", "4155550100", "+14155550100")
    assert numbers("GET", "?prefix=415&quantity=5").json()["data"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "+14155550100", 409),
        ("PUT", "+14155550100/activate", 409),
        ("PUT", "collection/activate", 409),
        ("PUT", "collection", 409),
        ("POST", "check", 409),
        ("POST", "fix", 409),
        ("POST", "carriers_info", 405),
        ("PUT", "check", 405),
        ("GET", "+14155550100/nothing", 404),
        ("GET", "a/b/c", 404),
    ],
)
def test_what_only_kazoo_can_do_is_told_in_words(numbers, method, path, status):
    answer = numbers(method, path, None if method == "GET" else {})
    assert answer.status_code == status
    assert answer.json()["status"] == "error"
    if status == 409:
        subject = path.partition("/")[0]
        message = answer.json()["data"]["message"]
        assert "left to Kazoo" in message and answer.json()["data"][subject] == {"message": message}


def test_the_copy_of_one_number_is_put_right(base, world, numbers, person):
    number, gone = give_number(world, person), give_number(world, person)
    db = account_db(person.account_id)
    for each in (number, gone):
        world.store.save_doc(db, copy_of(world, person, each) | {"pvt_state": "wrong"})
    other = make_person(world, "next owner")
    moved = stored(world, gone) | {"pvt_assigned_to": other.account_id}
    world.store.save_doc(number_db(gone), moved)
    for each in (number, gone, "+19995550111", "office"):
        answer = numbers("POST", f"fix/{each}", {})
        assert (answer.status_code, answer.json()["data"]) == (200, {})
    assert body(copy_of(world, person, number)) == body(stored(world, number))
    assert copy_of(world, person, gone) is None and copy_of(world, other, gone) is None
    assert Numbers(base, person, version="v1")("POST", f"fix/{number}", {}).status_code == 404
