"""Fixtures: the engines, and a running service on each of them."""

import os

import pytest

from tests import support


@pytest.fixture(scope="session")
def couchdb_url():
    """A CouchDB: the one that TEST_COUCHDB_URL names, else pouchdb-server from npm."""
    with support.couchdb_or_skip(os.environ.get("TEST_COUCHDB_URL")) as url:
        yield url


@pytest.fixture(scope="session", params=["embedded", "couchdb"])
def world(request, tmp_path_factory):
    """A populated store of each engine."""
    if request.param == "embedded":
        return support.embedded_world(tmp_path_factory.mktemp("data")).populate()
    return support.couchdb_world(request.getfixturevalue("couchdb_url")).populate()


@pytest.fixture(scope="session")
def base(world):
    """The address of a service with two workers on that store."""
    server = support.service(world.environment).start()
    yield server.url
    server.stop()


@pytest.fixture
def person(world, request):
    """A fresh account below the master account."""
    return make_person(world, request.node.name)


@pytest.fixture
def api(base, person):
    """A client of that account."""
    return support.Api(base, person)


_COUNT = iter(range(10**9))


def make_person(world, name="account", parent=None, level="admin"):
    """An account with a name and a realm that no other has."""
    number = next(_COUNT)
    return world.person(f"{name[:60]} {number}", f"a{number}.example.com", parent or world.master, level)
