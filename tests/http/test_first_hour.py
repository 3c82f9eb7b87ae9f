"""What somebody meets in the first hour: the README's example, a port that is taken, a folder that is not theirs."""

import os
import re
import socket
import sqlite3
import subprocess

import pytest
import requests

from tests import support

pytestmark = pytest.mark.slow


@pytest.fixture
def demo(tmp_path):
    """`serve --demo` in an empty folder, with its data in `data`, as `make run` has it."""
    server = support.service({"DATA_DIR": "data"}, demo=True)
    server.cwd = tmp_path
    yield server.start()
    server.stop()


def variables(folder):
    return dict(line.split("=", 1) for line in (folder / "data/demo.env").read_text().splitlines())


def example():
    """The README's first block for a shell."""
    return re.search(r"```sh\n(\. data/demo\.env\n.*?)```", (support.ROOT / "README.md").read_text(), re.DOTALL)[1]


def client(known):
    """What reads and writes the demonstration account's trunks."""
    answer = requests.put(f"{known['URL']}/api_auth", json={"data": {"api_key": known["API_KEY"]}}, timeout=120)
    token, root = answer.json()["auth_token"], f"{known['URL']}/accounts/{known['ACCOUNT_ID']}/connectivity"

    def ask(method, path="", data=None):
        body = None if data is None else {"data": data}
        return requests.request(method, root + path, json=body, headers={"X-Auth-Token": token}, timeout=120).json()

    return ask


def test_the_example_touches_only_the_trunk_that_it_made(demo, tmp_path):
    ask = client(variables(tmp_path))
    ids = [ask("PUT", data={"name": f"trunk {number}"})["data"]["id"] for number in range(6)]
    before = {each: ask("GET", f"/{each}") for each in ids}
    ended = subprocess.run(["sh", "-ec", example()], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    answers = support.json_lines(ended.stdout)
    assert [answer["status"] for answer in answers] == ["success"] * 5, ended.stdout + ended.stderr
    assert answers[-1]["data"]["_read_only"] == {"deleted": True}
    (made,) = {answer["data"]["id"] for answer in answers}
    assert made not in ids and sorted(ask("GET")["data"]) == sorted(ids)
    assert {each: ask("GET", f"/{each}")["revision"] for each in ids} == {
        each: answer["revision"] for each, answer in before.items()
    }


def test_the_page_at_the_root_has_the_examples_of_make_run(demo):
    html = requests.get(f"{demo.url}/", headers={"Accept": "text/html"}, timeout=120).text
    assert "make run" in html and ". data/demo.env" in html and "API_KEY=…" not in html


def test_the_example_goes_to_the_service_that_was_started_last(demo, tmp_path):
    first = variables(tmp_path)
    demo.stop()
    again = support.service({"DATA_DIR": str(tmp_path / "data")}, demo=True).start()
    try:
        assert variables(tmp_path) == {**first, "URL": f"{again.url}/v2"} and again.url != demo.url
        assert (tmp_path / "data/demo.env").stat().st_mode & 0o077 == 0
    finally:
        again.stop()


def test_a_port_that_is_taken_is_one_line_and_creates_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        error = support.run({"DATA_DIR": str(tmp_path / "data")}, "serve", "--demo", "--port", port, code=1)
    assert error == f"error: 127.0.0.1, port {port}: Address already in use. PORT and HOST name another address\n"
    assert not (tmp_path / "data").exists()


def test_what_is_printed_comes_once_the_service_listens(tmp_path):
    log = tmp_path / "log"
    server = support.service(
        {"DATA_DIR": str(tmp_path / "data"), "TEST_LOG": str(log), "LOG_LEVEL": "INFO"}, demo=True
    )
    try:
        server.start()
        lines = log.read_text().splitlines()
    finally:
        server.stop()
    (start,) = (number for number, line in enumerate(lines) if "kazoo-connectivity " in line)
    (console,) = (number for number, line in enumerate(lines) if line.startswith("The console is at "))
    (listening,) = (number for number, line in enumerate(lines) if "Listening at" in line)
    assert listening < min(start, console)
    for words in ("2 workers", "embedded store in ", "no AMQP_URL", server.url.removeprefix("http://")):
        assert words in lines[start]


@pytest.mark.parametrize(
    "arguments", [("audit", "--all"), ("serve",), ("create-account", "A", "--realm", "a.example.com")]
)
def test_root_does_not_work_in_the_folder_of_another_user(tmp_path, arguments):
    if os.geteuid():
        pytest.skip("only root could make files there that their owner cannot open")
    os.chown(tmp_path, 65534, 65534)
    error = support.run({"DATA_DIR": str(tmp_path)}, *arguments, code=2 if "audit" in arguments else 1)
    assert f"{tmp_path} belongs to nobody" in error and "runuser -u nobody" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("serve",), ("export",), ("create-account", "A", "--realm", "a.example.com")])
def test_a_store_of_a_newer_version_is_refused(tmp_path, arguments):
    support.embedded_world(tmp_path)
    with sqlite3.connect(tmp_path / "store.sqlite3") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        connection.execute("PRAGMA user_version = 2")
    error = support.run({"DATA_DIR": str(tmp_path)}, *arguments, code=1)
    assert error == f"error: {tmp_path}/store.sqlite3 was written by a newer version (format 2; this one has 1)\n"
