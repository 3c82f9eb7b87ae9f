"""Guesses at passwords are charged to the account that they are aimed at, wherever they come from."""

import pytest
import requests

from tests import support

pytestmark = pytest.mark.slow

GUESSES = 150


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """A service with rate limits, whose buckets of requests are not filled again while the tests run."""
    world = support.embedded_world(tmp_path_factory.mktemp("limited")).populate(rate_limited=True)
    world.configure("token_buckets", tokens_fill_rate=1, tokens_fill_time="day")
    world.victim = world.person("Victim", "victim.example.com", world.master)
    world.other = world.person("Other", "other.example.com", world.master)
    server = support.service(world.environment, workers=2).start()
    world.url = server.url
    yield world
    server.stop()


def guess(limited, address, **data):
    headers = {"X-Forwarded-For": address}
    body = {"data": {"credentials": "0" * 32, **data}}
    return requests.put(f"{limited.url}/v2/user_auth", json=body, headers=headers, timeout=120).status_code


def statuses_until_limited(status):
    """What `status(number)` gives for 0, 1, … until it is a 429. Two guesses a second become free meanwhile."""
    statuses = []
    while 429 not in statuses and len(statuses) < 10 * GUESSES:
        statuses.append(status(len(statuses)))
    return statuses


@pytest.mark.parametrize("network", [1, 2, 3])
def test_guesses_at_one_account_from_many_addresses_are_limited(limited, network):
    person = limited.person(f"Victim {network}", f"victim{network}.example.com", limited.master)
    data = {
        1: {"realm": person.realm},
        2: {"account_realm": person.realm.upper()},
        3: {"account_name": person.account["name"]},
    }[network]
    statuses = statuses_until_limited(
        lambda number: guess(limited, f"10.{network}.{number // 250}.{number % 250}", **data)
    )
    assert statuses[-1] == 429 and set(statuses[:-1]) == {401}


def test_guesses_with_basic_credentials_from_many_addresses_are_limited(limited):
    """With a text that is no hash the answer is the same, and so is the cost."""
    person = limited.person("Victim 5", "victim5.example.com", limited.master)
    url = f"{limited.url}/v2/accounts/{person.account_id}/connectivity"

    def status(number):
        headers = {"X-Forwarded-For": f"10.5.{number // 250}.{number % 250}"}
        return requests.get(url, auth=(person.account_id, f"{number:032x}"), headers=headers, timeout=120).status_code

    statuses = statuses_until_limited(status)
    assert statuses[-1] == 429 and set(statuses[:-1]) == {401}


def test_guesses_at_one_account_leave_the_others_and_those_with_a_token_alone(limited):
    api = support.Api(limited.url, limited.victim)
    for number in range(GUESSES):
        guess(limited, f"10.6.0.{number}", realm=limited.victim.realm)
    assert api.call("GET", headers={"X-Forwarded-For": "10.7.0.2"}).status_code == 200
    person = limited.other
    headers = {"X-Forwarded-For": "10.7.0.1"}
    data = {"credentials": person.credentials, "account_realm": person.realm}
    answer = requests.put(f"{limited.url}/v2/user_auth", json={"data": data}, headers=headers, timeout=120)
    assert answer.status_code == 201


def test_guesses_from_one_address_do_not_keep_the_account_from_others(limited):
    """By default an address may be wrong a hundred times at once, and the account is charged no faster."""
    person = limited.person("Victim 8", "victim8.example.com", limited.master)
    url = f"{limited.url}/v2/accounts/{person.account_id}/connectivity"

    def status(number):
        headers = {"X-Forwarded-For": "10.8.0.1"}
        return requests.get(url, auth=(person.account_id, f"{number:032x}"), headers=headers, timeout=120).status_code

    assert statuses_until_limited(status)[-1] == 429
    data = {"credentials": person.credentials, "account_realm": person.realm}

    def logs_in():
        headers = {"X-Forwarded-For": "10.8.0.2"}
        return requests.put(f"{limited.url}/v2/user_auth", json={"data": data}, headers=headers, timeout=120).ok

    # Two a second become free, and the one address takes one in two seconds.
    support.wait_until(logs_in)


def test_right_credentials_cost_nothing(limited):
    person = limited.person("Victim 9", "victim9.example.com", limited.master)
    url = f"{limited.url}/v2/accounts/{person.account_id}/connectivity"
    for number in range(GUESSES):
        headers = {"X-Forwarded-For": f"10.9.0.{number}"}
        auth = (person.account_id, person.credentials)
        assert requests.get(url, auth=auth, headers=headers, timeout=120).status_code == 200
