"""Fixtures: the engines, and a running service on each of them.

Tests run in random order and in several processes. A process starts each server that it needs once and keeps it, so
a test must not rely on what another one left, and names accounts by `make_person`, which never gives a name twice.
"""

import contextlib
import itertools
import logging
import os
import tempfile
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests import support

ENGINES = ("embedded", "couchdb")
# Files with a server or accounts of their own that are dear to make: one process runs all their tests on an engine.
TOGETHER = (
    "test_access.py",
    "test_broker.py",
    "test_browser.py",
    "console/test_journeys.py",
    "console/test_list.py",
    "console/test_numbers.py",
    "console/test_pages.py",
    "console/test_trunk.py",
    "test_debian.py",
    "test_explain.py",
    "test_faults.py",
    "test_filtered_lists.py",
    "test_guessing.py",
    "test_history.py",
    "test_history_limits.py",
    "test_lists.py",
    "test_openapi.py",
    "test_operators_page.py",
    "test_overwrites.py",
    "test_package.py",
    "test_users.py",
    "test_web_pages.py",
)
_NUMBERS = itertools.count()

# How long an example takes depends on what else the machine does.
settings.register_profile("here", deadline=None)
settings.load_profile("here")
# Threads that outlive their test write to nobody's terminal.
logging.getLogger().addHandler(logging.NullHandler())


class KeepTogether(LoadScopeScheduling):
    """Gives each test to the process that is free, but the tests of some files to one of them."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        engine = next((engine for engine in ENGINES if f"[{engine}" in nodeid), "")
        return file + engine if file.endswith(TOGETHER) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """pytest-xdist's hook."""
    return KeepTogether(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What needs a CouchDB is slow. `make test-long` has what takes long, and what is the same on either engine."""
    on_couchdb = {item for item in items if item.get_closest_marker("either_engine") and "[couchdb" in item.name}
    long = {item for item in items if item.get_closest_marker("long_only")}
    for item in on_couchdb | long:
        item.add_marker("repeated")
    if not support.often(0, 1):
        left_out = long if os.environ.get("TEST_COUCHDB_URL") else on_couchdb | long
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        if "couchdb_url" in item.fixturenames:
            item.add_marker("slow")


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_end_with_short_tests(items):
    """What would leave the other processes without work at the end comes first: what waits, and whole files."""
    late = items[len(items) // 2 :]
    long = {item for item in late if item.get_closest_marker("waits") or str(item.path).endswith(TOGETHER)}
    items.sort(key=lambda item: item not in long)


@pytest.fixture(scope="session", autouse=True)
def temporary_folder(tmp_path_factory):
    """What killed servers leave behind goes when pytest removes its own folders."""
    os.environ["TMPDIR"] = str(tmp_path_factory.mktemp("tmp"))
    tempfile.tempdir = None


@pytest.fixture(scope="session", autouse=True)
def patient_services():
    """No service refuses a request because the machine has no time for its threads.

    A load program that is run by itself has the default.
    """
    os.environ["QUEUE_SECONDS"] = str(support.PATIENCE)


@pytest.fixture(scope="session")
def couchdb_url():
    """A CouchDB: the one that TEST_COUCHDB_URL names, else pouchdb-server from npm."""
    named = os.environ.get("TEST_COUCHDB_URL")
    if named and int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
        raise AssertionError("the CouchDB that TEST_COUCHDB_URL names is for one process: --numprocesses 0")
    with support.couchdb_or_skip(named) as url:
        yield url


@pytest.fixture(scope="session")
def world_on(request, tmp_path_factory) -> Callable[[str], support.World]:
    """The populated store of an engine, made when it is first asked for."""

    @cache
    def make(engine: str) -> support.World:
        if engine == "embedded":
            return support.embedded_world(tmp_path_factory.mktemp("data")).populate()
        return support.couchdb_world(request.getfixturevalue("couchdb_url")).populate()

    return make


@pytest.fixture(scope="session")
def service_on(world_on):
    """The address of a service with two workers on that store, started when it is first asked for."""
    with contextlib.ExitStack() as stack:

        @cache
        def start(engine: str) -> str:
            server = support.service(world_on(engine).environment).start()
            stack.callback(server.stop)
            return server.url

        yield start


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    """The name of each engine in turn."""
    return request.param


@pytest.fixture(scope="module")
def world(engine, world_on):
    """A populated store of each engine."""
    return world_on(engine)


@pytest.fixture(scope="module")
def base(engine, service_on):
    """The address of a service with two workers on that store."""
    return service_on(engine)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser of its own for each file, logged in nowhere."""
    # Most tests need none.
    from tests.browser import chromium

    with chromium(tmp_path_factory.mktemp("chromium")) as session:
        yield session


@pytest.fixture
def person(world, request):
    """A fresh account below the master account."""
    return make_person(world, request.node.name)


@pytest.fixture
def api(base, person):
    """A client of that account."""
    return support.Api(base, person)


def make_person(world, name="account", parent=None, level="admin"):
    """An account with a name and a realm that no other has."""
    number = f"{os.getpid()}-{next(_NUMBERS)}"
    return world.person(f"{name[:60]} {number}", f"a{number}.example.com", parent or world.master, level)
