"""`audit`: each kind of trouble is planted in a trunk, and found (docs/deploy.md, "Migrating, and going back")."""

import copy
import re
import xml.etree.ElementTree as ElementTree

import pytest

from app.audit.account import Auditor
from app.audit.rules import RULES
from app.documents.names import account_db, encoded, number_db
from app.numbers.documents import new_number
from app.services import make_services
from app.settings import Settings
from tests import support
from tests.conftest import make_person
from tests.support import run

pytestmark = pytest.mark.slow

GOOD = {"auth_method": "Password", "auth_user": "pbx-one", "auth_password": "a long secret"}


def trunk(person, doc_id, *servers, **members):
    db = account_db(person.account_id)
    private = {"pvt_type": "sys_info", "pvt_account_id": person.account_id, "pvt_account_db": encoded(db)}
    account = {"auth_realm": person.realm}
    return {"_id": doc_id, **private, "account": account, "servers": list(servers), **members}


def server(auth=None, **members):
    return {"auth": {**GOOD, **(auth or {})}, "options": {"enabled": True}, "DIDs": {}, **members}


def printed(world, *arguments, code, **environment):
    """What `audit` printed. `support.run` gives the errors where the exit status is not 0."""
    told = support.command_ended({**world.environment, **environment}, "audit", *arguments)
    assert told.returncode == code, told.stdout + told.stderr
    return told.stdout


def audited(world, *account_ids, code=1):
    """The findings that count, as {(rule, document, path): severity}."""
    told = run(world.environment, "audit", "--json", *account_ids) if code == 0 else None
    reports = support.json_lines(told or printed(world, "--json", *account_ids, code=code))
    return {
        (found["rule"], found["document_id"], found["path"]): found["severity"]
        for report in reports
        for found in report["findings"]
    }


def test_a_trunk_without_trouble(world):
    person = make_person(world)
    number = "+14155558000"
    world.store.create_db(number_db(number))
    world.store.save_doc(
        number_db(number), new_number(number, person.account_id, "knm_local") | {"pvt_used_by": "trunkstore"}
    )
    world.store.save_doc(account_db(person.account_id), trunk(person, "good", server(DIDs={number: {}})))
    assert audited(world, person.account_id, code=0) == {}


@pytest.mark.either_engine
@pytest.mark.parametrize(
    ("change", "rule", "path", "severity"),
    [
        (
            lambda t: t.update(servers=[{"DIDs": {"+14155550666": {}}, "options": {}}]),
            "no-auth",
            "servers.0.auth",
            "warning",
        ),
        (lambda t: t["servers"][0].pop("options"), "no-options", "servers.0.options", "error"),
        (lambda t: t["servers"][0]["auth"].pop("auth_user"), "no-user", "servers.0.auth.auth_user", "error"),
        (
            lambda t: t["servers"][0]["auth"].update(auth_password=""),
            "password",
            "servers.0.auth.auth_password",
            "error",
        ),
        (
            lambda t: t["servers"][0]["auth"].update(auth_password="PBX-ONE"),
            "password",
            "servers.0.auth.auth_password",
            "error",
        ),
        (
            lambda t: t["servers"][0]["auth"].update(auth_password="short"),
            "password",
            "servers.0.auth.auth_password",
            "warning",
        ),
        (lambda t: t["servers"][0]["options"].update(enabled=False), "disabled", "servers.0", "note"),
        (
            lambda t: t["servers"][0]["auth"].update(auth_method="IP", ip="10.1.2.3"),
            "ip",
            "servers.0.auth.ip",
            "warning",
        ),
        (lambda t: t["servers"][0]["auth"].update(auth_method="IP", ip=""), "ip", "servers.0.auth.ip", "warning"),
        (
            lambda t: t["servers"][0]["auth"].update(auth_method="IP", ip="192.0.2.1"),
            "ip",
            "servers.0.auth.ip",
            "warning",
        ),
        (
            lambda t: t["servers"][0]["auth"].update(auth_user="jürgen"),
            "user-name",
            "servers.0.auth.auth_user",
            "error",
        ),
        (lambda t: t["servers"][0]["auth"].update(auth_user=5), "crash", "servers.0.auth.auth_user", "error"),
        (lambda t: t["servers"][0]["auth"].update(port=""), "crash", "servers.0.auth.port", "error"),
        (lambda t: t["servers"][0].update(options=""), "crash", "servers.0.options", "error"),
        (
            lambda t: t["servers"][0]["DIDs"].update({"+14155550666": None}),
            "crash",
            "servers.0.DIDs.+14155550666",
            "error",
        ),
        (lambda t: t["servers"][0]["options"].update(timeout="0"), "timeout", "servers.0.options.timeout", "error"),
        (lambda t: t["servers"][0]["options"].update(timeout="-5"), "timeout", "servers.0.options.timeout", "error"),
        (
            lambda t: t["servers"][0]["DIDs"].update({"+14155550666": {"timeout": 0}}),
            "timeout",
            "servers.0.DIDs.+14155550666.timeout",
            "error",
        ),
        (lambda t: t["servers"][0].pop("DIDs"), "no-dids", "servers.0.DIDs", "warning"),
        (lambda t: t["servers"][0].update(DIDs=None), "no-dids", "servers.0.DIDs", "warning"),
        (lambda t: t["servers"][0]["options"].update(delay=5), "no-effect", "servers.0.options.delay", "note"),
        (
            lambda t: t["servers"][0]["options"].update(sip_headers=[]),
            "sip-headers",
            "servers.0.options.sip_headers",
            "warning",
        ),
        (
            lambda t: t["servers"][0]["DIDs"].update({"+14155550666": {"failover": {"e164": "+14155550666"}}}),
            "failover",
            "servers.0.DIDs.+14155550666.failover",
            "warning",
        ),
        (lambda t: t["account"].update(failover={"e164": ""}), "failover", "account.failover", "error"),
        (lambda t: t.update(service={"plans": {"gold": {}}}), "billing", "service.plans", "error"),
        (lambda t: t["account"].update(auth_realm="old.example.com"), "realm", "account.auth_realm", "error"),
        (lambda t: t.pop("account"), "realm", "account", "warning"),
        (lambda t: t.pop("pvt_type"), "private", "pvt_type", "error"),
        (lambda t: t.update(pvt_account_id="x"), "private", "pvt_account_id", "warning"),
        (lambda t: t.pop("pvt_account_db"), "private", "pvt_account_db", "warning"),
        (lambda t: t.update(deleted=True), "deleted", "", "note"),
        (
            lambda t: t["servers"][0]["options"].update(inbound_format="E.164"),
            "schema",
            "servers.0.options.inbound_format",
            "error",
        ),
        (
            lambda t: t["servers"][0]["DIDs"].update({"4155550100": {}}),
            "number-format",
            "servers.0.DIDs.4155550100",
            "error",
        ),
        (
            lambda t: t["servers"][0]["DIDs"].update({"+14155550666": {}}),
            "number-missing",
            "DIDs.+14155550666",
            "error",
        ),
    ],
)
def test_each_trouble_of_a_document_is_found(world, change, rule, path, severity):
    person = make_person(world)
    document = copy.deepcopy(trunk(person, "bad", server()))
    change(document)
    world.store.save_doc(account_db(person.account_id), document)
    only_notes = severity == "note"
    assert audited(world, person.account_id, code=0 if only_notes else 1)[rule, "bad", path] == severity


KAZOOS_MAP = "function(doc) { for (var server in Iterator(doc.servers || [])) emit(server, null); }"


def test_with_kazoos_own_views_a_server_may_hide_its_document(world):
    person = make_person(world)
    db = account_db(person.account_id)
    design = world.store.open_doc(db, "_design/trunkstore")
    design["views"]["lookup_did"] = {"map": KAZOOS_MAP}
    world.store.save_doc(db, design)
    by_ip = server({"auth_method": "IP", "ip": "198.51.100.77"})
    del by_ip["auth"]["auth_user"]
    world.store.save_doc(db, trunk(person, "t", {"DIDs": {}}, by_ip))
    bare = trunk(person, "bare", server({"auth_user": "bare"}))
    del bare["account"]
    world.store.save_doc(db, bare)
    for number in range(3):
        gone = trunk(person, f"gone{number}", server({"auth_user": f"gone{number}"}), pvt_deleted=True)
        world.store.save_doc(db, gone)
    found = audited(world, person.account_id)
    assert found["no-auth", "t", "servers.0.auth"] == "error"
    assert found["no-user", "t", "servers.1.auth.auth_user"] == "warning"
    assert found["realm", "bare", "account"] == "error"
    # One line for all of them.
    assert {key for key in found if key[0] == "deleted"} == {("deleted", "", "")}
    assert "in 2 trunks of 1 account\n" in printed(world, person.account_id, code=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["account"].update(auth_realm=t["account"]["auth_realm"].upper()),
        lambda t: t["servers"][0]["auth"].update(auth_method="IP", ip="pbx.example.com"),
        lambda t: t.update(pvt_deleted=True),
        lambda t: t.update(servers=None),
        lambda t: t["servers"][0]["options"].update(timeout="20"),
        lambda t: t["servers"][0]["options"].update(delay=0),
    ],
)
def test_what_is_no_trouble(world, change):
    person = make_person(world)
    document = copy.deepcopy(trunk(person, "good", server({"auth_user": f"user{person.account_id}"})))
    change(document)
    world.store.save_doc(account_db(person.account_id), document)
    assert audited(world, person.account_id, code=0) == {}


def test_missing_numbers_are_one_finding_for_a_trunk(world):
    person = make_person(world)
    dids = {f"+1212555{number:04}": {} for number in range(30)}
    world.store.save_doc(account_db(person.account_id), trunk(person, "t", server(DIDs=dids)))
    told = printed(world, "--json", person.account_id, code=1)
    (finding,) = support.json_lines(told)[0]["findings"]
    assert (finding["rule"], finding["path"]) == ("number-missing", "DIDs")
    assert finding["message"].startswith("30 numbers") and finding["message"].count("+1212555") == 10


def test_what_two_servers_have(world):
    first, second = make_person(world), make_person(world)
    by_ip = {"auth_method": "IP", "ip": "198.51.100.7"}
    twice = [server(DIDs={"+14155550777": {}}), server(DIDs={"+14155550777": {}})]
    world.store.save_doc(account_db(first.account_id), trunk(first, "one", *twice))
    world.store.save_doc(account_db(first.account_id), trunk(first, "two", server({**by_ip, "auth_user": "b"})))
    other = server({**by_ip, "auth_user": "c"}, DIDs={"+14155550777": {}})
    world.store.save_doc(account_db(second.account_id), trunk(second, "three", other))
    found = audited(world, first.account_id, second.account_id)
    for expected in (
        ("number-twice", "one", "servers.1.DIDs.+14155550777"),
        ("number-twice", "three", "DIDs.+14155550777"),
        ("credentials-twice", "one", "servers.1.auth.auth_user"),
        ("ip-twice", "three", "servers.0.auth.ip"),
    ):
        assert found[expected] == "error"


def test_numbers_of_others_out_of_service_and_without_a_mark(world):
    person, other = make_person(world), make_person(world)
    world.store.create_db(number_db("+14155559"))
    states = {
        "+14155559001": new_number("+14155559001", other.account_id, "knm_local"),
        "+14155559002": new_number("+14155559002", person.account_id, "knm_local") | {"pvt_state": "aging"},
        "+14155559003": new_number("+14155559003", person.account_id, "knm_local"),
    }
    for number, document in states.items():
        world.store.save_doc(number_db(number), document)
    db, document = account_db(person.account_id), trunk(person, "t", server(DIDs=dict.fromkeys(states, {})))
    document["_rev"] = world.store.save_doc(db, document)
    # As after a PUT, which marks nothing in Kazoo.
    assert audited(world, person.account_id)["number-mark", "t", "DIDs.+14155559003"] == "note"
    world.store.save_doc(db, document)
    found = audited(world, person.account_id)
    assert found["number-owner", "t", "DIDs.+14155559001"] == "error"
    assert found["number-state", "t", "DIDs.+14155559002"] == "error"
    assert found["number-mark", "t", "DIDs.+14155559003"] == "warning"
    assert ("number-mark", "t", "DIDs.+14155559001") not in found


def test_views_and_the_schema_of_the_system(world):
    person = make_person(world)
    db = account_db(person.account_id)
    stored = world.store.open_doc(db, "_design/trunkstore")
    views = {name: view for name, view in stored["views"].items() if name != "lookup_did"}
    world.store.save_doc(db, {**stored, "views": views})
    assert audited(world, person.account_id)["views", "_design/trunkstore", ""] == "warning"
    world.store.create_db("system_schemas")
    document = {"_id": "connectivity", "type": "object", "pvt_type": "schema"}
    world.store.save_doc("system_schemas", document)
    try:
        found = audited(world, "--all")
        assert found["system-schema", "connectivity", "properties"] == "warning"
    finally:
        current = world.store.open_doc("system_schemas", "connectivity")
        world.store.delete_doc("system_schemas", "connectivity", current["_rev"])


def test_passwords_are_not_shown_and_mistakes_have_a_status_of_their_own(world, tmp_path):
    person = make_person(world)
    bad = trunk(person, "t", server({"auth_password": 12345678}))
    bad["servers"][0]["auth"]["auth_password"] = ["hunter22"]
    world.store.save_doc(account_db(person.account_id), bad)
    told = printed(world, person.account_id, code=1)
    assert "hunter22" not in told and "auth_password" in told
    bad["servers"] = {"0": {"auth": [{"auth_password": "hunter22"}]}}
    stored = world.store.open_doc(account_db(person.account_id), "t")
    world.store.save_doc(account_db(person.account_id), {**bad, "_rev": stored["_rev"]})
    told = printed(world, person.account_id, code=1)
    assert "hunter22" not in told and "(secret)" in told
    assert "there is no account" in run(world.environment, "audit", "0" * 32, code=2)
    assert run({"DATA_DIR": str(tmp_path / "nothing")}, "audit", "--all", code=2).startswith(
        "Error: there is no store"
    )
    assert "name accounts, or --all" in run(world.environment, "audit", code=2)


BROKEN = {
    "realm": (lambda t: t["account"].update(auth_realm="old.example.com"), "replace /account/auth_realm"),
    "inbound-format": (
        lambda t: t["servers"][0]["options"].update(inbound_format="npanxxxxxx"),
        'replace /servers/0/options/inbound_format "npan"',
    ),
    "private": (lambda t: t.update(pvt_account_id="x"), "replace /pvt_account_id"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_repair_is_shown_then_written(world, rule):
    person = make_person(world)
    db = account_db(person.account_id)
    change, told = BROKEN[rule]
    options = {"enabled": True, "inbound_format": "npan"}
    good = trunk(person, "t", server(options=options), name="kept", extra={"kept": 1})
    broken = copy.deepcopy(good)
    change(broken)
    revision = world.store.save_doc(db, broken)
    shown = printed(world, person.account_id, "--fix", rule, code=1)
    assert told in shown and "not written" in shown and "a long secret" not in shown
    assert world.store.open_doc(db, "t")["_rev"] == revision
    others = [f"--fix={other}" for other in (*BROKEN, "number-mark") if other != rule]
    assert "0 repairs" in printed(world, person.account_id, *others, "--apply", code=0)
    done = printed(world, person.account_id, "--fix", rule, "--apply", code=0, HISTORY="true")
    assert told in done and "t: written" in done
    stored = world.store.open_doc(db, "t")
    assert {name: stored.get(name) for name in good} == good and stored["pvt_modified"] > 63_000_000_000
    history = run({**world.environment, "HISTORY": "true"}, "history", person.account_id, "t", "--json")
    newest = support.json_lines(history)[0]
    assert newest["verb"] == "FIX" and newest["revision"] == stored["_rev"]
    assert "0 repairs" in printed(world, person.account_id, "--fix", rule, "--apply", code=0)


def test_what_the_schema_refuses_and_how_to_let_it_through(world):
    person = make_person(world)
    legacy, new = server(), server()
    legacy["options"]["inbound_format"], new["options"]["inbound_format"] = "e.164", "e164_without_plus"
    world.store.save_doc(account_db(person.account_id), trunk(person, "t", legacy, new))
    lines = [line for line in printed(world, person.account_id, code=1).splitlines() if " schema: " in line]
    assert len(lines) == 2 and all("TOLERATE_LEGACY_VALUES" in line for line in lines)
    assert ["--fix inbound-format" in line for line in lines] == [True, False]


def test_numbers_of_accounts_below_do_not_ring_here(world):
    """The parent may use them, but calls go to the child, and so does the mark."""
    parent, number = make_person(world), "+14155553002"
    child = make_person(world, parent=parent)
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), new_number(number, child.account_id, "knm_local"))
    world.store.save_doc(account_db(parent.account_id), trunk(parent, "t", server(DIDs={number: {}})))
    assert audited(world, parent.account_id)["number-owner", "t", f"DIDs.{number}"] == "error"
    assert "0 repairs" in printed(world, parent.account_id, "--fix", "number-mark", "--apply", code=0)
    assert "pvt_used_by" not in world.store.open_doc(number_db(number), number)


def test_an_address_without_a_port_is_that_of_all_ports(world):
    people = [make_person(world) for _ in range(3)]
    for person, port in zip(people, ({"port": 5060}, {"port": 5070}, {}), strict=True):
        by_ip = server({"auth_method": "IP", "ip": "198.51.100.99", "auth_user": person.realm, **port})
        world.store.save_doc(account_db(person.account_id), trunk(person, "t", by_ip))
    first, second, third = (person.account_id for person in people)
    place = ("ip-twice", "t", "servers.0.auth.ip")
    assert place not in audited(world, first, second)
    assert place in audited(world, second, third) and place in audited(world, third, first)


def test_repairs_alone_need_no_rules(world):
    def find(numbers):
        raise AssertionError(numbers)

    person = make_person(world)
    world.store.save_doc(account_db(person.account_id), trunk(person, "t", server(DIDs={"+14155558001": {}})))
    services = make_services(Settings(), store=world.store)
    auditor = Auditor(services.store, services.cache, services.schemas, find)
    (report,) = auditor.accounts([person.account_id], with_findings=False)
    assert report.findings == [] and [document["_id"] for document in report.trunks] == ["t"]
    assert report.account["realm"] == person.realm
    with pytest.raises(AssertionError, match="14155558001"):
        list(auditor.accounts([person.account_id]))


def test_the_rules_are_listed(world):
    lines = run(world.environment, "audit", "--rules").splitlines()
    assert [line.split()[0] for line in lines] == sorted(RULES) and all(len(line.split()) > 2 for line in lines)


def test_a_dry_run_announces_all_that_is_written(world):
    """A repair of one rule makes others necessary: with a type, a trunk's numbers get their marks."""
    person = make_person(world)
    number = "+14155558010"
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), new_number(number, person.account_id, "knm_local"))
    untyped = trunk(person, "untyped", server(DIDs={number: {}}))
    del untyped["pvt_type"]
    world.store.save_doc(account_db(person.account_id), untyped)
    rules = ("--fix", "private", "--fix", "number-mark", "--fix", "realm")
    announced = printed(world, person.account_id, *rules, code=1).replace("not written", "written").splitlines()
    written = printed(world, person.account_id, *rules, "--apply", code=0).splitlines()
    assert announced[:-1] == written[:-1] and any(number in line for line in written)
    assert printed(world, person.account_id, *rules, code=0).startswith("0 repairs")


def test_a_wrong_number_of_accounts_is_repaired(world):
    person = make_person(world)
    make_person(world, "child", person)
    rule, account_id = "descendants-count", person.account_id
    assert audited(world, account_id)[rule, account_id, "descendants_count"] == "warning"
    shown = printed(world, account_id, "--fix", rule, code=1)
    assert f"{account_id}: not written" in shown and "1 repair in" in shown
    for db in ("accounts", account_db(account_id)):
        assert "descendants_count" not in world.store.open_doc(db, account_id)
    printed(world, account_id, "--fix", rule, "--apply", code=0)
    for db in ("accounts", account_db(account_id)):
        assert world.store.open_doc(db, account_id)["descendants_count"] == 1
    assert printed(world, account_id, "--fix", rule, code=0).startswith("0 repairs")


def test_marks_are_repaired(world):
    person, number = make_person(world), "+14155553001"
    world.store.create_db(number_db(number))
    world.store.save_doc(number_db(number), new_number(number, person.account_id, "knm_local"))
    world.store.save_doc(account_db(person.account_id), trunk(person, "t", server(DIDs={number: {}})))
    assert f"{number}: not written" in printed(world, person.account_id, "--fix", "number-mark", code=1)
    assert "pvt_used_by" not in world.store.open_doc(number_db(number), number)
    printed(world, person.account_id, "--fix", "number-mark", "--apply", code=0)
    assert world.store.open_doc(number_db(number), number)["pvt_used_by"] == "trunkstore"


def test_the_page(world, tmp_path):
    person, other = make_person(world), make_person(world)
    name = "<script>alert(1)</script>"
    bad = server(
        {"auth_method": "IP", "ip": "10.0.0.9"}, DIDs={f"+1415555600{n}": {} for n in range(5)}, server_name=name
    )
    world.store.save_doc(account_db(person.account_id), trunk(person, "t", server(), bad, name=name))
    world.store.save_doc(account_db(other.account_id), trunk(other, "fine", server()))
    path = tmp_path / "report.html"
    printed(world, other.account_id, person.account_id, "--html", str(path), code=1)
    text = path.read_text("utf-8")
    assert path.stat().st_mode & 0o077 == 0 and "<script" not in text and "a long secret" not in text
    assert not re.search(r'(src|href)="(?!#)', text) and "url(" not in text
    assert text.index(person.account_id) < text.index(other.account_id)
    drawn = {
        account_id: ElementTree.fromstring(
            re.search(rf'<section id="{account_id}">.*?(<svg.*?</svg>)', text, re.DOTALL).group(1)
        )
        for account_id in (person.account_id, other.account_id)
    }
    of_bad = [
        "".join(part.itertext())
        for part in drawn[person.account_id].iter("g")
        if part.get("class") in ("error", "warning")
    ]
    assert any("10.0.0.9" in each for each in of_bad) and any("and 2 more" in each for each in of_bad), of_bad
    assert not any("pbx-one@" in each or "password of" in each for each in of_bad)
    assert [part.get("class") for part in drawn[other.account_id].iter("g") if part.get("class")] == []
    assert list(tmp_path.iterdir()) == [path]
    assert "No such file" in run(
        world.environment, "audit", person.account_id, "--html", "/nonexistent/x.html", code=2
    )


def test_conflicting_leaves(world):
    if world.store.is_embedded:
        pytest.skip("an embedded store has no conflicting leaves")
    person = make_person(world)
    one = trunk(person, "t", server())
    other = {"_id": "other", "pvt_type": "sms", "n": 1}
    for document in (one, other):
        leaves = [{**document, "_rev": f"1-{letter * 32}", "n": letter} for letter in "ab"]
        world.store.load_docs(account_db(person.account_id), leaves)
    found = audited(world, person.account_id)
    assert {(rule, doc_id) for rule, doc_id, _ in found} == {("conflict", "t"), ("conflict", "other")}
