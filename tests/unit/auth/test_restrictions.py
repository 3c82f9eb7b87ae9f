"""The hierarchy of accounts and token restrictions (docs/kazoo/auth.md, section 5)."""

import time

import pytest

from app.auth import AuthDoc, hierarchy, restrictions
from app.documents.names import account_db
from app.store.cache import DocumentCache
from tests.unit.auth import ACCOUNT, OWNER


@pytest.mark.parametrize(
    ("pattern", "params", "matches"),
    [
        ([], [], True),
        ([], ["x"], False),
        (["*"], ["x"], True),
        (["*"], [], False),
        (["*"], ["x", "y"], False),
        (["#"], [], True),
        (["#"], ["x", "y"], True),
        (["x", "#"], ["x"], True),
        (["#", "y"], ["x", "y"], True),
        (["x"], ["y"], False),
    ],
)
def test_rule_paths(pattern, params, matches):
    assert restrictions.path_matches(pattern, params) is matches


def denied(store, rules, params, verb, auth=None, account_id=ACCOUNT, noun="connectivity"):
    store.load_docs(
        account_db(ACCOUNT),
        [{"_id": "token_restrictions", "_rev": f"{time.time_ns()}-" + "0" * 32, "restrictions": rules}],
    )
    auth = auth or AuthDoc(ACCOUNT, OWNER, "cb_user_auth")
    return restrictions.is_denied(DocumentCache(store), auth, account_id, noun, params, verb)


def test_restrictions(store):
    rules = {
        "cb_user_auth": {
            "user": {
                "connectivity": [
                    {"allowed_accounts": ["{AUTH_ACCOUNT_ID}"], "rules": {"/": ["GET"], "*": ["GET", "PATCH"]}}
                ]
            }
        }
    }
    assert not denied(store, rules, [], "GET")
    assert denied(store, rules, [], "PUT")
    assert not denied(store, rules, ["x"], "PATCH")
    assert denied(store, rules, ["x"], "DELETE")
    assert denied(store, rules, [], "GET", account_id="b" * 32)
    assert denied(store, rules, [], "GET", noun="users")
    assert not denied(store, rules, [], "PUT", auth=AuthDoc(ACCOUNT, OWNER, "cb_other"))
    assert not denied(store, rules, [], "PUT", auth=AuthDoc(ACCOUNT, None, "cb_user_auth"))
    first_match = {"_": {"_": {"_": [{"rules": {"#": ["GET"], "*": ["DELETE"]}}]}}}
    assert denied(store, first_match, ["x"], "DELETE")
    assert not denied(store, first_match, ["x"], "GET")
    assert not denied(store, {}, ["x"], "DELETE")


def test_restrictions_of_the_system_hold_where_the_account_has_none(store):
    rules = {"_": {"admin": {}, "_": {"connectivity": [{"rules": {"#": ["GET"]}}]}}}
    store.load_docs("system_config", [{"_id": "crossbar.token_restrictions", "default": rules}])
    auth = AuthDoc(ACCOUNT, OWNER, "cb_user_auth")
    assert restrictions.is_denied(DocumentCache(store), auth, ACCOUNT, "connectivity", [], "PUT")
    assert not restrictions.is_denied(DocumentCache(store), auth, ACCOUNT, "connectivity", [], "GET")


@pytest.mark.parametrize(
    ("account_id", "allowed", "is_denied"),
    [
        (ACCOUNT, None, False),
        (ACCOUNT, ["_"], False),
        (ACCOUNT, [ACCOUNT], False),
        (ACCOUNT, ["{AUTH_ACCOUNT_ID}"], False),
        (ACCOUNT, ["{DESCENDANT_ACCOUNT_ID}"], True),
        (ACCOUNT, [], True),
        (ACCOUNT, [5, None], True),
        ("c" * 32, ["{DESCENDANT_ACCOUNT_ID}"], False),
        ("c" * 32, ["{AUTH_ACCOUNT_ID}"], True),
        ("c" * 32, ["c" * 32], False),
        ("d" * 32, ["{DESCENDANT_ACCOUNT_ID}"], True),
        ("d" * 32, ["d" * 32, "x"], False),
        ("d" * 32, ["_", "x"], False),
        (None, ["{AUTH_ACCOUNT_ID}"], True),
        (None, ["_", "x"], False),
    ],
)
def test_a_rule_holds_for_the_accounts_it_names(store, account_id, allowed, is_denied):
    """`c…` is a descendant of the caller's account, `d…` is a stranger."""
    for other, tree in (("c" * 32, [ACCOUNT]), ("d" * 32, ["e" * 32])):
        store.load_docs(account_db(other), [{"_id": other, "pvt_type": "account", "pvt_tree": tree}])
    entry = {"rules": {"#": ["_"]}} | ({} if allowed is None else {"allowed_accounts": allowed})
    rules = {"_": {"_": {"connectivity": [entry]}}}
    assert denied(store, rules, [], "GET", account_id=account_id) is is_denied


def test_the_first_entry_for_the_account_decides(store):
    entries = [
        {"allowed_accounts": ["x"], "rules": {"#": ["_"]}},
        {"rules": {"#": ["GET"]}},
        {"rules": {"#": ["PUT"]}},
    ]
    rules = {"_": {"_": {"_": entries}}}
    assert not denied(store, rules, [], "GET") and denied(store, rules, [], "PUT")
    for nothing in ([], {}, None, [{}], [{"rules": []}], [{"rules": {"#": None}}]):
        assert denied(store, {"_": {"_": {"_": nothing}}}, [], "GET")
    assert denied(store, {"_": {"_": {"connectivity": [], "_": [{"rules": {"#": ["_"]}}]}}}, [], "GET")
    assert not denied(store, {"_": {"user": None, "_": {}}}, [], "GET")
    assert denied(store, {"_": {"_": {"users": [{"rules": {"#": ["_"]}}]}}}, [], "GET")


@pytest.mark.parametrize(
    ("path", "params", "matches"),
    [("/", [], True), ("", [], True), ("x//", ["x"], True), ("x/*", ["x", "y"], True), ("/x", ["x"], False)],
)
def test_paths_of_rules(store, path, params, matches):
    assert denied(store, {"_": {"_": {"_": [{"rules": {path: ["GET"]}}]}}}, params, "GET") is not matches


def test_a_method_s_own_rules_come_before_those_for_all(store):
    everything, nothing = {"_": {"_": [{"rules": {"#": ["_"]}}]}}, {"_": {"_": []}}
    assert not denied(store, {"cb_user_auth": everything, "_": nothing}, [], "GET")
    assert denied(store, {"cb_user_auth": nothing, "_": everything}, [], "GET")
    assert not denied(store, {"cb_api_auth": nothing}, [], "GET")
    store.load_docs("system_config", [{"_id": "crossbar.token_restrictions", "default": {"_": nothing}}])
    assert not denied(store, {"_": everything}, [], "GET")
    assert denied(store, {}, [], "GET")
    without_method = AuthDoc(ACCOUNT, OWNER)
    assert denied(store, {"_": everything}, [], "GET", auth=without_method)


def test_levels_of_callers(store):
    reads = {"connectivity": [{"rules": {"#": ["GET"]}}]}
    by_level = dict.fromkeys(("user", "admin", "manager"), reads) | {"_": {"_": [{"rules": {"#": ["_"]}}]}}
    rules = {"_": by_level}
    store.load_docs(
        account_db(ACCOUNT),
        [
            {"_id": "boss", "_rev": "1-" + "0" * 32, "pvt_type": "user", "priv_level": "manager"},
            {"_id": "chief", "_rev": "1-" + "0" * 32, "pvt_type": "user", "priv_level": "chief"},
            {"_id": "plain", "_rev": "1-" + "0" * 32, "pvt_type": "user"},
        ],
    )

    def may_put(owner_id, method="m"):
        return not denied(store, rules, [], "PUT", auth=AuthDoc(ACCOUNT, owner_id, method))

    assert [may_put(owner) for owner in ("boss", "chief", "plain", "gone", None)] == [
        False,
        True,
        False,
        False,
        False,
    ]
    store.load_docs("system_config", [{"_id": "crossbar.token_restrictions", "default": {"default_priv_level": "x"}}])
    assert may_put("gone") and may_put(None) and not may_put("plain") and not may_put("boss")


def test_settings_of_a_node_come_before_those_of_all(store):
    nothing, everything = {"_": {"_": {"_": []}}}, {"_": {"_": {"_": [{"rules": {"#": ["_"]}}]}}}
    by_node = {"node@host": everything, "default": nothing}
    store.load_docs("system_config", [{"_id": "crossbar.token_restrictions", **by_node}])
    auth = AuthDoc(ACCOUNT, OWNER, "m")
    for nodes, is_denied in ((("node@host", "default"), False), (("other@host", "default"), True)):
        assert (
            restrictions.is_denied(DocumentCache(store, nodes), auth, ACCOUNT, "connectivity", [], "GET") is is_denied
        )


def test_superduper_admins_are_not_restricted(store):
    nothing = {"_": {"_": {"_": []}}}
    assert denied(store, nothing, [], "GET")
    for value, is_free in ((True, True), ("true", True), (False, False), ("yes", False), (1, False)):
        account = store.open_doc(account_db(ACCOUNT), ACCOUNT)
        store.save_doc(account_db(ACCOUNT), {**account, "pvt_superduper_admin": value})
        assert denied(store, nothing, [], "GET") is not is_free


@pytest.mark.parametrize(
    ("caller", "requested", "allowed"),
    [
        (ACCOUNT, {"_id": ACCOUNT}, True),
        (ACCOUNT, {"_id": "c" * 32, "pvt_tree": ["e" * 32, ACCOUNT]}, True),
        (ACCOUNT, {"_id": "c" * 32, "pvt_tree": [ACCOUNT, "e" * 32]}, True),
        (ACCOUNT, {"_id": "c" * 32, "pvt_tree": ["e" * 32]}, False),
        (ACCOUNT, {"_id": "c" * 32, "pvt_tree": ACCOUNT}, False),
        (ACCOUNT, {"_id": "c" * 32}, False),
        (ACCOUNT, None, False),
        ("b" * 32, {"_id": ACCOUNT}, True),
        ("b" * 32, None, True),
        ("0" * 32, {"_id": ACCOUNT}, False),
    ],
)
def test_who_may_act_on_whom(store, caller, requested, allowed):
    """`b…` is a superduper admin; `0…` is gone."""
    store.load_docs(account_db("b" * 32), [{"_id": "b" * 32, "pvt_superduper_admin": True}])
    assert hierarchy.is_allowed(DocumentCache(store), caller, requested) is allowed


def test_trees_are_lists_of_texts():
    assert hierarchy.tree({"pvt_tree": ["a", 5, "b", None]}) == ["a", "b"]
    assert hierarchy.tree({"pvt_tree": "a"}) == hierarchy.tree({}) == hierarchy.tree(None) == []
