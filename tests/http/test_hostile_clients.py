"""Clients that try to stop the service or to make it work for nothing (docs/deploy.md has the limits)."""

import contextlib
import fcntl
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import termios

import pytest
import requests

from tests import support
from tests.http.test_broken_clients import (
    answer_to,
    assert_serving,
    connect,
    connections_that_sent,
    one_answer,
    ports_of,
    servers_ends,
    slow_reader,
    status_of,
)

pytestmark = pytest.mark.slow

VALIDATION = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def engine():
    """One engine is enough for what happens before the store is asked."""
    return "embedded"


@pytest.mark.parametrize(
    ("size", "status"),
    [(b"989681", 400), (b"fffffffff", 400), (b"ffffffff", 400), (b"-5", 400), (b"0x5", 400), (b"f" * 5000, 400)],
)
def test_a_chunk_that_is_too_large_is_refused_at_once(base, size, status):
    with connect(base) as client:
        client.sendall(VALIDATION + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
        # The chunk never comes, so only an answer at once is one.
        client.settimeout(120)
        assert status_of(client.recv(65536)) == status


def test_blank_lines_are_taken_together(base):
    """A megabyte of them before one request, and on a hundred connections that send nothing else."""
    request = b"GET /v2/schemas/user_auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert status_of(answer_to(base, b"\r\n" * 500_000 + request)) == 200
    with connections_that_sent(base, b"\r\n" * 4_096, count=100) as clients:
        assert_serving(base, clients)


def test_a_head_that_is_refused_for_load_has_no_body(base):
    received = answer_to(base, b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n" * 17)
    last = received.rpartition(b"HTTP/1.1 ")[2]
    assert last.startswith(b"503 ") and last.endswith(b"\r\n\r\n")


def test_sixteen_requests_may_wait_on_a_connection(base):
    request = b"GET /v2/schemas/user_auth HTTP/1.1\r\nHost: x\r\n\r\n"
    received = answer_to(base, request * 100)
    assert received.count(b"HTTP/1.1 200 OK\r\n") >= 16 and received.count(b"HTTP/1.1 503 ") == 1
    assert received.rpartition(b"HTTP/1.1 ")[2].startswith(b"503 ")


@pytest.mark.parametrize(
    ("chunk", "count"),
    [
        (b"1\r\nx\r\n", 100_000),
        (b"1" + b";x" * 20_000, 1),
        (b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * 5_000, 1),
    ],
)
def test_lines_between_chunks_have_a_limit(base, chunk, count):
    received = answer_to(base, VALIDATION + b"Transfer-Encoding: chunked\r\n\r\n", chunk * count)
    assert received == b"" or status_of(received) == 400
    assert_serving(base)


@pytest.mark.parametrize("line", [b"X:%s\x00", b"X: a%s\x00", b"X:%sa", b"X: a%sa", b"%sX: a"])
def test_a_line_of_spaces_is_refused_at_once(base, line):
    head = b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % (line % (b" " * 60_000))
    assert status_of(answer_to(base, head)) == 400
    assert_serving(base)


def test_dripping_chunks_occupy_no_thread(base):
    head = VALIDATION + b"Transfer-Encoding: chunked\r\n\r\n7a1200\r\n"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(base)) for _ in range(64)]
        for client in clients:
            client.sendall(head)
        for _ in range(5):
            for client in clients:
                client.sendall(b"x")
            assert_serving(base, clients)


def test_slow_readers_occupy_no_thread(world, person, tmp_path):
    log = tmp_path / "log"
    server = support.service({**world.environment, "TEST_LOG": str(log), "THREADS": "2"}, workers=1).start()
    try:
        api = support.Api(server.url, person)
        doc_id = api.create({"x": "y" * 7_000_000})
        path = api.url(f"/{doc_id}").removeprefix(server.url)
        get = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {api.token}\r\n\r\n".encode()
        with contextlib.ExitStack() as stack:
            clients = [slow_reader(stack, server.url, get) for _ in range(12)]
            assert_serving(server.url, clients)
    finally:
        server.stop()
    assert "Traceback" not in log.read_text()


def test_bytes_in_flight_have_a_limit_and_small_requests_pass(world, person):
    server = support.service({**world.environment, "MAX_BUFFERED": "32"}, workers=1).start()
    try:
        api = support.Api(server.url, person)
        head = f"X-Auth-Token: {api.token}\r\nContent-Length: 8000000\r\n\r\n".encode()
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connect(server.url)) for _ in range(6)]
            for client in clients[:4]:
                client.sendall(VALIDATION + head + b" " * 7_900_000)
            support.wait_until(lambda: are_read(clients[:4]), message="the server takes four bodies")
            with contextlib.suppress(ConnectionError):
                clients[4].sendall(VALIDATION + head + b" " * 7_900_000)
            refusal = one_answer(clients[4])
            assert status_of(refusal) == 503 and b"\r\nRetry-After: 1\r\n" in refusal
            assert json.loads(refusal.split(b"\r\n\r\n", 1)[1])["error"] == "503"
            assert_serving(server.url)
            assert api.call("PUT", json={"data": {"name": "small"}}).status_code == 201
        clients[5].close()
        support.wait_until(lambda: api.call("PUT", json={"data": {"x": "y" * 7_000_000}}).status_code == 201)
    finally:
        server.stop()


def are_read(clients):
    """Whether the server has read all that these clients have sent."""
    ends = servers_ends()
    return all(unsent(client) == 0 and ends.get(ports_of(client)) == 0 for client in clients)


def unsent(client):
    """How many bytes the server's kernel does not have yet."""
    return struct.unpack("i", fcntl.ioctl(client.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]


def test_clients_that_read_nothing_give_way_to_others(world, person):
    """Their connections can be closed only without waiting until something can be sent."""
    environment = {**world.environment, "GUNICORN_CMD_ARGS": "--worker-connections 20"}
    server = support.service(environment, workers=1).start()
    try:
        api = support.Api(server.url, person)
        path = api.url(f"/{api.create({'x': 'y' * 7_000_000})}").removeprefix(server.url)
        get = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {api.token}\r\n\r\n".encode()
        with contextlib.ExitStack() as stack:
            for _ in range(30):
                client = stack.enter_context(connect(server.url, buffer=4096))
                client.sendall(get)
                with contextlib.suppress(ConnectionError):
                    assert client.recv(1) == b"H"
            for _ in range(5):
                assert_serving(server.url)
    finally:
        server.stop()


@pytest.mark.parametrize("files", [1024, 64])
def test_more_connections_than_files(world, files, tmp_path):
    log = tmp_path / "log"
    port = support.free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--workers", "1"]
    limited = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
    environment = {**support.NO_SERVERS, **world.environment, "TEST_LOG": str(log)}
    server = support.Server(limited, f"http://127.0.0.1:{port}", environment).start()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        workers = server.pids()[1:]
        with contextlib.ExitStack() as stack:
            for _ in range(2 * files + 200):
                client = stack.enter_context(socket.socket())
                client.settimeout(120)
                client.connect(("127.0.0.1", port))
            for _ in range(5):
                assert_serving(server.url)
            # A connection that is in use is not among the oldest idle ones.
            with requests.Session() as session:
                for _ in range(20):
                    assert session.get(f"{server.url}/v2/schemas", timeout=120).status_code == 200
        assert server.pids()[1:] == workers
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        server.stop()


def test_the_file_limit_is_raised_at_the_start(world):
    port = support.free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--workers", "1"]
    limited = ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", *command]
    server = support.Server(limited, f"http://127.0.0.1:{port}", {**support.NO_SERVERS, **world.environment}).start()
    try:
        for pid in server.pids():
            with open(f"/proc/{pid}/limits") as limits:
                (line,) = (line for line in limits if line.startswith("Max open files"))
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            assert int(line.split()[3]) == (65536 if hard == resource.RLIM_INFINITY else min(hard, 65536))
    finally:
        server.stop()


def test_dripping_headers_cost_little(base):
    head = b"GET /v2/schemas HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(60))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(base)) for _ in range(20)]
        for client in clients:
            client.sendall(head)
        for _ in range(100):
            for client in clients:
                client.sendall(b"z")
        assert_serving(base, clients)


def test_many_errors_are_counted_not_listed(base):
    body = json.dumps({"data": {"servers": [1] * 100_000}}, separators=(",", ":"))
    answer = requests.put(f"{base}/v2/schemas/connectivity/validation", body, timeout=90)
    assert len(answer.content) < 300_000
    errors = answer.json()["data"]
    assert answer.status_code == 400 and len(errors) == 1001
    assert errors["data"] == {"maxErrors": {"message": "There are more errors than these", "target": 1000}}
    assert errors["servers.999"]["type"]["value"] == 1 and "servers.1000" not in errors


def test_a_body_without_a_token_is_small(base, person):
    body = json.dumps({"data": {"name": "x" * 300_000}})
    url = f"{base}/v2/schemas/connectivity/validation"
    for headers in ({}, {"X-Auth-Token": "no-token"}):
        answer = requests.put(url, body, headers=headers, timeout=120)
        assert answer.status_code == 400
        assert answer.json()["data"]["file"]["maxSize"]["target"] == 256_000
    token = support.Api(base, person).token
    for answer in (
        requests.put(url, body, headers={"X-Auth-Token": token}, timeout=120),
        requests.put(url, body, params={"auth_token": token}, timeout=120),
    ):
        assert answer.status_code == 201


def test_ten_thousand_dids(world, person, tmp_path):
    log = tmp_path / "log"
    server = support.service({**world.environment, "TEST_LOG": str(log)}, workers=1).start()
    try:
        api = support.Api(server.url, person)
        dids = {f"+1415{number:07d}": {} for number in range(10_000)}
        document = {"servers": [{**support.server_with(), "DIDs": dids}]}
        api.create(document)
        before = log.stat().st_size
        doc_id = api.create(document)
        assert log.stat().st_size - before < 10_000
        assert doc_id in api.call("GET").json()["data"]
    finally:
        server.stop()


def test_a_document_of_two_thousand_dids_is_in_the_list(base, person):
    api = support.Api(base, person)
    dids = {f"+1415{number:07d}": {"failover": {"e164": "+14155550100"}, "x": "y" * 150} for number in range(2000)}
    doc_id = api.create({"name": "large", "servers": [{**support.server_with(), "DIDs": dids}]})
    assert doc_id in api.call("GET").json()["data"]


def test_a_long_start_key(base, person):
    api = support.Api(base, person)
    answer = api.call("GET", params={"start_key": "x" * 4097})
    assert answer.status_code == 400 and "maxLength" in answer.json()["data"]["start_key"]
    assert api.call("GET", params={"start_key": "x" * 4096}).status_code == 200


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    """A service with Kazoo's rate limits, whose buckets are not filled again while the tests run."""
    world = support.embedded_world(tmp_path_factory.mktemp("limited")).populate(rate_limited=True)
    world.configure("token_buckets", tokens_fill_rate=1, tokens_fill_time="day")
    server = support.service(world.environment, workers=2).start()
    yield server.url
    server.stop()


def test_guesses_at_changing_accounts_are_limited(limited):
    statuses = [
        requests.put(
            f"{limited}/v2/accounts/{number:032x}/user_auth",
            json={"data": {"credentials": "0" * 32, "account_name": "x"}},
            timeout=120,
        ).status_code
        for number in range(300)
    ]
    assert 429 in statuses and set(statuses) <= {400, 401, 404, 429}


def test_unparsable_bodies_are_charged_before_they_are_read(limited):
    url = f"{limited}/v2/schemas/connectivity/validation"
    statuses = [requests.put(url, b"[" + b"1," * 100_000, timeout=120).status_code for _ in range(101)]
    assert statuses[-1] == 429 and set(statuses) <= {400, 429}


def test_half_scrapes_leave_the_exporter_answering(world):
    port = support.free_port()
    server = support.service({**world.environment, "METRICS_PORT": str(port)}, workers=1).start()
    try:
        metrics = f"http://127.0.0.1:{port}"
        for part in (b"", b"GET /metrics HTTP/1.1\r\n"):
            with connections_that_sent(metrics, part, count=300):
                assert requests.get(f"{metrics}/metrics", timeout=120).status_code == 200
                assert len(os.listdir(f"/proc/{server.pids()[0]}/task")) < 50
    finally:
        server.stop()


def test_the_exporter_listens_on_the_loopback_only(world):
    port = support.free_port()
    server = support.service({**world.environment, "METRICS_PORT": str(port), "HOST": "0.0.0.0"}, workers=1).start()
    try:
        listening = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
        assert f"0100007F:{port:04X}" in listening and f"00000000:{port:04X}" not in listening
    finally:
        server.stop()
