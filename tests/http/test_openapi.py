"""The OpenAPI document against a running service, and the page that shows it in a browser."""

import json
import os
import re
import subprocess
import sys

import pytest
import requests

from app.documents.names import account_db, number_db
from tests import support

pytestmark = [pytest.mark.slow, pytest.mark.repeated]

PHASES = "examples,coverage,fuzzing" if support.often(0, 1) else "examples,fuzzing"
OPTIONS = f"--seed 1 --max-examples {support.often(1, 10)} --phases {PHASES}"
OPTIONS += " --checks is_as_documented"
OPTIONS += " --generation-database none --no-shrink --no-color --warnings off"
# What does not succeed in this world: credentials have to be good, and some is left to Kazoo or lacks a brand.
NEVER_SUCCEEDS = re.compile(r"/(user_auth|api_auth|shared_auth|auth/tokeninfo|whitelabel/.*)$")


@pytest.fixture(scope="module", params=["embedded", "couchdb"] if support.often(0, 1) else ["embedded"])
def engine(request):
    """What the document says is the same for each engine; `make test-long` tries both."""
    return request.param


@pytest.fixture(scope="module")
def service(world):
    """A service with everything that the document may describe."""
    settings = {"HISTORY": "true", "EXPLAIN": "true", "PBXS_API_URL": "https://api.example.com/v2"}
    server = support.service({**world.environment, **settings}).start()
    yield server.url
    server.stop()


def give_numbers(world, owner, numbers):
    for number in numbers:
        document = {
            "_id": number,
            "pvt_type": "number",
            "pvt_state": "in_service",
            "pvt_module_name": "knm_local",
            "pvt_assigned_to": owner.account_id,
        }
        world.store.create_db(number_db(number))
        world.store.save_doc(number_db(number), document)
        world.store.save_doc(account_db(owner.account_id), document)


def test_random_requests_get_what_the_document_says(world, service, person, tmp_path):
    numbers = [f"+1415{os.getpid() % 1000:03}{number:04}" for number in range(60)]
    give_numbers(world, person, numbers)
    caller = support.Api(service, world.master)
    created = caller.call("PUT", account_id=person.account_id).json()
    log, configuration = tmp_path / "log", tmp_path / "schemathesis.toml"
    callflow = {"_id": "main", "pvt_type": "callflow", "numbers": [numbers[0]]}
    world.store.save_doc(account_db(person.account_id), callflow)
    ids = {
        "account_id": person.account_id,
        "user_id": person.user["_id"],
        "callflow_id": callflow["_id"],
        "schema": "connectivity",
        "app_id": "pbxs",
    }
    lines = [f'"path.{name}" = "{value}"' for name, value in ids.items()]
    # Wrong values, in all combinations, would take minutes. The fuzzing phase has a choice of them.
    lines += ["[phases.coverage.generation]", 'mode = "positive"']
    configuration.write_text("\n".join(["[parameters]", *lines, ""]))
    particulars = {
        "log": str(log),
        "token": caller.token,
        "trunks": caller.url(account_id=person.account_id),
        "trunk": {"id": created["data"]["id"], "revision": created["revision"]},
        "number": numbers[0],
        "account_name": person.account["name"],
        "search": {"t": "account", "q": "name", "v": "a", "by_name": "a"},
        "spare_numbers": numbers[1:],
    }
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run"]
    command += [*OPTIONS.split(), "--header", f"X-Auth-Token: {caller.token}", f"{service}/openapi.json"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(support.ROOT),
        "SCHEMATHESIS_HOOKS": "tests.openapi_checks",
        "OPENAPI_WORLD": json.dumps(particulars),
    }
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert_all_was_reached(requests.get(f"{service}/openapi.json", timeout=120).json(), log.read_text("utf-8"))


def assert_all_was_reached(document, log):
    """Every operation that can succeed has succeeded, but for those that need good credentials."""
    answered = {tuple(line.rsplit(" ", 1)) for line in log.splitlines()}
    for path, item in document["paths"].items():
        for verb in item:
            operation = f"{verb.upper()} {path}"
            statuses = {status for name, status in answered if name == operation}
            assert statuses, f"{operation} was not sent"
            if {"200", "201"} & item[verb]["responses"].keys() and not NEVER_SUCCEEDS.search(path):
                assert statuses & {"200", "201"}, f"{operation} never succeeded: {statuses}"
