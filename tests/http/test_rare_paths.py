"""Paths that few clients use, below the nouns that UIs read. The answers are Kazoo's."""

import pytest
import requests

pytestmark = pytest.mark.slow


@pytest.fixture
def ask(base, api, person):
    """A request of the account's admin, to a path below the account. Status and envelope."""

    def send(method, path, version="v2", root=None):
        url = f"{base}/{version}/{root if root is not None else f'accounts/{person.account_id}/'}{path}"
        answer = requests.request(method, url, headers={"X-Auth-Token": api.token}, timeout=120)
        return answer.status_code, answer.json()

    return send


def without_particulars(envelope):
    return {name: envelope[name] for name in ("data", "error", "message", "status") if name in envelope}


def bad_identifier(**data):
    return {
        "data": {"message": "bad identifier", **data},
        "error": "404",
        "message": "bad_identifier",
        "status": "error",
    }


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("apps_store/nothing", {"details": "nothing"}),
        ("alerts/nothing", {"cause": "nothing"}),
        ("callflows/nothing", {"cause": "nothing"}),
        ("users/nothing", {"cause": "nothing"}),
    ],
)
def test_what_is_missing(ask, path, data):
    status, envelope = ask("GET", path)
    assert (status, without_particulars(envelope)) == (404, bad_identifier(**data))


def test_a_ledger_without_entries_has_no_pages(ask):
    status, envelope = ask("GET", "ledgers/rollovers")
    assert (status, envelope["data"]) == (200, [])
    assert not {"page_size", "start_key", "next_start_key"} & envelope.keys()


def test_a_token_in_the_path_of_user_auth(ask, api):
    assert ask("GET", f"user_auth/{api.token}", root="")[0] == 403
    status, envelope = ask("GET", "user_auth/another", root="")
    assert (status, envelope["message"]) == (401, "invalid_credentials")


def test_version_1_takes_for_numbers_what_it_does_not_know(ask):
    refused = {"data": "not_reconcilable", "error": "400", "message": "client error", "status": "error"}
    for method, path in (("GET", "abc"), ("GET", "carriers_info"), ("POST", "abc"), ("POST", "fix")):
        status, envelope = ask(method, f"phone_numbers/{path}", "v1")
        assert (method, path, status, without_particulars(envelope)) == (method, path, 400, refused)
    assert ask("GET", "phone_numbers/classifiers", "v1")[0] == 200
    assert ask("GET", "phone_numbers/classifiers/+14155550100", "v1")[0] == 404
    assert ask("GET", "phone_numbers/carriers_info")[0] == 200
    assert ask("GET", "phone_numbers/classifiers/+14155550100")[0] == 200
    assert ask("GET", "phone_numbers/abc")[0] == 404
    assert ask("POST", "phone_numbers/fix")[0] == 409
