"""What `audit` says, word for word: of one trunk, of its numbers, of its servers among others, and of an account."""

import copy

import pytest

from app.audit import Finding, Severity, calls, fixes, numbers, system_schema, trunk, worst_first
from app.audit.account import Auditor, Report
from app.audit.number_index import NumberIndex
from app.audit.places import Places
from app.audit.review import review
from app.documents import connectivity
from app.documents.names import account_db, encoded, number_db
from app.numbers.documents import new_number
from app.routing import Views
from app.schema import Schemas
from app.services import make_services
from app.settings import Settings
from tests.support import embedded_world

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
ACCOUNT_ID = "a" * 32
ACCOUNT = {"_id": ACCOUNT_ID, "realm": "pbx.example.com"}
SCHEMA = Schemas().get("connectivity")
NUMBER, OTHER = "+14155550100", "+14155550101"
KAZOOS_MAP = "function(doc) { for (var server in Iterator(doc.servers || [])) emit(server, null); }"


def server(number=NUMBER, options=None, auth=None, **members):
    auth = {"auth_method": "Password", "auth_user": "pbx", "auth_password": "a long secret", **(auth or {})}
    return {"auth": auth, "options": options or {}, "DIDs": {number: {}} if number else {}, **members}


def by_ip(ip="8.8.8.8", number=None, user="pbx", **auth):
    return server(number, auth={"auth_method": "IP", "ip": ip, "auth_user": user, **auth})


def document(*servers, account_id=ACCOUNT_ID, **members):
    private = {
        "pvt_type": "sys_info",
        "pvt_account_id": account_id,
        "pvt_account_db": encoded(account_db(account_id)),
    }
    return {"_id": "t", **private, "account": {"auth_realm": "pbx.example.com"}, "servers": [*servers], **members}


def told(findings):
    return [(one.severity, one.rule, one.path, one.message) for one in findings]


def of_calls(*servers, views=Views.OURS, **members):
    return told(calls.findings(document(*servers, **members), views))


PLACE = "servers.0"
CRASH = "with this value, calls fail inside trunkstore (35)"
EMPTY_TARGET = "the target is empty: when the call fails over, the caller is left hanging (17)"
ENDLESS = "a time-out of 0 or less makes Kazoo's process of a call run for ever, and fills its log (36)"
DISABLED = "the server is disabled: it gets no calls, but it can still register and call out (7, 23, 26)"
NO_ADDRESS = "the server has no address: calls go to its user name and realm (9, 10)"
NOT_ASCII = (
    "the user name is not ASCII: it may never register, and its options have no effect, so a server that is disabled"
    " there still gets calls (6, 20)"
)


def no_effect(name):
    return f"{name} is a number: it has no effect on inbound calls, a text would (13)"


def with_did(value):
    return {**server(), "DIDs": {NUMBER: value}}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (server(), []),
        (server(options={"enabled": True, "timeout": "20", "delay": 0, "sip_headers": {}}), []),
        (server(options={"enabled": False}), [(NOTE, "disabled", PLACE, DISABLED)]),
        (server(enabled=False), [(NOTE, "disabled", PLACE, DISABLED)]),
        (server(options={"timeout": "0"}), [(ERROR, "timeout", f"{PLACE}.options.timeout", ENDLESS)]),
        (server(options={"timeout": "-0.5"}), [(ERROR, "timeout", f"{PLACE}.options.timeout", ENDLESS)]),
        (server(options={"timeout": "0.5"}), []),
        (server(options={"timeout": "soon"}), []),
        # Of options only texts are read.
        (server(options={"timeout": 0}), []),
        (server(options={"timeout": 9}), [(NOTE, "no-effect", f"{PLACE}.options.timeout", no_effect("timeout"))]),
        (
            server(options={"progress_timeout": 1.5, "delay": 1}),
            [
                (NOTE, "no-effect", f"{PLACE}.options.progress_timeout", no_effect("progress_timeout")),
                (NOTE, "no-effect", f"{PLACE}.options.delay", no_effect("delay")),
            ],
        ),
        (server(options={"delay": True, "timeout": None}), []),
        (with_did({"timeout": 0}), [(ERROR, "timeout", f"{PLACE}.DIDs.{NUMBER}.timeout", ENDLESS)]),
        (with_did({"timeout": -1}), [(ERROR, "timeout", f"{PLACE}.DIDs.{NUMBER}.timeout", ENDLESS)]),
        (with_did({"timeout": 0.5}), [(NOTE, "no-effect", f"{PLACE}.DIDs.{NUMBER}.timeout", no_effect("timeout"))]),
        (with_did({"timeout": False}), []),
        (
            server(options={"sip_headers": ["X"]}),
            [
                (
                    WARNING,
                    "sip-headers",
                    f"{PLACE}.options.sip_headers",
                    "sip_headers is not an object, so it has no effect (14)",
                )
            ],
        ),
        (server(auth={"port": ""}), [(ERROR, "crash", f"{PLACE}.auth.port", CRASH)]),
        (server(auth={"port": 5060}), []),
        (server(auth={"auth_user": "jürgen"}), [(ERROR, "user-name", f"{PLACE}.auth.auth_user", NOT_ASCII)]),
        (
            server(options={"failover": {"sip": ""}}),
            [(ERROR, "failover", f"{PLACE}.options.failover", EMPTY_TARGET)],
        ),
        (server(options={"failover": {"e164": NUMBER}}), []),
        (
            with_did({"failover": {"e164": ""}}),
            [(ERROR, "failover", f"{PLACE}.DIDs.{NUMBER}.failover", EMPTY_TARGET)],
        ),
        (
            with_did({"failover": {"e164": NUMBER}}),
            [(WARNING, "failover", f"{PLACE}.DIDs.{NUMBER}.failover", "the number fails over to itself (17)")],
        ),
        (with_did({"failover": {"e164": OTHER, "sip": "sip:a@b"}}), []),
        (with_did({"failover": "x"}), []),
        (with_did(None), [(ERROR, "crash", f"{PLACE}.DIDs.{NUMBER}", CRASH)]),
        (with_did(True), [(ERROR, "crash", f"{PLACE}.DIDs.{NUMBER}", CRASH)]),
        (with_did(""), [(ERROR, "crash", f"{PLACE}.DIDs.{NUMBER}", CRASH)]),
        (with_did(False), []),
        (
            server("4155550100"),
            [
                (
                    ERROR,
                    "number-format",
                    f"{PLACE}.DIDs.4155550100",
                    "the number is not in E.164 form: it never rings (4)",
                )
            ],
        ),
        (by_ip(), []),
        (by_ip("pbx.example.com"), []),
        (by_ip("2a00:1450:4001::1"), []),
        (by_ip(""), [(WARNING, "ip", f"{PLACE}.auth.ip", NO_ADDRESS)]),
        (by_ip(None), [(WARNING, "ip", f"{PLACE}.auth.ip", NO_ADDRESS)]),
        (by_ip(5), [(WARNING, "ip", f"{PLACE}.auth.ip", NO_ADDRESS)]),
        *(
            (by_ip(ip), [(WARNING, "ip", f"{PLACE}.auth.ip", f"{ip} is a private address")])
            for ip in ("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.9.9", "100.64.0.1", "fd00::1")
        ),
        *(
            (
                by_ip(ip),
                [(WARNING, "ip", f"{PLACE}.auth.ip", f"{ip} is a reserved address, which is not routed")],
            )
            for ip in ("127.0.0.1", "224.0.0.1", "233.252.1.1", "0.0.0.0", "fe80::1")
        ),
    ],
)
def test_what_calls_make_of_a_server(one, expected):
    assert of_calls(one) == expected


def test_an_address_may_stand_in_the_options():
    one = by_ip("")
    one["options"] = {"ip": "10.0.0.1"}
    assert of_calls(one) == [(WARNING, "ip", "servers.0.auth.ip", "10.0.0.1 is a private address")]


def test_a_number_in_two_servers():
    message = "the number is also in servers.0: it rings in only one of them (4)"
    third = server(auth={"auth_user": "third"})
    assert of_calls(server(), server(OTHER, auth={"auth_user": "second"}), third) == [
        (ERROR, "number-twice", f"servers.2.DIDs.{NUMBER}", message)
    ]


def test_the_account_s_failover():
    account = {"auth_realm": "pbx.example.com", "failover": {"e164": ""}}
    assert of_calls(server(), account=account) == [(ERROR, "failover", "account.failover", EMPTY_TARGET)]


def test_servers_that_no_call_finds():
    bare = {"DIDs": {NUMBER: {}}, "options": {}}
    rings_not = "the server has no auth: its numbers do not ring (5)"
    none_ring = "the server has no auth: with Kazoo's own views, none of the document's numbers ring (routing, views)"
    assert of_calls(server(OTHER), bare) == [(WARNING, "no-auth", "servers.1.auth", rings_not)]
    assert of_calls(server(OTHER), {**bare, "DIDs": {}}) == [(NOTE, "no-auth", "servers.1.auth", rings_not)]
    for views in (Views.KAZOOS, Views.UNKNOWN):
        assert (ERROR, "no-auth", "servers.1.auth", none_ring) in of_calls(server(OTHER), bare, views=views)


def test_a_trunk_without_an_account():
    ours = "the account is missing: calls to its servers have no realm (routing, views)"
    kazoos = "the account is missing: with Kazoo's own views, none of the document's numbers ring (routing, views)"
    assert of_calls(server(), account=None) == [(WARNING, "realm", "account", ours)]
    for views in (Views.KAZOOS, Views.UNKNOWN):
        assert (ERROR, "realm", "account", kazoos) in of_calls(server(), account=None, views=views)


def test_users_that_cannot_register():
    without_options = server()
    del without_options["options"]
    without_user = server(OTHER)
    del without_user["auth"]["auth_user"]
    ((severity, rule, path, message),) = of_calls(without_options)
    assert (severity, rule, path) == (ERROR, "no-options", "servers.0.options")
    assert message.endswith(": no user of the document can register (22)")
    ((severity, rule, path, message),) = of_calls(without_user)
    assert (severity, rule, path) == (ERROR, "no-user", "servers.0.auth.auth_user")
    assert message.endswith(": no user of the document can register (22)")
    by_address = by_ip("8.8.8.8")
    del by_address["auth"]["auth_user"]
    ((severity, rule, path, message),) = of_calls(by_address, views=Views.KAZOOS)
    assert (severity, rule, path) == (WARNING, "no-user", "servers.0.auth.auth_user")
    assert message.endswith(": with Kazoo's own views, others lose their options (routing, views)")


@pytest.mark.parametrize(
    ("password", "severity", "message"),
    [
        ("", ERROR, "the password is empty, or no text: nobody can register with it (24)"),
        (None, ERROR, "there is no password, so Kazoo makes up one that nobody knows (24)"),
        ("PBX", ERROR, "the password is the user name"),
        ("1234567", WARNING, "the password has fewer than 8 characters"),
        ("12345678", None, None),
    ],
)
def test_passwords(password, severity, message):
    expected = [(severity, "password", "servers.1.auth.auth_password", message)] if severity else []
    one = server(auth={"auth_password": password})
    if password is None:
        del one["auth"]["auth_password"]
    assert told(calls.passwords(document(by_ip(auth_password=""), one))) == expected
    one["auth"].pop("auth_method")
    assert told(calls.passwords(document(server(), one))) == expected


def of_trunk(found, account=ACCOUNT, coercing=True, views=Views.OURS):
    findings = trunk.findings(found, account, SCHEMA, coercing, views)
    assert all(one.document_id == found["_id"] for one in findings)
    return told(findings)


class TestATrunk:
    def test_a_good_one(self):
        assert of_trunk(document(server())) == []

    def test_private_members(self):
        wrong = document(server(), pvt_account_id="x")
        del wrong["pvt_type"], wrong["pvt_account_db"]
        db = encoded(account_db(ACCOUNT_ID))
        assert of_trunk(wrong) == [
            (
                ERROR,
                "private",
                "pvt_type",
                "the document has no pvt_type: it is in no list, and its numbers do not ring",
            ),
            (WARNING, "private", "pvt_account_id", f"it is 'x', not '{ACCOUNT_ID}'"),
            (WARNING, "private", "pvt_account_db", f"it is None, not {db!r}"),
        ]

    @pytest.mark.parametrize("mark", ["_deleted", "deleted"])
    def test_marks_of_a_deletion(self, mark):
        message = "a deletion mark is left over; it has no effect here"
        assert of_trunk(document(server(), **{mark: False})) == [(NOTE, "deleted", "", message)]

    def test_a_deleted_one(self):
        gone = document({**server(), "DIDs": None}, pvt_deleted=True, billing={})
        message = "the document is deleted, but with Kazoo's own views its options go on applying (routing, views)"
        assert of_trunk(gone) == []
        for views in (Views.KAZOOS, Views.UNKNOWN):
            assert of_trunk(gone, views=views) == [(NOTE, "deleted", "pvt_deleted", message)]
            assert of_trunk({**gone, "servers": []}, views=views) == []

    def test_the_realm(self):
        message = (
            "the realm is 'old', not the account's 'pbx.example.com': calls to its servers go there, and the settings"
            " of its users have no effect (routing 9, 28)"
        )
        old = document(server(), account={"auth_realm": "old"})
        assert of_trunk(old) == [(ERROR, "realm", "account.auth_realm", message)]
        assert of_trunk(old, {"_id": ACCOUNT_ID}) == of_trunk(old, {"_id": ACCOUNT_ID, "realm": "OLD"}) == []

    def test_what_uis_and_bills_make_of_it(self):
        bills = "Kazoo bills for this, this service does not"
        hides = "Monster UI shows no PBX of the trunk: give the server an empty `DIDs`"
        bare = server()
        del bare["DIDs"]
        found = told(trunk.handling(document(bare, billing={}, service={"plans": {}}), Views.OURS))
        assert found == [
            (WARNING, "no-dids", "servers.0.DIDs", hides),
            (ERROR, "billing", "billing", bills),
            (ERROR, "billing", "service.plans", bills),
        ]
        assert told(trunk.handling(document(server(), service={"name": "x"}), Views.OURS)) == []

    def test_what_the_schema_refuses(self):
        message = "the schema refuses {}: a client cannot save the document"
        tolerated, repaired = (
            "; TOLERATE_LEGACY_VALUES=true lets it through",
            "; `audit --fix inbound-format` repairs it",
        )
        path = "servers.0.options.inbound_format"
        for value, remedies in (("e.164", tolerated + repaired), ("other", tolerated)):
            expected = [(ERROR, "schema", path, message.format(repr(value)) + remedies)]
            assert of_trunk(document(server(options={"inbound_format": value}))) == expected
        long = document(server(options={"inbound_format": "x" * 61}))
        assert of_trunk(long) == [(ERROR, "schema", path, message.format("'" + "x" * 59 + "…") + tolerated)]
        secret = document(server(auth={"auth_password": ["hunter22"]}))
        assert [one for one in of_trunk(secret) if one[1] == "schema"] == [
            (ERROR, "schema", "servers.0.auth.auth_password", message.format("its value") + tolerated)
        ]
        # A client's null removes the member.
        assert of_trunk(document(server()) | {"servers": None}) == []

    def test_texts_for_numbers(self):
        text = document(server(), account={"auth_realm": "pbx.example.com", "trunks": "5"})
        assert of_trunk(text, coercing=True) == []
        ((severity, rule, path, _),) = of_trunk(text, coercing=False)
        assert (severity, rule, path) == (ERROR, "schema", "account.trunks")

    def test_whether_texts_are_numbers_is_a_setting(self):
        class Strict:
            def __init__(self, value):
                self.value = value

            def setting(self, *path, default=None):
                return self.value if path == ("crossbar", "schema_strict_validation") else default

        assert [trunk.is_coercing(Strict(value)) for value in (True, False, None, "true")] == [
            False,
            True,
            True,
            True,
        ]

    def test_what_is_a_trunk(self):
        assert connectivity.is_trunk({"pvt_type": "sys_info"}) and connectivity.is_trunk({"servers": []})
        for other in ({}, {"servers": {}}, {"pvt_type": "device", "servers": []}):
            assert not connectivity.is_trunk(other)


class TestRepairs:
    BROKEN = {**document(server(options={"inbound_format": "npanxxxxxx"})), "account": {"auth_realm": "old", "n": 1}}

    def test_each_by_itself(self):
        before = copy.deepcopy(self.BROKEN)
        assert fixes.realm(self.BROKEN, ACCOUNT)["account"] == {"auth_realm": "pbx.example.com", "n": 1}
        assert fixes.realm(self.BROKEN, {"_id": ACCOUNT_ID})["account"].get("auth_realm") != "pbx.example.com"
        for old, new in (("e.164", "e164"), ("npanxxxxxx", "npan"), ("1npanxxxxxx", "1npan"), ("x", "x"), (5, 5)):
            odd = document(server(options={"inbound_format": old}), {"auth": {}})
            fixed = fixes.inbound_format(odd, ACCOUNT)
            assert [one.get("options") for one in fixed["servers"]] == [{"inbound_format": new}, None]
        db = encoded(account_db(ACCOUNT_ID))
        private = {"pvt_account_id": ACCOUNT_ID, "pvt_account_db": db}
        assert fixes.private({"_id": "t"}, ACCOUNT) == {"_id": "t", "pvt_type": "sys_info", **private}
        gone = {"_id": "t", "pvt_deleted": True}
        assert fixes.private(gone, ACCOUNT) == {**gone, **private}
        assert before == self.BROKEN

    def test_those_that_are_asked_for(self):
        both = fixes.fixed(("realm", "inbound-format", "number-mark"), self.BROKEN, ACCOUNT)
        assert both["account"]["auth_realm"] == "pbx.example.com"
        assert both["servers"][0]["options"] == {"inbound_format": "npan"}
        assert fixes.fixed(("number-mark",), self.BROKEN, ACCOUNT) == self.BROKEN
        gone = {**self.BROKEN, "pvt_deleted": True, "pvt_account_id": "x"}
        fixed = fixes.fixed(("private", "realm"), gone, ACCOUNT)
        assert fixed == {**gone, "pvt_account_id": ACCOUNT_ID}


class Cache:
    """Nothing is set."""

    def setting(self, document, *path, default=None):
        return default


class TestNumbers:
    def findings(self, known, *trunks, **options):
        asked = []

        def find(wanted):
            asked.append(sorted(wanted))
            return {number: known[number] for number in wanted & known.keys()}

        found = list(numbers.findings(find, find, Cache(), ACCOUNT_ID, [*trunks], **options))
        return [(one.document_id, *told([one])[0]) for one in found], asked

    def known(self, **members):
        return {NUMBER: new_number(NUMBER, ACCOUNT_ID, "knm_local") | {"pvt_used_by": "trunkstore"} | members}

    def test_a_right_one_is_looked_up_once(self):
        assert self.findings(self.known(), document(server())) == ([], [[NUMBER]])
        assert self.findings(self.known(), document(server("4155550100"))) == ([], [[NUMBER]])

    def test_those_that_the_system_does_not_know(self):
        (found,), asked = self.findings({}, document(server()))
        rejected = f"{NUMBER} is not in the system: its calls are rejected (routing 2)"
        assert found == ("t", ERROR, "number-missing", f"DIDs.{NUMBER}", rejected) and asked == [[NUMBER], [NUMBER]]
        for count, rest in ((2, ""), (10, ""), (11, ", …")):
            many = [f"+1415555{number:04}" for number in range(count)]
            one = {**server(None), "DIDs": dict.fromkeys(many, {})}
            (found,), _ = self.findings({}, document(one))
            named = ", ".join(many[:10]) + rest
            message = f"{count} numbers are not in the system, so their calls are rejected (routing 2): {named}"
            assert found == ("t", ERROR, "number-missing", "DIDs", message)

    def test_another_s(self):
        owner = "b" * 32
        for known, whose in (
            (self.known(pvt_assigned_to=owner), owner),
            (self.known(pvt_assigned_to=None), "nobody"),
        ):
            (found,), _ = self.findings(known, document(server()))
            message = f"{NUMBER} belongs to {whose}: its calls go there (routing 3)"
            assert found == ("t", ERROR, "number-owner", f"DIDs.{NUMBER}", message)
        (found,), _ = self.findings(self.known(pvt_assigned_to=owner), document(server()), names_owners=False)
        assert found[-1] == f"{NUMBER} belongs to another account: its calls go there (routing 3)"

    def test_one_that_is_not_in_service(self):
        (found,), _ = self.findings(self.known(pvt_state="aging"), document(server()))
        message = f"{NUMBER} is aging: it does not ring (routing 2)"
        assert found == ("t", ERROR, "number-state", f"DIDs.{NUMBER}", message)

    def test_marks(self):
        rest = ": `audit --fix number-mark` sets it"
        unmarked, other = self.known(pvt_used_by=None), self.known(pvt_used_by="callflow")
        no_mark = f"{NUMBER} is not marked as used by a trunk{rest}"
        others = f"{NUMBER} is marked as used by callflow{rest}"
        for known, revision, severity, message in (
            (unmarked, "1-a", NOTE, no_mark),
            (unmarked, "2-a", WARNING, no_mark),
            (unmarked, "11-a", WARNING, no_mark),
            (other, "1-a", WARNING, others),
        ):
            (found,), _ = self.findings(known, document(server(), _rev=revision))
            assert found == ("t", severity, "number-mark", f"DIDs.{NUMBER}", message)

    def test_only_the_doubtful_are_told(self):
        one = {**server(), "DIDs": {NUMBER: {}, OTHER: {}}}
        second = {**document(server(OTHER)), "_id": "u"}
        found, asked = self.findings(self.known(), document(one), second)
        assert [(doc_id, path) for doc_id, _, _, path, _ in found] == [("t", f"DIDs.{OTHER}"), ("u", f"DIDs.{OTHER}")]
        assert asked == [[NUMBER, OTHER], [OTHER]]


class TestPlaces:
    def found(self, *trunks):
        """What each of these trunks of an account shares with those before it."""
        places = Places()
        return [told(places.findings(ACCOUNT_ID, {**one, "_id": f"t{index}"})) for index, one in enumerate(trunks)]

    def test_users_and_numbers(self):
        first, second = document(server()), document(server(OTHER, auth={"auth_user": "PBX"}))
        third = document(server(auth={"auth_user": "third"}))
        user = f"PBX in the realm pbx.example.com is also the user name of {ACCOUNT_ID} t0 servers.0"
        number = f"{NUMBER} is also in {ACCOUNT_ID} t0: it rings in only one of them"
        assert self.found(first, second, third) == [
            [],
            [(ERROR, "credentials-twice", "servers.0.auth.auth_user", user)],
            [(ERROR, "number-twice", f"DIDs.{NUMBER}", number)],
        ]

    def test_the_same_trunk_again_is_not_another(self):
        places, one = Places(), document(server(), by_ip(user="second"))
        assert told(places.findings(ACCOUNT_ID, one)) == told(places.findings(ACCOUNT_ID, one)) == []

    def test_users_without_a_name_or_a_realm(self):
        for one in (
            document(server(None, auth={"auth_user": ""})),
            document(server(None, auth={"auth_user": 5})),
            document(server(None), account={}),
        ):
            assert self.found(one, one) == [[], []]

    @pytest.mark.parametrize(
        ("ports", "shared"),
        [
            (("none", "none"), [False, True]),
            ((5060, 5060), [False, True]),
            ((5060, 5070), [False, False]),
            ((5060, 5070, 5070), [False, False, True]),
            ((5060, "none"), [False, True]),
            (("none", 5060), [False, True]),
            ((5060, 5070, "none", 5080), [False, False, True, True]),
        ],
    )
    def test_addresses(self, ports, shared):
        trunks = [
            document(by_ip(user=str(index), **({} if port == "none" else {"port": port})))
            for index, port in enumerate(ports)
        ]
        found = self.found(*trunks)
        assert [bool(each) for each in found] == shared
        first = "8.8.8.8 is also the address of {} t{} servers.0: all calls are billed to one of them"
        allowed = {first.format(ACCOUNT_ID, index) for index in range(len(ports))}
        for each in filter(None, found):
            ((severity, rule, path, message),) = each
            assert (severity, rule, path) == (ERROR, "ip-twice", "servers.0.auth.ip") and message in allowed

    def test_addresses_that_get_no_calls_by_it(self):
        for other in (
            by_ip(user="off") | {"enabled": False},
            server(None, auth={"auth_user": "x", "ip": "8.8.8.8"}),
            {"auth": None},
            by_ip("", user="empty"),
            by_ip(5, user="odd"),
        ):
            assert self.found(document(by_ip()), document(other)) == [[], []]


def test_findings_have_an_order_and_a_form():
    def finding(severity, rule="realm", path="", document_id=""):
        return Finding(severity, rule, "x", path, document_id)

    ordered = [
        finding(ERROR, document_id="b"),
        finding(WARNING, document_id="a"),
        finding(WARNING, "ip", document_id="b"),
        finding(WARNING, "realm", "x", "b"),
        finding(WARNING, "realm", "y", "b"),
        finding(NOTE),
    ]
    assert worst_first(ordered[::-1]) == ordered
    assert ordered[3].as_json() == {
        "severity": "warning",
        "rule": "realm",
        "message": "x",
        "path": "x",
        "document_id": "b",
    }
    with pytest.raises(LookupError, match="unheard-of"):
        finding(ERROR, "unheard-of")


class TestAccounts:
    @pytest.fixture
    def world(self, tmp_path):
        return embedded_world(tmp_path).populate()

    @pytest.fixture
    def services(self, world):
        return make_services(Settings(), store=world.store)

    @pytest.fixture
    def person(self, world):
        return world.person("Acme", "pbx.example.com", world.master)

    def auditor(self, services, *find):
        return Auditor(services.store, services.cache, services.schemas, *find)

    def save(self, services, person, **members):
        found = document(server(None), account_id=person.account_id)
        return services.store.save_doc(account_db(person.account_id), {**found, **members})

    def report(self, services, person):
        (report,) = self.auditor(services).accounts([person.account_id])
        return report

    def test_a_report(self, services, person):
        self.save(services, person)
        self.save(services, person, _id="gone", pvt_deleted=True)
        self.save(services, person, _id="odd", pvt_type="device")
        report = self.report(services, person)
        assert (report.account_id, report.name, report.problems) == (person.account_id, "Acme", 0)
        assert report.account["realm"] == "pbx.example.com" and report.findings == []
        assert [one["_id"] for one in report.trunks] == ["gone", "t"] and [one["_id"] for one in report.live] == ["t"]
        assert Report("x").name == ""

    def test_many_accounts_in_their_order(self, services, world):
        people = [world.person(f"P{n}", f"p{n}.example.com", world.master).account_id for n in range(20)]
        asked = [*people[::-1], "c" * 32]
        reports = list(self.auditor(services).accounts(asked))
        assert [report and report.account_id for report in reports] == [*people[::-1], None]

    def test_an_account_without_its_document(self, services, person):
        db = account_db(person.account_id)
        services.store.delete_doc(db, person.account_id, services.store.open_doc(db, person.account_id)["_rev"])
        report = self.report(services, person)
        message = "the account's document is missing from its database"
        assert told(report.findings) == [(ERROR, "private", "", message)] and report.problems == 1
        assert report.account == {"_id": person.account_id} and report.name == ""

    def test_deleted_trunks_are_one_finding(self, services, person):
        db = account_db(person.account_id)
        design = services.store.open_doc(db, "_design/trunkstore")
        design["views"]["lookup_did"] = {"map": KAZOOS_MAP}
        services.store.save_doc(db, design)
        self.save(services, person, _id="gone0", pvt_deleted=True)

        def of_deleted():
            return [one for one in self.report(services, person).findings if one.rule == "deleted"]

        (alone,) = of_deleted()
        assert (alone.document_id, alone.path) == ("gone0", "pvt_deleted")
        self.save(services, person, _id="gone1", pvt_deleted=True)
        message = "2 documents are deleted and still have servers, or have a mark of a deletion"
        assert of_deleted() == [Finding(NOTE, "deleted", message)]

    def test_conflicting_leaves(self, services, person, monkeypatch):
        self.save(services, person)
        read = services.store.iterate_docs

        def with_leaves(db, conflicts=False):
            for one in read(db, conflicts=conflicts):
                yield {**one, "_conflicts": ["1-a"]} if conflicts and one["_id"] == "t" else one

        monkeypatch.setattr(services.store, "iterate_docs", with_leaves)
        report = self.report(services, person)
        message = "the document has conflicting leaves: `conflicts repair` merges them"
        assert report.findings == [Finding(ERROR, "conflict", message, "", "t")]
        assert "_conflicts" not in report.trunks[0]
        (bare,) = self.auditor(services).accounts([person.account_id], with_findings=False)
        assert bare.findings == [] and [one["_id"] for one in bare.trunks] == ["t"]

    def test_the_accounts_below_and_the_views(self, services, world, person):
        world.person("Child", "child.example.com", person)
        db = account_db(person.account_id)
        design = services.store.open_doc(db, "_design/trunkstore")
        services.store.save_doc(db, {**design, "views": {**design["views"], "lookup_did": {"map": "function () {}"}}})
        self.save(services, person)
        counted, view = sorted(self.report(services, person).findings, key=lambda finding: finding.rule)
        assert told([counted]) == [
            (WARNING, "descendants-count", "descendants_count", "UIs show 0 accounts below it, and there are 1")
        ]
        assert counted.document_id == person.account_id
        assert (view.severity, view.rule, view.document_id) == (WARNING, "views", "_design/trunkstore")
        assert "lookup_did" in view.message and view.message.endswith(": `views install` replaces it")

    def test_servers_of_other_accounts_and_numbers(self, services, world, person):
        other = world.person("Other", "pbx2.example.com", world.master)
        for each in (person, other):
            mine = document(by_ip(number=NUMBER), account_id=each.account_id, account={"auth_realm": each.realm})
            services.store.save_doc(account_db(each.account_id), mine)
        _, report = self.auditor(services).accounts([person.account_id, other.account_id])
        found = {(one.rule, one.path, one.document_id) for one in report.findings}
        assert {
            ("ip-twice", "servers.0.auth.ip", "t"),
            ("number-twice", f"DIDs.{NUMBER}", "t"),
            ("number-missing", f"DIDs.{NUMBER}", "t"),
        } <= found
        assert report.findings == worst_first(report.findings)

    def test_the_system_s_schema(self, services):
        system = self.auditor(services).system()
        assert (system.account_id, system.name, system.findings) == ("system", "system", [])
        raw = services.schemas.get("connectivity").raw
        stored = {
            **copy.deepcopy(raw),
            "_id": "connectivity",
            "description": "other",
            "pvt_x": 1,
            "required": ["name"],
        }
        services.store.create_db("system_schemas")
        services.store.save_doc("system_schemas", stored)
        message = "differs in system_schemas from the schema that this service uses"
        assert self.auditor(services).system().findings == [
            Finding(WARNING, "system-schema", message, "required", "connectivity")
        ]
        assert system_schema.differences(services.store, raw) == ["required"]

    def test_an_index_of_numbers(self, services, world, person):
        numbers_ = ["+14155550100", "+14155550101", "+442079460004"]
        for number in numbers_:
            services.numbers.create(
                new_number(number, person.account_id, "knm_local") | {"note": "x", "pvt_used_by": "y"}
            )
        index = NumberIndex()
        assert len(list(index.fill(services.store, ["numbers/+1415", "numbers/+4420"]))) == 2
        found = index.find({*numbers_, "+14155550999"})
        expected = {
            "pvt_assigned_to": person.account_id,
            "pvt_state": "in_service",
            "pvt_used_by": "y",
            "pvt_module_name": "knm_local",
        }
        assert found == {number: {"_id": number, **expected} for number in numbers_}
        list(index.fill(services.store, ["numbers/+1415"]))
        assert index.find({numbers_[0]}).keys() == {numbers_[0]}

    def test_a_review_of_one_trunk(self, services, world, person):
        other = world.person("Other", "pbx2.example.com", world.master)
        services.numbers.create(new_number(NUMBER, other.account_id, "knm_local"))
        services.numbers.create(new_number(OTHER, person.account_id, "knm_local"))
        revision = self.save(services, person)
        account = services.store.open_doc(account_db(person.account_id), person.account_id)

        def reviewed(*servers, **members):
            sent = {"account": {"auth_realm": "pbx.example.com"}, "servers": [*servers], **members}
            return review(services.store, services.cache, services.schemas, account, sent)

        # One that is not stored yet, with the user name of the stored one.
        found = reviewed(server(), server(OTHER, auth={"auth_user": "x"}))
        assert [(one.severity, one.rule, one.path, one.document_id) for one in found] == [
            (ERROR, "credentials-twice", "servers.0.auth.auth_user", ""),
            (ERROR, "number-owner", f"DIDs.{NUMBER}", ""),
        ]
        assert found[1].message == f"{NUMBER} belongs to another account: its calls go there (routing 3)"
        # The stored one itself, whose numbers would have been marked when it was saved.
        found = reviewed(server(OTHER, options={"delay": 5}), _id="t", _rev=revision)
        assert [(one.severity, one.rule, one.path, one.document_id) for one in found] == [
            (NOTE, "no-effect", "servers.0.options.delay", "t"),
            (NOTE, "number-mark", f"DIDs.{OTHER}", "t"),
        ]


def test_databases_of_numbers_have_the_first_five_characters():
    assert number_db(NUMBER) == "numbers/+1415"
