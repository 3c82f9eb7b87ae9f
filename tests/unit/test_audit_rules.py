"""Rules of `audit` as functions: what Kazoo's routing makes of a server, and which differences of schemas matter."""

import pytest

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
        ({"options": {"enabled": 1}}, True),
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
