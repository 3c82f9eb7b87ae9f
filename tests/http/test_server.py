"""The HTTP server and Flask as their users know them: other workers, settings, signals, the test client."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from flask import Blueprint, request

from app import create_app
from app.settings import Settings
from app.store.embedded.store import FILE_NAME
from tests import support
from tests.http.test_broken_clients import connect, one_answer, status_of
from tests.recordings.replay import over_http, replay_all

pytestmark = pytest.mark.slow

# A worker that ends has all the time it needs for its last answers.
NO_HURRY = {"GUNICORN_CMD_ARGS": "--graceful-timeout 3600"}


@pytest.fixture(scope="module")
def engine():
    """One engine is enough for what happens before the store is asked."""
    return "embedded"


# Flask


def test_a_trunks_life_by_flasks_test_client(world, person):
    client = create_app(Settings(data_dir=world.environment["DATA_DIR"])).test_client()
    data = {"credentials": person.credentials, "account_realm": person.realm}
    token = client.put("/v2/user_auth", json={"data": data}).json["auth_token"]
    headers = {"X-Auth-Token": token}
    trunks = f"/v2/accounts/{person.account_id}/connectivity"

    created = client.put(trunks, json={"data": {"id": "a b%c", "name": "HQ"}}, headers=headers)
    assert created.status_code == 201
    trunk = created.headers["location"]
    assert trunk == f"{trunks}/a%20b%2525c"
    assert client.get(trunks, headers=headers).json["data"] == ["a b%c"]
    read = client.get(trunk, headers=headers)
    assert read.json["data"]["name"] == "HQ"
    assert client.get(trunk, headers={**headers, "If-None-Match": read.headers["etag"]}).status_code == 304
    assert client.post(trunk, json={"data": {"name": 5}}, headers=headers).status_code == 400
    assert client.post(trunk, json={"data": {"name": "New"}}, headers=headers).json["data"]["name"] == "New"
    patched = client.patch(trunk, json={"data": {"account": {"trunks": 2}}}, headers=headers).json["data"]
    assert patched["name"] == "New" and patched["account"]["trunks"] == 2
    assert client.delete(trunk, headers=headers).status_code == 200
    assert client.get(trunk, headers=headers).status_code == 404


def test_flask_is_as_people_expect(world, person):
    app = create_app(Settings(data_dir=world.environment["DATA_DIR"]))
    seen = []

    @app.before_request
    def see():
        seen.append((request.endpoint, request.blueprint))

    @app.teardown_request
    def end(error):
        seen.append("end")

    mine = Blueprint("mine", __name__)

    @mine.get("/mine")
    def fail():
        raise LookupError("mine")

    app.register_blueprint(mine)

    @app.errorhandler(LookupError)
    def answer(error):
        return f"{error}", 418

    client = app.test_client()
    assert client.get("/v2/schemas").status_code == 200
    assert seen == [("crossbar.answer", "crossbar"), "end"]
    assert (client.get("/mine").status_code, client.get("/mine").text) == (418, "mine")
    assert client.get("/v2/schemas", base_url="http://other.example.com:81").status_code == 200
    app.config["SERVER_NAME"] = "this.example.com"
    with app.app_context():
        assert app.url_for("health.answer_health") == "http://this.example.com/health"
    assert client.get("/v2/schemas").status_code == 200


def test_a_fault_is_kazoos_500_and_a_traceback_while_debugging(world, monkeypatch):
    def fail(context):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("app.pipeline.STAGES", (fail,))
    app = create_app(Settings(data_dir=world.environment["DATA_DIR"]))
    answer = app.test_client().get("/v2/schemas")
    assert answer.status_code == 500 and answer.json["message"] == "init failed"
    app.testing = True
    with pytest.raises(ZeroDivisionError, match="planted"):
        app.test_client().get("/v2/schemas")


def test_the_path_of_a_request_that_fails_is_logged_without_its_token(world, monkeypatch, caplog):
    def fail(context):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("app.pipeline.STAGES", (fail,))
    app = create_app(Settings(data_dir=world.environment["DATA_DIR"]))
    app.test_client().get("/v2/user_auth/" + "t0ken" * 20)
    assert "/v2/user_auth/…" in caplog.text and "planted" in caplog.text and "t0ken" not in caplog.text


@pytest.mark.parametrize("path", ["//health", "/%2fhealth", "///console", "//docs", "//openapi.json", "/docs/"])
def test_paths_with_more_slashes_are_crossbars(world, path):
    app = create_app(Settings(data_dir=world.environment["DATA_DIR"]))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path.replace("%2f", "/"), "RAW_URI": path}
    answer = app.test_client().open(environ_overrides=environ)
    assert answer.status_code == 200 and answer.content_type == "text/plain; charset=UTF-8"


def test_an_offer_of_a_websocket_need_not_be_taken(world):
    app = create_app(Settings(data_dir=world.environment["DATA_DIR"]))
    offer = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert app.test_client().get("/v2/schemas", headers=offer).status_code == 200


def test_flask_lists_the_routes(world):
    command = [sys.executable, "-m", "flask", "--app", "app", "routes"]
    environment = {**support.NO_SERVERS, **world.environment, "PATH": ""}
    routes = subprocess.run(
        command, cwd=support.ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "crossbar.answer" in routes and "/<any_path:path>" in routes and "health.answer_health" in routes


# gunicorn


@pytest.mark.parametrize("kind", ["gthread", "sync"])
def test_gunicorns_own_workers_serve_the_recorded_conversation(kind, tmp_path):
    environment = {**support.NO_SERVERS, "DATA_DIR": str(tmp_path)}
    support.run(environment, "import", str(support.RECORDINGS / "fixtures.jsonl"))
    port = support.free_port()
    command = [sys.executable, "-m", "gunicorn", "app:create_app()", "--worker-class", kind, "--threads", "4"]
    server = support.Server(
        [*command, "--bind", f"127.0.0.1:{port}"], f"http://127.0.0.1:{port}", environment
    ).start()
    try:
        outcomes = replay_all([support.RECORDINGS / "transcripts/crud.json"], over_http(server.url))
        assert len(outcomes) > 20 and not any(outcome.differences or outcome.other_order for _, outcome in outcomes)
    finally:
        server.stop()


def test_settings_of_gunicorn_come_from_its_variable(world, tmp_path):
    path = tmp_path / "socket"
    arguments = f"--bind unix:{path} --bind 127.0.0.1:{(port := support.free_port())} --max-requests 3 --workers 1"
    environment = {**world.environment, "GUNICORN_CMD_ARGS": arguments}
    server = support.service(environment, workers=2)
    server.workers = 1
    server.url = f"http://127.0.0.1:{port}"
    server.start()
    try:
        (worker,) = server.pids()[1:]
        with contextlib.closing(unix_connection(path)) as connection:
            connection.sendall(b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status_of(one_answer(connection)) == 200
        for _ in range(3):
            assert requests.get(f"{server.url}/v2/schemas", timeout=120).status_code == 200
        support.wait_until(lambda: worker not in server.pids(), message="a worker that has served enough ends")
        assert requests.get(f"{server.url}/v2/schemas", timeout=120).status_code == 200
    finally:
        server.stop()


NEWBORN = """
import os, pathlib, time
from app.server import Worker

class Newborn(Worker):
    def init_process(self):
        pathlib.Path(os.environ["BORN"]).touch()
        while True:
            time.sleep(60)
"""


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_does_not_serve_yet_delays_no_end(world, tmp_path, sign):
    """It has not come as far as its own handlers of signals. Whoever waits for it would wait as long as gunicorn may."""
    (tmp_path / "newborn.py").write_text(NEWBORN)
    environment = {
        **world.environment,
        "PYTHONPATH": str(tmp_path),
        "BORN": str(tmp_path / "born"),
        "GUNICORN_CMD_ARGS": "--worker-class newborn.Newborn --graceful-timeout 86400",
    }
    server = support.service(environment, workers=1)
    server.process = server._launched()
    try:
        support.wait_until((tmp_path / "born").exists, message="a worker")
        server.process_signal(sign)
        assert server.process.wait(120) == 0
    finally:
        server.kill()


def unix_connection(path):
    import socket

    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(120)
    connection.connect(str(path))
    return connection


@pytest.mark.parametrize("sign", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_loses_no_request_that_has_arrived(world, person, sign):
    """Requests wait on open connections, and in the kernel's queue of those that nobody has accepted."""
    server = support.service({**world.environment, **NO_HURRY, "THREADS": "2"}, workers=1).start()
    api = support.Api(server.url, person)
    body = json.dumps({"data": {"name": "during"}}).encode()
    path = api.url().removeprefix(server.url)
    put = f"PUT {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {api.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    put = put.encode() + body
    before = len(api.call("GET", params={"paginate": "false"}).json()["data"])
    try:
        with contextlib.ExitStack() as stack:
            kept = [stack.enter_context(connect(server.url)) for _ in range(20)]
            for connection in kept:
                connection.sendall(b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\n\r\n")
                one_answer(connection)
            (worker,) = server.pids()[1:]
            # Nothing is read while it stands still, and all has arrived before it gets the signal.
            subprocess.run(["kill", "-STOP", str(worker)], check=True)
            fresh = [stack.enter_context(connect(server.url)) for _ in range(20)]
            for connection in [*kept, *fresh]:
                connection.sendall(put)
            server.process_signal(sign)
            time.sleep(0.3)
            subprocess.run(["kill", "-CONT", str(worker)], check=True)
            statuses = [status_of(one_answer(connection)) for connection in [*kept, *fresh]]
        assert set(statuses) == {201}
        if sign == signal.SIGTERM:
            server.process.wait(120)
            server.start()
        after = len(api.call("GET", params={"paginate": "false"}).json()["data"])
        assert after - before == statuses.count(201)
    finally:
        server.stop()


def test_a_request_that_waits_too_long_for_a_thread_is_refused_and_nothing_is_done(tmp_path):
    world = support.embedded_world(tmp_path).populate()
    person = world.person("p", "p.example.com", world.master)
    environment = {**world.environment, "THREADS": "1", "QUEUE_SECONDS": "0.2"}
    server = support.service(environment, workers=1).start()
    try:
        api = support.Api(server.url, person)
        with ThreadPoolExecutor(40) as pool, contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
            # Whoever writes waits for this, and holds the only thread.
            other.execute("BEGIN IMMEDIATE")
            writes = []

            def refusals():
                writes.append(pool.submit(api.call, "PUT", data={"name": "t"}))
                answers = [write.result() for write in writes if write.done()]
                return [answer for answer in answers if "Retry-After" in answer.headers]

            refused = support.wait_until(refusals, message="a refusal")[0]
            other.rollback()
            statuses = [write.result().status_code for write in writes]
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json()["data"] == {"message": "too many requests at once"}
        assert len(api.call("GET", params={"paginate": "false"}).json()["data"]) == statuses.count(201)
    finally:
        server.stop()


def test_no_request_of_a_busy_client_is_lost_while_workers_are_replaced(world):
    server = support.service({**world.environment, **NO_HURRY}, workers=2).start()
    is_over, failures, counts = threading.Event(), [], []

    def ask():
        count = 0
        while not is_over.is_set():
            try:
                count += requests.get(f"{server.url}/v2/schemas", timeout=120).status_code == 200
            except requests.RequestException as error:
                failures.append(error)
        counts.append(count)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    try:
        for client in clients:
            client.start()
        for _ in range(3):
            workers = set(server.pids()[1:])
            server.process_signal(signal.SIGHUP)
            support.wait_until(lambda gone=workers: not gone & set(server.pids()), message="new workers")
    finally:
        is_over.set()
        for client in clients:
            client.join()
        server.stop()
    assert not failures and min(counts) > 3


def test_an_instance_that_will_stop_says_so_and_serves_on(world, person):
    server = support.service({**world.environment, "DRAIN_SECONDS": "3600"}).start()
    try:
        assert requests.get(f"{server.url}/health/ready", timeout=120).json()["status"] == "ok"
        server.process_signal(signal.SIGTERM)

        def told():
            answer = requests.get(f"{server.url}/health/ready", timeout=120)
            return answer.status_code == 503 and answer.json()["status"]

        assert support.wait_until(told, message="the state of the instance") == "stopping"
        assert requests.get(f"{server.url}/health/live", timeout=120).status_code == 200
        assert support.Api(server.url, person).call("GET").status_code == 200
    finally:
        server.kill()
