"""Rules of `audit` as functions: what Kazoo's routing makes of a server, and which differences of schemas matter."""

import pytest

from app.audit import trunk
from app.audit.calls import is_enabled
from app.audit.system_schema import changes_what_is_accepted


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
