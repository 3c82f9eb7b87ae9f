"""Rules of `audit` as functions: what Kazoo's routing makes of a server, and which differences of schemas matter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit import Severity, calls, trunk
from app.audit.calls import is_enabled
from app.audit.system_schema import changes_what_is_accepted
from app.routing import Number, System, Views
from app.routing.inbound import inbound
from app.routing.registration import register
from tests import support
from tests.unit.test_routing import DOCUMENT, NUMBER, REALM


@pytest.mark.parametrize(
    ("server", "is_on"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"enabled": 0}, False),
        ({"enabled": ""}, False),
        ({"enabled": "false"}, True),
        ({"enabled": None}, True),
        ({"options": {}}, True),
        ({"options": {"enabled": True}}, True),
        ({"options": {"enabled": "true"}}, True),
        ({"options": {"enabled": False}}, False),
        ({"options": {"enabled": "false"}}, False),
        ({"options": {"enabled": "no"}}, False),
        ({"options": {"enabled": None}}, False),
        ({"options": {"enabled": 0}}, False),
        ({"options": {"enabled": 1}}, False),
        ({"options": {"enabled": "yes"}}, False),
        ({"enabled": "0"}, False),
    ],
)
def test_what_kazoo_takes_for_disabled(server, is_on):
    """docs/kazoo/routing.md, 5 and 7."""
    assert is_enabled(server) is is_on


@pytest.mark.parametrize(
    ("path", "matters"),
    [
        ("description", False),
        ("_id", False),
        ("$schema", False),
        ("properties.name.description", False),
        ("properties.name.default", False),
        ("properties.name.support_level", False),
        ("properties.name.type", True),
        ("properties.name.maxLength", True),
        ("properties.description", True),
        ("properties.description.type", True),
        ("required", True),
        ("additionalProperties", True),
    ],
)
def test_which_differences_of_schemas_matter(path, matters):
    assert changes_what_is_accepted(path) is matters


def test_what_the_log_of_a_save_has():
    """Errors, and what hides PBXs in Monster UI. No passwords, and no more than a few lines."""
    server = {"auth": {"auth_method": "Password", "auth_user": "u", "auth_password": ""}, "options": {"timeout": "0"}}
    document = {"_id": "t", "account": {"auth_realm": "r"}, "servers": [server]}
    assert [(found.rule, found.path) for found in trunk.worst_errors(document)] == [
        ("timeout", "servers.0.options.timeout"),
        ("no-dids", "servers.0.DIDs"),
    ]
    assert len(trunk.worst_errors({**document, "servers": [server] * 50})) == trunk.MOST_LOGGED


def dids_and_users(document):
    servers = document["servers"] if isinstance(document["servers"], list) else []
    for index, server in enumerate(servers):
        server = server if isinstance(server, dict) else {}
        auth = server.get("auth") if isinstance(server.get("auth"), dict) else {}
        yield f"servers.{index}", server.get("DIDs"), auth.get("auth_user"), auth


@pytest.mark.repeated
@given(DOCUMENT, st.sampled_from([Views.OURS, Views.KAZOOS]))
@settings(max_examples=support.often(100, 3000))
def test_no_finding_contradicts_the_explanation(document, views):
    """What `audit` says of a document on its own, and what happens to its numbers and users."""
    document = {**document, "pvt_deleted": False}
    system = System("a" * 32, {"realm": REALM}, (document,), lambda number: Number("a" * 32, "in_service"), views)
    found = [*calls.findings(document, views), *calls.passwords(document)]
    errors = {(finding.rule, finding.path) for finding in found if finding.severity is Severity.ERROR}
    rules = {rule for rule, _ in errors}
    disabled = {finding.path for finding in found if finding.rule == "disabled"}
    outcome = inbound(system, NUMBER, ("", "+12125550100"))
    if {"no-auth", "realm"} & rules:
        assert outcome.route == "none" and outcome.document_id is None
    if outcome.route == "bridge":
        assert outcome.steps[0].path.split(".DIDs.")[0] not in disabled
    if outcome.why == "options.enabled":
        assert outcome.steps[0].path.split(".DIDs.")[0] in disabled
    for path, _, user, auth in dids_and_users(document):
        if not isinstance(user, str) or not user:
            continue
        answer = register(system, user, REALM)
        if {"no-options", "no-user"} & rules:
            assert answer.route == "refused"
        elif answer.route == "refused" and str(auth.get("auth_method")).lower() == "password":
            assert not user.isascii() and ("user-name", f"{path}.auth.auth_user") in errors
        if answer.route == "no answer":
            assert "password" in rules
        if answer.is_good and answer.steps[0].path.startswith(f"{path}."):
            password = [f for f in found if f.path == f"{path}.auth.auth_password" and "nobody" in f.message]
            assert password == []
