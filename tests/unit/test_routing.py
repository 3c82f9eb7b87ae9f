"""What Kazoo does with calls, as computed from documents: the recordings of a real Kazoo, and what no call may do."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.routing import Number, System, Views
from app.routing.inbound import inbound
from app.routing.outbound import outbound
from app.routing.registration import register
from tests import support
from tests.counting import calls as calls_of
from tests.recordings import calls

FOLDER = support.ROOT / "tests/recordings"
NUMBER, REALM, USER = "+14155550100", "acme.example.com", "pbx"


@pytest.mark.parametrize("name", ["calls.jsonl", "calls_views.jsonl"])
def test_every_recorded_call(name):
    differing, count = [], 0
    for case in calls.cases(FOLDER / name):
        for call, expected, found in calls.replayed(case):
            count += 1
            if expected != found:
                differing.append((case["case"], call, expected, found))
    assert differing == [] and count > 1000


def test_a_call_that_differs_is_told(tmp_path, capsys):
    case = json.loads((FOLDER / "calls.jsonl").read_text("utf-8").splitlines()[0])
    inbound_call = next(each for each in case["calls"] if each["outcome"].get("route") == "bridge")
    inbound_call["outcome"]["endpoints"][0]["to_user"] = "another"
    (tmp_path / "calls.jsonl").write_text(json.dumps(case) + "\n")
    assert calls.main([str(tmp_path / "calls.jsonl")]) == 1
    told = capsys.readouterr().out
    count = len(case["calls"])
    assert '"to_user": "another"' in told and told.endswith(f"total: {count - 1} of {count} calls match\n")


def system_with(*documents, **account):
    stored = {"_id": "a" * 32, "realm": REALM, **account}
    return System(
        "a" * 32, stored, documents, lambda number: Number("a" * 32, "in_service") if number == NUMBER else None
    )


def trunk(**server):
    return {"_id": "t", "pvt_type": "sys_info", "account": {"auth_realm": REALM}, "servers": [server]}


def test_the_member_that_decided_is_told():
    off = system_with(trunk(**support.server_with(NUMBER, auth_user=USER), enabled=True) | {"name": "HQ"})
    off.documents[0]["servers"][0]["options"] = {"enabled": False}
    outcome = inbound(off, "4155550100", ("Caller", "+12125550100"))
    assert (outcome.route, outcome.why) == ("none", "options.enabled")
    assert [(step.path, step.document_id) for step in outcome.steps] == [
        (f"servers.0.DIDs.{NUMBER}", "t"),
        ("servers.0.options.enabled", "t"),
    ]
    broken = system_with(trunk(**support.server_with(NUMBER), more=1))
    broken.documents[0]["servers"][0]["auth"]["port"], broken.documents[0]["servers"][0]["auth"]["ip"] = (
        "",
        "192.0.2.1",
    )
    outcome = inbound(broken, NUMBER, ("Caller", "+12125550100"))
    assert outcome.why == "it fails inside trunkstore" and outcome.steps[-1].path == "servers.0.auth.port"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**20) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        [
            "enabled",
            "inbound_format",
            "failover",
            "caller_id",
            "caller_id_options",
            "emergency_caller_id",
            "flags",
            "dynamic_flags",
            "codecs",
            "timeout",
            "delay",
            "ip",
            "port",
            "media_handling",
            "hunt_non_reconcilable",
            "options",
            "sip_headers",
        ],
        JSON,
    ),
)
AUTH = st.fixed_dictionaries(
    {},
    optional={
        "auth_method": st.sampled_from(["Password", "IP"]) | JSON,
        "auth_user": st.just(USER) | JSON,
        "auth_password": JSON,
        "ip": JSON,
        "port": JSON,
    },
)
SERVER = st.fixed_dictionaries(
    {"DIDs": st.dictionaries(st.just(NUMBER), SETTINGS | JSON) | JSON},
    optional={"auth": AUTH | JSON, "options": SETTINGS | JSON, "enabled": JSON, "callerid": JSON, "codecs": JSON},
)
DOCUMENT = st.fixed_dictionaries(
    {
        "_id": st.sampled_from(["a", "b"]),
        "pvt_type": st.just("sys_info"),
        "servers": st.lists(SERVER | JSON, max_size=3) | JSON,
    },
    optional={
        "account": st.just({"auth_realm": REALM}) | SETTINGS | JSON,
        "callerid": JSON,
        "pvt_deleted": JSON,
        "call_restriction": JSON,
        "pvt_account_db": JSON,
    },
)


@pytest.mark.repeated
@given(
    st.lists(DOCUMENT, max_size=2), st.sampled_from(Views), SETTINGS, st.sampled_from([NUMBER, "911", "0", "é", ""])
)
@settings(max_examples=support.often(100, 3000))
def test_no_document_makes_an_exception(documents, views, account, to):
    stored = {"_id": "a" * 32, "realm": REALM, **account}
    system = System("a" * 32, stored, tuple(documents), lambda number: Number("a" * 32, "in_service"), views)
    for outcome in (
        inbound(system, to, ("Caller", "+12125550100")),
        outbound(system, USER, REALM, to, (NUMBER, "+12125550100")),
        outbound(system, USER, REALM, to, (USER, to)),
        register(system, USER, REALM),
    ):
        assert outcome.route and (outcome.route not in ("none", "refused", "no answer") or outcome.why)


@pytest.mark.parametrize(
    ("document", "views", "expected"),
    [
        # An empty object is true to JavaScript, so Kazoo's own view loses all user rows, and with them the format.
        (
            {
                "servers": [
                    {"auth": {}},
                    {**support.server_with(NUMBER, auth_user=USER), "options": {"inbound_format": "e164"}},
                ]
            },
            Views.KAZOOS,
            "npan",
        ),
        (
            {
                "servers": [
                    {"auth": {}},
                    {**support.server_with(NUMBER, auth_user=USER), "options": {"inbound_format": "e164"}},
                ]
            },
            Views.OURS,
            "e164",
        ),
        ({"servers": [support.server_with(NUMBER, auth_user=USER)], "pvt_deleted": {}}, Views.OURS, None),
        ({"servers": [{**support.server_with(NUMBER, auth_user=USER), "enabled": "00"}]}, Views.OURS, None),
        (
            {
                "servers": [
                    {**support.server_with(NUMBER, auth_user=USER), "options": {"ignore_early_media": "maybe"}}
                ]
            },
            Views.OURS,
            None,
        ),
        ({"servers": [support.server_with(NUMBER, auth_user=USER)], "account": None}, Views.OURS, "npan"),
    ],
)
def test_what_javascript_and_erlang_make_of_odd_values(document, views, expected):
    system = system_with({**trunk(), **document})
    outcome = inbound(
        System(system.account_id, system.account, system.documents, system.find_number, views),
        NUMBER,
        ("", "+12125550100"),
    )
    assert outcome.target.get("invite_format") == expected
    if expected:
        assert outcome.target["caller_id"]["name"] == "+12125550100"


def test_a_server_that_is_no_object_spoils_no_registration_and_null_does():
    good = {**support.server_with(auth_user=USER), "options": {}}
    for odd, route in (("x", "ok"), (5, "ok"), (None, "refused"), ({"auth": {"auth_method": {}}}, "refused")):
        assert register(system_with({**trunk(), "servers": [odd, good]}), USER, REALM).route == route, odd


@pytest.mark.parametrize(
    ("failover", "then"),
    [
        ({"e164": 14155550199}, ("offnet", "14155550199")),
        ({"e164": None, "sip": "sip:a@b"}, ("offnet", "null")),
        ({"e164": "", "sip": "sip:a@b"}, ("bridge", None)),
        ({"e164": ""}, ("nothing", None)),
        ({}, ("hangup", None)),
    ],
)
def test_what_follows_a_failed_bridge(failover, then):
    rule = {"format": {"all": {"regex": r"^\+?(\d+)$", "suffix": "7"}}}
    server = {
        **support.server_with(NUMBER, auth_user=USER),
        "options": {"failover": failover, "caller_id_options": rule},
    }
    outcome = inbound(system_with(trunk(**server)), NUMBER, ("A", "+12125550100"))
    assert (outcome.then.route, outcome.then.target.get("to_did")) == then
    if then[0] == "offnet":
        assert outcome.then.target["caller_id"] == {"name": "A", "number": "121255501007"}


def test_the_work_grows_with_the_documents_and_no_faster():
    def work(count):
        servers = [
            support.server_with(*(f"+1415{n:03}{d:04}" for d in range(10)), auth_user=f"u{n}") for n in range(count)
        ]
        document = {**trunk(), "servers": servers}
        system = system_with(document)
        return calls_of(
            lambda: (
                inbound(system, NUMBER, ("", "")),
                register(system, "u1", REALM),
                outbound(system, "u1", REALM, "911", ("", "")),
            )
        )

    work(2)
    assert work(200) < 12 * work(20)
