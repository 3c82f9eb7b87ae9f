"""Numbers: whose they are, and the marks on them (docs/kazoo/documents.md, section 7)."""

from urllib.parse import quote

import pytest

from app.documents.fields import without_revision
from app.documents.names import account_db, number_db
from app.numbers import reconcile as reconciling
from app.services import make_services
from app.settings import Settings
from app.store import NotFound, Unavailable
from tests import support
from tests.conftest import make_person
from tests.support import server_with

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

_NUMBERS = iter(range(6200000, 9999999))


def give_number(world, owner, **members):
    """A number of its own for an account (or nobody), in the number database."""
    number = f"+1415{next(_NUMBERS)}"
    world.store.create_db(number_db(number))
    document = {"_id": number, "pvt_type": "number", "pvt_state": "in_service", "pvt_module_name": "knm_local"}
    if owner:
        document["pvt_assigned_to"] = owner.account_id
    world.store.save_doc(number_db(number), {**document, **members})
    return number


def mark_of(world, number):
    return world.store.open_doc(number_db(number), number).get("pvt_used_by")


def servers(*numbers):
    return {"servers": [server_with(*numbers)]}


def test_who_may_use_which(world, base, api, person):
    stranger, child = make_person(world, "stranger"), make_person(world, "child", person)
    free = [
        give_number(world, person),
        give_number(world, child),
        give_number(world, stranger, pvt_state="available"),
        give_number(world, world.master, pvt_state="reserved"),
        "+19995550100",
        "office",
        "911",
    ]
    taken = [
        give_number(world, stranger),
        give_number(world, world.master),
        give_number(world, None),
        give_number(world, stranger, pvt_state="reserved"),
        give_number(world, stranger, pvt_state=None, pvt_number_state="in_service"),
    ]
    assert api.call("PUT", data=servers(*free)).status_code == 201
    doc_id = api.create()
    for method, path in (("PUT", ""), ("POST", f"/{doc_id}"), ("PATCH", f"/{doc_id}")):
        refused = api.call(method, path, servers(*free, *taken))
        assert refused.status_code == 403 and refused.json()["message"] == "forbidden"
        assert refused.json()["data"] == {"message": f"unauthorized to use {', '.join(sorted(taken, reverse=True))}"}
    assert api.call("POST", "/nope", servers(*taken)).status_code == 404
    master = support.Api(base, world.master)
    assert master.call("PUT", data=servers(*taken), account_id=person.account_id).status_code == 201


def test_whose_number_it_is(world, base, api, person):
    stranger, child = make_person(world, "stranger"), make_person(world, "child", person)
    closed = make_person(world, "closed", person)
    account = world.store.open_doc(account_db(closed.account_id), closed.account_id)
    world.store.save_doc(account_db(closed.account_id), {**account, "pvt_enabled": False})

    def identify(number):
        url = f"{base}/v2/accounts/{person.account_id}/phone_numbers/{quote(number, safe='')}/identify"
        answer = api.session.get(url, headers={"X-Auth-Token": api.token}, timeout=120)
        return answer.status_code, answer.json().get("message"), answer.json()["data"]

    for owner in (person, child):
        for state in ("in_service", "port_in", "port_out", "reserved"):
            number = give_number(world, owner, pvt_state=state)
            owned = {"account_id": owner.account_id, "number": number}
            assert identify(number) == identify(number.removeprefix("+1")) == (200, None, owned)
    aging = {"account_id": person.account_id, "cause": "not_in_service"}
    assert identify(give_number(world, person, pvt_state="aging")) == (400, "client error", aging)
    disabled = {"account_id": closed.account_id, "cause": "account_disabled"}
    assert identify(give_number(world, closed)) == (400, "client error", disabled)
    missing = {"message": "bad identifier", "not_found": "The number could not be found"}
    for number in (give_number(world, stranger), give_number(world, None, pvt_state="available"), "+14155559999"):
        assert identify(number) == (404, "bad_identifier", missing)


def test_numbers_are_checked_in_their_normal_form(world, api):
    stranger = make_person(world, "stranger")
    number = give_number(world, stranger)
    for typed in (number[1:], number[2:], number):
        assert api.call("PUT", data=servers(typed)).json()["data"] == {"message": f"unauthorized to use {number}"}
    assert api.call("PUT", data={"servers": [server_with("")]}).status_code == 201


def test_marks_follow_post_patch_and_delete_but_not_put(world, api, person):
    first, second, third = (give_number(world, person) for _ in range(3))
    doc_id = api.create(servers(first))
    assert mark_of(world, first) is None
    api.call("POST", f"/{doc_id}", servers(first, second[1:]))
    assert (mark_of(world, first), mark_of(world, second)) == (None, "trunkstore")
    copy = world.store.open_doc(account_db(person.account_id), second)
    original = world.store.open_doc(number_db(second), second)
    assert {**copy, "_rev": 0} == {**original, "_rev": 0} and copy["pvt_used_by"] == "trunkstore"
    api.call("PATCH", f"/{doc_id}", servers(third))
    assert [mark_of(world, number) for number in (first, second, third)] == [None, None, "trunkstore"]
    assert "pvt_used_by" not in world.store.open_doc(account_db(person.account_id), second)
    api.call("DELETE", f"/{doc_id}")
    assert mark_of(world, third) is None


def test_a_number_typed_in_another_form_keeps_its_mark(world, api, person):
    number = give_number(world, person)
    doc_id = api.create(servers())
    for typed in (number.removeprefix("+1"), number, number.removeprefix("+")):
        assert api.call("POST", f"/{doc_id}", servers(typed)).status_code == 200
        assert mark_of(world, number) == "trunkstore"
    assert api.call("POST", f"/{doc_id}", servers()).status_code == 200
    assert mark_of(world, number) is None


def test_many_numbers_are_marked_in_one_request(world, api, person):
    numbers = [give_number(world, person) for _ in range(40)]
    stranger = give_number(world, make_person(world, "stranger"), pvt_state="available", pvt_used_by="callflow")
    doc_id = api.create(servers())
    for used in (numbers, numbers[20:], []):
        assert api.call("POST", f"/{doc_id}", servers(*used, stranger)).status_code == 200
        for number in numbers:
            document, copy = (
                world.store.open_doc(number_db(number), number),
                world.store.open_doc(account_db(person.account_id), number),
            )
            assert without_revision(document) == without_revision(copy)
            assert document.get("pvt_used_by") == ("trunkstore" if number in used else None)


def test_marks_of_others_and_numbers_without_marks(world, api, person):
    callflow = give_number(world, person, pvt_used_by="callflow")
    mobile = give_number(world, person, pvt_module_name="knm_mdn")
    deleted = give_number(world, person, pvt_state="deleted")
    unknown = "+14150001111"
    doc_id = api.create(servers(callflow))
    api.call("POST", f"/{doc_id}", servers())
    assert mark_of(world, callflow) == "callflow"
    assert api.call("POST", f"/{doc_id}", servers(mobile, deleted, unknown)).status_code == 200
    assert mark_of(world, mobile) is None and mark_of(world, deleted) is None
    with pytest.raises(NotFound):
        world.store.open_doc(number_db(unknown), unknown)


def test_the_previous_owner_loses_the_copy(world, api, person):
    before = make_person(world, "before")
    number = give_number(world, person, pvt_previously_assigned_to=before.account_id)
    world.store.save_doc(account_db(before.account_id), {"_id": number, "pvt_type": "number"})
    doc_id = api.create()
    api.call("POST", f"/{doc_id}", servers(number))
    assert world.store.find_doc(account_db(before.account_id), number) is None


def test_lists_for_uis(world, base, api, person):
    used, spare = give_number(world, person), give_number(world, person)
    for number in (used, spare):
        document = world.store.open_doc(number_db(number), number)
        document.pop("_rev")
        world.store.save_doc(account_db(person.account_id), document)
    doc_id = api.create()
    api.call("POST", f"/{doc_id}", servers(used))
    root = f"{base}/v2/accounts/{person.account_id}/phone_numbers"
    headers = {"X-Auth-Token": api.token}

    def get(path, **params):
        return api.session.get(root + path, headers=headers, params=params, timeout=120)

    numbers = get("").json()["data"]["numbers"]
    assert numbers[used]["used_by"] == "trunkstore" and "used_by" not in numbers[spare]
    assert set(get("", filter_state='["in_service","port_in"]', paginate="false").json()["data"]["numbers"]) == {
        used,
        spare,
    }
    assert get("", filter_state="aging").json()["data"]["numbers"] == {}
    assert get(f"/{used.replace('+', '%2B')}").json()["data"]["used_by"] == "trunkstore"
    assert get(f"/{used[2:]}").json()["data"]["id"] == used
    assert get("/%2B14150009999").status_code == 404
    assert api.session.put(f"{root}/{used}", headers=headers, timeout=120).status_code == 409


def reconcile(world, *arguments):
    return support.run(world.environment, "reconcile-numbers", *arguments).splitlines()


def test_reconcile_finds_and_mends(world, api, person):
    forgotten, stale = give_number(world, person), give_number(world, person, pvt_used_by="trunkstore")
    document = world.store.open_doc(number_db(stale), stale)
    document.pop("_rev")
    world.store.save_doc(account_db(person.account_id), document)
    api.create(servers(forgotten))
    differences = [
        f"{person.account_id} {forgotten}: not marked, should be trunkstore",
        f"{person.account_id} {stale}: trunkstore, should be not marked",
    ]
    assert reconcile(world, person.account_id) == [*differences, "2 numbers differ"]
    assert mark_of(world, forgotten) is None
    assert reconcile(world, person.account_id, "--apply")[-1] == "2 numbers differ, 2 corrected"
    assert (mark_of(world, forgotten), mark_of(world, stale)) == ("trunkstore", None)
    assert reconcile(world, person.account_id) == ["0 numbers differ"]


def test_reconcile_mends_copies(world, person):
    moved, changed = give_number(world, person), give_number(world, person)
    db = account_db(person.account_id)
    for number in (moved, changed):
        document = world.store.open_doc(number_db(number), number)
        world.store.save_doc(db, without_revision(document) | {"old": True})
    document = world.store.open_doc(number_db(moved), moved)
    world.store.save_doc(number_db(moved), document | {"pvt_assigned_to": world.master.account_id})
    expected = [
        f"{person.account_id} {number}: the account's copy differs from the number" for number in (moved, changed)
    ]
    assert reconcile(world, person.account_id) == [*sorted(expected), "2 numbers differ"]
    assert reconcile(world, person.account_id, "--apply")[-1] == "2 numbers differ, 2 corrected"
    assert reconcile(world, person.account_id) == ["0 numbers differ"]
    assert world.store.find_doc(db, moved) is None and "old" not in world.store.open_doc(db, changed)


def test_reconcile_leaves_out_an_account_without_the_view_of_trunks(world, api, person):
    """It says so, changes none of its marks, and goes on with the others."""
    used = give_number(world, person, pvt_used_by="trunkstore")
    api.create(servers(used))
    db = account_db(person.account_id)
    design = world.store.open_doc(db, "_design/trunkstore")
    views = {name: view for name, view in design["views"].items() if name != "crossbar_listing"}
    world.store.save_doc(db, {**design, "views": views})
    told = support.command_ended(world.environment, "reconcile-numbers", person.account_id, "--apply")
    assert told.returncode == 0 and told.stdout.splitlines() == ["0 numbers differ, 0 corrected"]
    assert f"the account {person.account_id} was left out: ViewMissing" in told.stderr
    assert mark_of(world, used) == "trunkstore"


class TestMarksAmongOtherWriters:
    """What happens between the steps of a mark, by a store that lets somebody in."""

    @pytest.fixture
    def world(self, tmp_path):
        return support.embedded_world(tmp_path).populate()

    def marks(self, world, person, number):
        dbs = (number_db(number), account_db(person.account_id))
        return [world.store.open_doc(db, number).get("pvt_used_by") for db in dbs]

    def give_copied(self, world, person, **members):
        number = give_number(world, person, **members)
        document = world.store.open_doc(number_db(number), number)
        del document["_rev"]
        world.store.save_doc(account_db(person.account_id), document)
        return number

    def test_a_mark_that_another_application_made_meanwhile_stays(self, world, monkeypatch):
        number = self.give_copied(world, world.master, pvt_used_by="trunkstore")
        save, others = world.store.save_doc, ["callflow"]

        def save_after_another(db, document):
            if others and db == number_db(number):
                save(db, {**world.store.open_doc(db, number), "pvt_used_by": others.pop()})
            return save(db, document)

        monkeypatch.setattr(world.store, "save_doc", save_after_another)
        services = make_services(Settings(), store=world.store)
        services.assignment.track(world.master.account_id, [number], [])
        assert self.marks(world, world.master, number) == ["callflow", "callflow"]

    def test_a_mark_that_was_half_written_is_found_and_mended(self, world, monkeypatch):
        number = self.give_copied(world, world.master)
        own = account_db(world.master.account_id)
        world.store.save_doc(own, {"_id": "trunk", "pvt_type": "sys_info", "account": {}, **servers(number)})
        services = make_services(Settings(), store=world.store)
        save = world.store.save_doc

        def save_elsewhere(db, document):
            if db == own:
                raise Unavailable("gone")
            return save(db, document)

        with monkeypatch.context() as patch:
            patch.setattr(world.store, "save_doc", save_elsewhere)
            services.assignment.track(world.master.account_id, [], [number])
        assert self.marks(world, world.master, number) == ["trunkstore", None]
        assert reconciling.stale_copies(services.store, world.master.account_id) == [number]
        services.numbers.copy_to(world.master.account_id, number)
        assert self.marks(world, world.master, number) == ["trunkstore", "trunkstore"]
        assert reconciling.stale_copies(services.store, world.master.account_id) == []
