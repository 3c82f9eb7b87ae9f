"""Features of numbers, their classes and carriers (docs/kazoo/documents.md, sections 7.4 to 7.7)."""

import copy

import pytest

from app.numbers import carriers, classifiers, features, legacy, release
from app.numbers.features import Policy

ALL = (
    "failover",
    "force_outbound",
    "prepend",
    "ringback",
    "cnam",
    "inbound_cnam",
    "outbound_cnam",
    "e911",
    "port",
    "sms",
    "mms",
    "carrier_name",
)
EXTERNAL = ["cnam", "e911", "inbound_cnam", "outbound_cnam", "port"]
OWN = ["force_outbound", "prepend", "ringback"]
LOCAL = {"pvt_module_name": "knm_local", "pvt_assigned_to": "a", "pvt_state": "in_service"}
CARRIERS = {**LOCAL, "pvt_module_name": "knm_telnyx"}


def policy(allowed=ALL, denied=None, local_override=False, is_admin=False):
    return Policy(allowed, denied, local_override, is_admin)


class Cache:
    """Documents of accounts, and settings of `number_manager` by their path."""

    def __init__(self, documents, settings):
        self._documents, self._settings = documents, settings

    def find_doc(self, db, doc_id):
        return self._documents.get((db, doc_id))

    def setting(self, document, *path, default=None):
        assert document == "number_manager"
        return self._settings.get(".".join(path), default)


@pytest.mark.parametrize(
    ("document", "rules", "expected"),
    [
        (LOCAL, policy(), OWN),
        ({**LOCAL, "pvt_used_by": "trunkstore"}, policy(), ["failover", *OWN]),
        ({**LOCAL, "pvt_used_by": "callflow"}, policy(), OWN),
        (LOCAL, policy(local_override=True), sorted([*EXTERNAL, *OWN])),
        (LOCAL, policy(is_admin=True), ["carrier_name", *OWN]),
        (LOCAL, policy(denied=("prepend",)), sorted([*EXTERNAL, "force_outbound", "ringback"])),
        (LOCAL, policy(allowed=("prepend", "cnam")), ["prepend"]),
        (CARRIERS, policy(), sorted([*EXTERNAL, *OWN])),
        (CARRIERS, policy(denied=()), sorted([*EXTERNAL, *OWN])),
        ({**CARRIERS, "pvt_assigned_to": None}, policy(), OWN),
        ({**CARRIERS, "pvt_assigned_to": None}, policy(denied=("prepend",)), OWN),
        ({**LOCAL, "pvt_features_allowed": ["prepend", "knm_cnam_notifier"]}, policy(), ["prepend"]),
        ({**CARRIERS, "pvt_features_allowed": ["prepend", "wnm_cnam_notifier"]}, policy(), ["cnam", "prepend"]),
        (
            {**LOCAL, "pvt_features_denied": ["prepend"], "pvt_used_by": None},
            policy(),
            sorted([*EXTERNAL, "failover", "force_outbound", "ringback"]),
        ),
        ({**LOCAL, "pvt_module_name": "knm_mdn"}, policy(), OWN),
        ({**LOCAL, "pvt_module_name": None}, policy(), OWN),
        ({**LOCAL, "pvt_module_name": "wnm_local"}, policy(), OWN),
        ({**LOCAL, "pvt_module_name": "knm_inum"}, policy(), sorted([*EXTERNAL, *OWN])),
    ],
)
def test_available(document, rules, expected):
    assert features.available(document, rules) == expected


def test_a_row_of_the_list_knows_nothing_of_the_numbers_own_lists():
    row = {"features": ["local"], "assigned_to": "a", "features_denied": ["prepend"], "features_allowed": ["cnam"]}
    assert features.available_as_listed(row, policy()) == OWN
    assert features.available_as_listed({**row, "features": []}, policy()) == sorted([*EXTERNAL, *OWN])


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"pvt_module_name": "knm_local"}, {"local": {}}),
        ({"pvt_module_name": "knm_local", "pvt_features": {"local": {"a": 1}}}, {"local": {"a": 1}}),
        ({"pvt_module_name": "knm_managed", "pvt_features": {"local": {}, "prepend": {}}}, {"prepend": {}}),
        ({"pvt_module_name": "knm_x", "pvt_features": "nonsense"}, {}),
    ],
)
def test_held(document, expected):
    assert features.held(document) == expected


@pytest.mark.parametrize(
    ("document", "e911", "held"),
    [
        ({"pvt_features": {"prepend": {}}}, None, {"prepend": {}}),
        ({"pvt_features": {"dash_e911": {"a": 1}, "im": {}}}, None, {"e911": {"a": 1}}),
        ({"pvt_features": {"vitelity_e911": {"a": 1}, "dash_e911": {"a": 2}}}, None, {"e911": {"a": 1}}),
        ({"pvt_features": {"dash_e911": {}, "e911": {"a": 1}}}, None, {"e911": {"a": 1}}),
        ({"pvt_features": ["dash_e911"], "dash_e911": {"a": 1}}, {"a": 1}, {"e911": {"a": 1}}),
        ({"pvt_features": ["telnyx_e911"], "telnyx_e911": {"a": 1}}, None, {"e911": {"a": 1}}),
        ({"pvt_features": ["dash_e911"]}, None, {}),
        ({"pvt_features": ["inbound_lookup"]}, None, {"inbound_cnam": {"inbound_lookup": True}}),
        (
            {"pvt_features": ["outbound_cnam"], "cnam": {"display_name": "ACME"}},
            None,
            {"outbound_cnam": {"display_name": "ACME"}},
        ),
        ({"pvt_features": ["outbound_cnam"]}, None, {"outbound_cnam": {}}),
        ({"pvt_features": ["failover"], "failover": {"e164": "+1", "x": 1}}, None, {"failover": {"e164": "+1"}}),
        ({"pvt_features": ["prepend"], "prepend": {"name": "x"}}, None, {"prepend": {"name": "x", "enabled": False}}),
        ({"pvt_features": ["force_outbound", 5], "force_outbound": "true"}, None, {"force_outbound": True}),
        ({"pvt_features": ["port"]}, None, {"port": {}}),
        (
            {"pvt_features": ["ringback"], "ringback": {"early": "", "transfer": "t"}},
            None,
            {"ringback": {"transfer": "t"}},
        ),
    ],
)
def test_numbers_of_kazoo_3(document, e911, held):
    before = copy.deepcopy(document)
    upgraded = legacy.upgraded({**document, "pvt_module_name": "knm_telnyx"})
    assert features.held(upgraded) == held
    assert upgraded.get("e911") == e911
    assert document == before


@pytest.mark.parametrize(
    ("public", "document", "expected"),
    [
        ({"prepend": {"enabled": True}}, LOCAL, []),
        ({"prepend": {}, "note": 1, "sms": {}}, LOCAL, []),
        ({"failover": {"e164": "+1"}}, LOCAL, ["failover"]),
        ({"failover": {"e164": "+1"}}, {**LOCAL, "pvt_used_by": "trunkstore"}, []),
        ({"cnam": {}, "e911": {}, "port": {}}, LOCAL, ["cnam", "e911", "port"]),
        ({"cnam": {}, "e911": {}}, CARRIERS, []),
        ({"carrier_name": "x"}, LOCAL, ["carrier_name"]),
        ({}, {**LOCAL, "pvt_features": {"failover": {}, "sms": {}}}, ["failover"]),
        ({"cnam": {}}, {**CARRIERS, "pvt_features_allowed": ["inbound_cnam"]}, []),
    ],
)
def test_refused(public, document, expected):
    assert features.refused(public, document, policy()) == expected


@pytest.mark.parametrize(
    ("public", "document", "expected"),
    [
        ({"prepend": {"enabled": True, "name": "x"}}, CARRIERS, {"prepend": {"enabled": True, "name": "x"}}),
        ({"prepend": {"enabled": "true"}}, CARRIERS, {"prepend": {"enabled": "true"}}),
        ({"prepend": {"enabled": False}}, {**CARRIERS, "pvt_features": {"prepend": {"enabled": True}}}, {}),
        ({"prepend": {}}, CARRIERS, {}),
        ({"failover": {"sip": "sip:a@b"}}, CARRIERS, {"failover": {"sip": "sip:a@b"}}),
        ({"failover": {}}, {**CARRIERS, "pvt_features": {"failover": {"e164": "+1"}}}, {}),
        ({"force_outbound": False}, CARRIERS, {"force_outbound": False}),
        ({"ringback": {"early": "a.wav"}}, CARRIERS, {}),
        (
            {},
            {**CARRIERS, "pvt_features": {"prepend": {}, "e911": {"a": 1}, "other": {}}},
            {"e911": {"a": 1}, "other": {}},
        ),
        (
            {"cnam": {"display_name": "ACME", "inbound_lookup": True}},
            {**CARRIERS, "pvt_features": {"cnam": {}}},
            {"inbound_cnam": {"inbound_lookup": True}, "outbound_cnam": {"display_name": "ACME"}},
        ),
        ({"cnam": {"inbound_lookup": False}}, {**CARRIERS, "pvt_features": {"inbound_cnam": {}}}, {}),
        ({"cnam": {"display_name": ""}}, {**CARRIERS, "pvt_features": {"outbound_cnam": {}}}, {}),
        ({"prepend": {"enabled": True}}, {**CARRIERS, "pvt_state": "reserved"}, {}),
        (
            {},
            {**CARRIERS, "pvt_state": "aging", "pvt_features": {"outbound_cnam": {"x": 1}}},
            {"outbound_cnam": {"x": 1}},
        ),
    ],
)
def test_saved(public, document, expected):
    assert features.saved(public, document) == expected


class TestPolicy:
    RESELLER = {("services", "a"): {"pvt_reseller_id": "r"}, ("services", "r"): {"pvt_reseller_id": "r"}}

    def policy_of(self, account_id, system=None, own=None):
        documents = {**self.RESELLER, ("account/r//", "configs_number_manager"): own}
        return features.policy(Cache(documents, system or {}), account_id, False)

    def test_kazoos_own(self):
        assert self.policy_of("a") == policy()
        assert self.policy_of(None) == policy()

    def test_the_systems(self):
        system = {"features.allow": ["knm_prepend"], "features.deny": [], "local_feature_override": True}
        assert self.policy_of("a", system) == policy(("prepend",), (), True)
        assert self.policy_of("a", {"providers": ["cnam_notifier"]}) == policy(("cnam",))

    def test_the_resellers(self):
        system, own = {"features.allow": ["prepend"]}, {"features": {"allow": [], "deny": ["failover"]}}
        assert self.policy_of("a", system, own) == policy((), ("failover",))
        assert self.policy_of("r", system, own) == policy(("prepend",))
        assert self.policy_of(None, system, own) == policy(("prepend",))


def test_longest_prefix():
    assert carriers.longest_prefix(["knm_local"]) == 10
    assert carriers.longest_prefix(["knm_local", "knm_telnyx"]) == 3
    assert carriers.longest_prefix(["knm_managed", "knm_unheard_of"]) == 10
    assert carriers.longest_prefix(["knm_mdn"]) == 0


def of_system(**stored):
    return classifiers.classifiers(lambda document, *path, default=None: stored.get(path[0], default))


def test_classes():
    assert classifiers.classify("+18005551212", of_system()) == "tollfree_us"
    assert classifiers.classify("+14155550100", of_system()) == "did_us"
    assert classifiers.classify("+12645550100", of_system()) == "caribbean"
    assert classifiers.classify("+44207946000", of_system()) == "international"
    assert classifiers.classify("911", of_system()) == "emergency"
    own = of_system(classifiers={"short": "^1..$", "bad": {"regex": "("}, "none": 5})
    assert own == {
        "short": {"friendly_name": "short", "regex": "^1..$"},
        "bad": {"friendly_name": "bad", "regex": "("},
    }
    assert classifiers.classify("110", own) == "short"
    assert classifiers.classify("+14155550100", own) is None


@pytest.mark.parametrize(
    ("number", "form", "written"),
    [
        ("+14155550100", None, "(415) 555 - 0100"),
        ("+44207946000", None, "+44207946000"),
        ("+14155550100", "S#-*", "1-4155550100"),
        ("+14155550100", r"\S\#\*#", "S#*+"),
        ("+1415", "SS(###) ### - ####", "(415)  - "),
    ],
)
def test_pretty(number, form, written):
    own = {"all": {"regex": ".", "pretty_print": form}} if form else {}
    assert classifiers.pretty(number, of_system(classifiers=own)) == written
    assert classifiers.pretty("+14155550100", of_system()) == "(415) 555 - 0100"


def test_a_number_without_a_next_holder_is_deleted():
    for history in (None, [], ["a"], ["a", None], "ab"):
        document = {"_id": "+14155550100", "pvt_state": "in_service", "pvt_reserve_history": history}
        assert release.released(document)["pvt_state"] == "deleted"


def test_a_released_number_goes_to_who_had_reserved_it_before():
    document = {
        "_id": "+14155550100",
        "_rev": "3-a",
        "note": "x",
        "pvt_module_name": "knm_local",
        "pvt_state": "in_service",
        "pvt_assigned_to": "a",
        "pvt_used_by": "callflow",
        "pvt_features": {"local": {}, "prepend": {}},
        "pvt_reserve_history": ["a", "r", "m"],
    }
    kept = release.released(document)
    assert kept.pop("pvt_modified") > 63_000_000_000
    assert kept == {
        "_id": "+14155550100",
        "_rev": "3-a",
        "pvt_module_name": "knm_local",
        "pvt_state": "reserved",
        "pvt_assigned_to": "r",
        "pvt_previously_assigned_to": "a",
        "pvt_features": {"local": {}},
        "pvt_reserve_history": ["r", "m"],
    }
    for history in (None, [], ["a"], "nonsense"):
        gone = release.released({**document, "pvt_reserve_history": history})
        assert gone["pvt_state"] == "deleted"
        assert gone.keys() & {"pvt_assigned_to", "pvt_used_by", "note"} == set()
