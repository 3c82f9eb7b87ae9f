"""Clients that are slow, broken or malicious, over raw sockets."""

import contextlib
import itertools
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests import support

pytestmark = pytest.mark.slow

# Linux's state of a connection.
ESTABLISHED = "01"


@pytest.fixture(scope="module")
def engine():
    """One engine is enough: it is the server in front of it that is tried here."""
    return "embedded"


def connect(base, buffer=None):
    """A connection that takes no more than so many bytes unread."""
    host, port = base.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.settimeout(120)
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.connect((host, int(port)))
    return connection


@contextlib.contextmanager
def connections_that_sent(base, part, count=200):
    """This many connections stay open after they sent only this."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(base)) for _ in range(count)]
        for client in clients:
            client.sendall(part)
        yield clients


def slow_reader(stack, base, sent):
    """A client that reads no more than the beginning of its answer."""
    client = stack.enter_context(connect(base, buffer=4096))
    client.sendall(sent)
    assert client.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
    return client


def answer_to(base, *parts, pause=0.0):
    """All bytes that come back after these parts are sent; b"" for a closed connection."""
    with connect(base) as connection:
        # The server may have refused what it got and closed the connection.
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(65536):
                received += data
        return received


def status_of(received):
    return int(received.split(b" ", 2)[1]) if received else None


def assert_refused(received):
    """A closed connection or a 4xx."""
    assert received == b"" or 400 <= status_of(received) < 500, received[:200]


def assert_serving(base, clients=()):
    """Others are answered, and while these clients are still connected: nobody had to wait until they were gone."""
    assert requests.get(f"{base}/v2/schemas", timeout=120).status_code == 200
    # A list of the kernel's that changes while it is read may lack a line.
    assert any(are_connected(clients) for _ in range(5)), "the server answered only after it had closed a connection"


def are_connected(clients):
    """Whether the server's ends of connections are open. At the clients' ends, unread data may come before the end."""
    ends = servers_ends()
    try:
        return all(ports_of(client) in ends for client in clients)
    except OSError:
        # It has been reset.
        return False


def servers_ends():
    """How many bytes wait to be read at the ends of established connections, by the ports there and at the other end."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        tuple(int(end.partition(":")[2], 16) for end in line[1:3]): int(line[4].partition(":")[2], 16)
        for line in lines
        if line[3] == ESTABLISHED
    }


def ports_of(client):
    """Of the server and of this client."""
    return client.getpeername()[1], client.getsockname()[1]


@pytest.mark.parametrize("part", [b"", b"GE", b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\n", b"\r\n"])
def test_hundreds_of_half_requests_leave_the_server_answering(base, part):
    with connections_that_sent(base, part) as clients:
        for _ in range(5):
            assert_serving(base, clients)


def test_half_a_body_leaves_the_server_answering(base):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    with connections_that_sent(base, head) as clients:
        assert_serving(base, clients)


def test_a_request_byte_by_byte_is_answered(base):
    request = b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    received = answer_to(base, *(request[i : i + 1] for i in range(len(request))), pause=0.001)
    assert status_of(received) == 200


def test_many_headers(base):
    """At most 200 lines, which are at most 64 KiB."""
    last = b"Connection: close\r\n\r\n"
    for count, length, status in ((150, 100, 200), (1000, 1, 400), (100, 1000, 431)):
        headers = b"".join(b"X-%d: %s\r\n" % (number, b"y" * length) for number in range(count))
        assert status_of(answer_to(base, b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\n" + headers + last)) == status
    assert_serving(base)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Transfer-Encoding: chunked\r\n", 201),
        (b"transfer-ENCODING:Chunked \r\n", 201),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 11\r\n", 400),
        (b"Transfer-Encoding:\r\nContent-Length: 11\r\n", 501),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501),
        (b"Transfer-Encoding: chunked, chunked\r\n", 501),
        (b"Transfer-Encoding: gzip\r\n", 501),
        (b"Transfer-Encoding: xchunked\r\n", 501),
        (b"Transfer-Encoding : chunked\r\n", 400),
    ],
)
def test_a_body_ends_in_one_way_only(base, headers, status):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    assert status_of(answer_to(base, head + headers + b"\r\n" + b'b\r\n{"data":{}}\r\n0\r\n\r\n')) == status


def test_urgent_data_closes_the_connection(base):
    with connect(base) as connection:
        connection.send(b"x", socket.MSG_OOB)
        connection.settimeout(120)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(10) == b""
    assert_serving(base)


def test_a_client_that_pipelines_and_reads_nothing_occupies_no_thread(world):
    server = support.service({**world.environment, "THREADS": "1"}, workers=1).start()
    try:
        with contextlib.ExitStack() as stack:
            sent = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 100
            clients = [slow_reader(stack, server.url, sent) for _ in range(4)]
            for _ in range(5):
                assert_serving(server.url, clients)
    finally:
        server.stop()


def test_a_hundred_megabytes(base):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n"
    received = answer_to(base, head, *([b"x" * 1048576] * 100))
    assert_refused(received)
    if received:
        assert b'"maxSize":{"target":256000' in received
    assert_serving(base)


def test_a_hundred_megabytes_of_chunks(base):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert_refused(answer_to(base, head, *([b"100000\r\n" + b"x" * 1048576 + b"\r\n"] * 100), b"0\r\n\r\n"))
    assert_serving(base)


def test_chunked_bodies_are_read(base):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    body = b'5\r\n{"dat\r\n14\r\na":{"name":"chunks"}\r\n1\r\n}\r\n0\r\n\r\n'
    received = answer_to(base, head + b"Connection: close\r\n\r\n", body, pause=0.1)
    assert status_of(received) == 201 and b'"name":"chunks"' in received
    for broken in (b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n", b"5\r\n{}"):
        assert_refused(answer_to(base, head + b"\r\n", broken))


@pytest.mark.parametrize("trailer", [b"no colon", b"X y: z", b"X: a\rb", b": z"])
def test_malformed_trailers_are_refused(base, trailer):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b'b\r\n{"data":{}}\r\n0\r\n'
    assert status_of(answer_to(base, head + body + b"X-Sum: 1\r\n\r\n")) == 201
    assert status_of(answer_to(base, head + body + trailer + b"\r\n\r\n")) == 400


@pytest.mark.waits
def test_a_chunk_that_never_comes(base):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"
    with connect(base) as connection:
        connection.sendall(head)
        assert_serving(base)
        connection.settimeout(120)
        assert_refused(connection.recv(65536))


def test_dripping_chunks_and_expectations_leave_the_server_answering(base):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\n"
    for half in (
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    ):
        with connections_that_sent(base, head + half) as clients:
            for _ in range(5):
                assert_serving(base, clients)


def test_what_is_no_request_is_repeated_neither_in_the_log_nor_in_the_answer(world, tmp_path):
    log = tmp_path / "log"
    server = support.service({**world.environment, "TEST_LOG": str(log), "LOG_LEVEL": "DEBUG"}).start()
    try:
        for request in (
            b"GET /v2/x?filter_name=HQ Berlin&auth_token=s3cret HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /v2/x HTTP/1.1\r\nHost: x\r\nX-Auth-Token s3cret\r\n\r\n",
            b"GET /v2/x HTTP/1.1\r\nHost: x\r\nX Auth Token: s3cret\r\n\r\n",
            b"s3cret /v2/x HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            received = answer_to(server.url, request)
            assert status_of(received) in (400, 501) and b"s3cret" not in received
    finally:
        server.stop()
    text = log.read_text()
    assert "malformed or unsupported request from 127.0.0.1" in text and "s3cret" not in text


def test_pipelined_requests_are_answered_in_order(base):
    requests_sent = b"".join(
        b"GET /v2/schemas/%s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (name, b"Connection: close\r\n" if last else b"")
        for name, last in ((b"connectivity", False), (b"user_auth", False), (b"api_auth", True))
    )
    received = answer_to(base, requests_sent)
    positions = [received.find(b'"id":"%s"' % name) for name in (b"connectivity", b"user_auth", b"api_auth")]
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert -1 < positions[0] < positions[1] < positions[2]


def one_answer(connection):
    """The next answer on a connection that stays open."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += some_bytes(connection)
    length = int(received.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(received.split(b"\r\n\r\n", 1)[1]) < length:
        received += some_bytes(connection)
    return received


def some_bytes(connection):
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("closed in the middle of an answer")
    return data


def test_one_connection_for_requests_that_come_at_once_in_parts_and_late(base):
    request = b"GET /v2/schemas/user_auth HTTP/1.1\r\nHost: x\r\n\r\n"
    with connect(base) as connection:
        for pauses in ((0, 0), (0, 0), (0, 0.0005), (0, 0.05), (0.05, 0), (0.0005, 0.0005), (0, 0)):
            for part, pause in zip((request[:20], request[20:]), pauses, strict=True):
                connection.sendall(part)
                time.sleep(pause)
            answer = one_answer(connection)
            assert status_of(answer) == 200 and b'"id":"user_auth"' in answer


def test_the_connection_stays_after_a_304_unless_the_client_wants_otherwise(base):
    request = b"GET /v2/schemas/user_auth HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n"
    with connect(base) as connection:
        for last in (b"", b"", b"Connection: close\r\n"):
            connection.sendall(request + last + b"\r\n")
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += some_bytes(connection)
            assert status_of(answer) == 304 and b"content-length" not in answer.lower()
            assert (b"\r\nConnection: close\r\n" in answer) is bool(last)
        assert connection.recv(10) == b""


def test_a_busy_client_leaves_the_only_thread_to_others(world):
    server = support.service({**world.environment, "THREADS": "1"}, workers=1).start()
    is_over, answered_often = threading.Event(), threading.Event()

    def keep_busy():
        with connect(server.url) as connection:
            for answered in itertools.count(1):
                connection.sendall(b"GET /v2/schemas/user_auth HTTP/1.1\r\nHost: x\r\n\r\n")
                assert status_of(one_answer(connection)) == 200
                if answered > 20:
                    answered_often.set()
                if is_over.is_set():
                    return

    try:
        with ThreadPoolExecutor(1) as pool:
            busy = pool.submit(keep_busy)
            try:
                for _ in range(20):
                    assert_serving(server.url)
                # The others leave the thread to the busy client, too, however long its turn takes to come.
                while not (answered_often.is_set() or busy.done()):
                    assert_serving(server.url)
            finally:
                is_over.set()
            busy.result()
            assert answered_often.is_set()
    finally:
        server.stop()


def test_requests_followed_by_half_of_the_next_leave_the_server_answering(base):
    whole = b"GET /v2/schemas/user_auth HTTP/1.1\r\nHost: x\r\n\r\n"
    with connections_that_sent(base, whole + whole[:10], count=100):
        for _ in range(5):
            assert_serving(base)
    with connect(base) as connection:
        connection.sendall(whole + whole[:10])
        assert status_of(one_answer(connection)) == 200
        connection.sendall(whole[10:])
        assert status_of(one_answer(connection)) == 200


def test_clients_that_never_close_leave_the_server_answering(base):
    last = b"GET /v2/schemas/user_auth HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            connection = stack.enter_context(connect(base))
            connection.sendall(last)
            assert status_of(one_answer(connection)) == 200
            assert connection.recv(10) == b""
        for _ in range(5):
            assert_serving(base)


def test_a_body_on_get(base):
    body = b'{"data":{"x":1}}'
    head = b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert status_of(answer_to(base, head + body)) == 200
    assert status_of(answer_to(base, head + b"x" * len(body))) == 400


def test_expect_100_continue(base):
    body = b'{"data":{"name":"patient"}}'
    head = (
        b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with connect(base) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        received = b""
        while data := connection.recv(65536):
            received += data
        assert status_of(received) == 201


def test_expect_100_continue_without_a_body(base):
    """Nothing will follow, so there is nothing to wait for."""
    for length in (b"", b"Content-Length: 0\r\n"):
        head = b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n%s\r\n" % length
        with connect(base) as connection:
            connection.sendall(head)
            assert status_of(one_answer(connection)) == 200


def test_expect_100_continue_before_a_body_that_is_too_large(base):
    head = b"PUT /v2/schemas/connectivity/validation HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    with connect(base) as connection:
        connection.sendall(head + b"Content-Length: 100000000\r\n\r\n")
        refusal = one_answer(connection)
        assert status_of(refusal) == 400 and b'"maxSize":{"target":256000' in refusal
        assert b"\r\nConnection: close\r\n" in refusal


@pytest.mark.parametrize("method", [b"patch", b"Patch", b"pAtCh", b"FOO_BAR", b"PROPFIND", b"a", b"X!#$%&'*+.^`|~0"])
def test_a_method_that_kazoo_does_not_know_is_a_501_and_the_connection_stays(base, method):
    """docs/kazoo/http.md, section 3."""
    with connect(base) as connection:
        for _ in range(2):
            connection.sendall(method + b" /v2/schemas HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n")
            answer = one_answer(connection)
            assert (
                status_of(answer) == 501 and answer.endswith(b"\r\n\r\n") and b"\r\nX-Request-Id: mine\r\n" in answer
            )


@pytest.mark.parametrize(
    ("version", "value", "closes"),
    [
        (b"1.1", b"TE, close", True),
        (b"1.1", b"Close\t,", True),
        (b"1.1", b"keep-alive, close", True),
        (b"1.1", b"closed", False),
        (b"1.1", b"TE", False),
        (b"1.0", b"TE, Keep-Alive", False),
        (b"1.0", b"TE", True),
    ],
)
def test_the_options_of_connection(base, version, value, closes):
    request = b"GET /v2/schemas/user_auth HTTP/%s\r\nHost: x\r\nConnection: %s\r\n\r\n" % (version, value)
    with connect(base) as connection:
        connection.sendall(request)
        assert (b"\r\nConnection: close\r\n" in one_answer(connection)) is closes
        if closes:
            assert connection.recv(10) == b""
        else:
            connection.sendall(request)
            assert status_of(one_answer(connection)) == 200


@pytest.mark.parametrize("line", [b"CONNECT example.com:80", b"CONNECT /", b"TRACE /", b"TRACE /v2/schemas"])
def test_tunnels_and_traces_are_a_501_wherever_they_lead(base, line):
    with connect(base) as connection:
        connection.sendall(line + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = one_answer(connection)
    assert status_of(answer) == 501 and answer.endswith(b"\r\n\r\n") and b"X-Request-Id" not in answer


@pytest.mark.parametrize(
    "part",
    [
        b"GET /health\r\n",
        b"GET /health HTTP/1.1\nHost: x\n\n",
        b"GET /health HTTP/1.1\n",
        b"GET  /health HTTP/1.1\r\n",
        b" GET /health HTTP/1.1\r\n",
        b"GET /a b HTTP/1.1\r\n",
        b"GET /health HTTP/2.0\r\n",
        b"GET /health HTTP/1.1 \r\n",
        b"GE(T /health HTTP/1.1\r\n",
        b"\r\nGET /health\r\n",
        b"GET http://[x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /v2/schemas HTTP/1.1\r\nContent-Length: " + b"0" * 4400 + b"5\r\n\r\nhello",
        b"PUT /v2/schemas HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nhello",
        b"PUT /v2/schemas HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\n\r\n",
        b"\n" * 8000 + b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\rGET /health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"PUT /v2/schemas HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\n\r\n",
        b"PUT /v2/schemas HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a\n\r\nhello\r\n0\r\n\r\n",
        b"PUT /v2/schemas HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 17 + b"\r\n\r\n",
        b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n\r\n",
    ],
)
def test_what_is_no_request_is_a_400_as_soon_as_that_is_known(base, part):
    with connect(base) as connection:
        connection.settimeout(120)
        connection.sendall(part)
        answer = connection.recv(65536)
        assert status_of(answer) == 400 and answer.endswith(b"\r\n\r\n")
        assert connection.recv(10) == b""
    assert_serving(base)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v2/schemas\r\n\r\n",
        b"GET /v2/schemas HTTP/9.9\r\n\r\n",
        b"GET /v2/schemas HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /v2/schemas HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
        b"GET /v2/" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v2/schemas HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"PUT /v2/schemas HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"PUT /v2/schemas HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
        b"PUT /v2/schemas HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"PUT /v2/schemas HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v2/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v2/schemas?a=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\nAccept: bad\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_no_request_gets_a_4xx_or_a_closed_connection(base, request_bytes):
    assert_refused(answer_to(base, request_bytes))
    assert_serving(base)


@pytest.mark.parametrize(
    "target",
    [
        b"/..",
        b"//",
        b"/v2/../v1",
        b"http://x/v2/schemas",
        b"http://x",
        b"*",
        b"v2/schemas",
        b"/v2/\xff\xfe",
        b"/v2/%ff%0a",
    ],
)
def test_targets_of_all_shapes(base, target):
    received = answer_to(base, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
    assert received == b"" or status_of(received) in (200, 400, 401, 404)


@pytest.mark.parametrize("target", [b"a" * 60_000, b"v2/schemas", b"http://x", b"*", b"x:80"])
def test_a_target_that_is_no_path_is_the_landing_page_at_once(base, target):
    received = answer_to(base, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
    assert status_of(received) == 200 and b"\r\nContent-Type: text/plain" in received
    assert_serving(base)


def test_text_that_is_not_ascii_in_a_target(base):
    target = "/v2/schemas/ü?filter_name=Müller".encode()
    received = answer_to(base, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
    assert status_of(received) == 404 and "ü".encode() in received
