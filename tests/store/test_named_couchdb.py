"""The CouchDB that TEST_COUCHDB_URL and BENCH_COUCHDB_URL name is somebody's."""

import pytest
import requests

from tests import support

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def named():
    with support.couchdb_or_skip() as url:
        yield url


def test_one_with_databases_is_refused_and_left_alone(named):
    requests.put(f"{named}/customers", timeout=120).raise_for_status()
    with pytest.raises(support.NoCouchDB, match="somebody's"), support.couchdb(named):
        pass
    assert "customers" in requests.get(f"{named}/_all_dbs", timeout=120).json()
    requests.delete(f"{named}/customers", timeout=120).raise_for_status()


def test_an_empty_one_is_empty_again_afterwards(named):
    before = requests.get(f"{named}/_all_dbs", timeout=120).json()
    with pytest.raises(ZeroDivisionError), support.couchdb(f"{named}/") as url:
        requests.put(f"{url}/account%2Faa%2Fbb%2Fcc", timeout=120).raise_for_status()
        raise ZeroDivisionError
    assert requests.get(f"{named}/_all_dbs", timeout=120).json() == before
