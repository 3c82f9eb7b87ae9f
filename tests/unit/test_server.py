"""Requests are the same however their bytes arrive."""

from types import SimpleNamespace

import pytest
from waitress.adjustments import Adjustments

from app.server import LARGEST_BODY, LARGEST_HEAD, Channel, Parser

LIMITS = Adjustments(max_request_header_size=LARGEST_HEAD, max_request_body_size=LARGEST_BODY)
HEAD = b"PUT /v2/x?a=b HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def parsed(*parts):
    """What is known of a request that has arrived in these parts; None as long as it is not complete."""
    parser, taken = Parser(LIMITS), 0
    for part in parts:
        while part and not parser.completed:
            count = parser.received(part)
            part, taken = part[count:], taken + count
    if not parser.completed:
        return None
    if parser.error:
        return parser.error.status
    return parser.command, parser.request_uri, parser.headers, parser.get_body_stream().read(), taken


@pytest.mark.parametrize(
    ("request_bytes", "body"),
    [
        (HEAD + b"\r\n", b""),
        (HEAD + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (b"\r\n" * 2 + b"GET / HTTP/1.0\r\n\r\n", b""),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (CHUNKED + b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n", b"hello"),
    ],
)
def test_a_request_in_two_parts_is_the_request(request_bytes, body):
    start = len(request_bytes) - len(request_bytes.lstrip(b"\r\n"))
    whole = parsed(request_bytes[start:])
    assert whole[3] == body
    for i in range(start + 1, len(request_bytes)):
        assert parsed(request_bytes[start:i], request_bytes[i:]) == whole, i


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /health\r\n\r\n",
        HEAD + b"Content-Length: x\r\n\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\nbad\r\n\r\n",
        CHUNKED + b"zz\r\n",
    ],
)
def test_a_malformed_request_in_two_parts_is_malformed(request_bytes):
    for i in range(1, len(request_bytes) + 1):
        assert parsed(request_bytes[:i], request_bytes[i:]) == 400, i


def test_nothing_after_a_malformed_request_is_another_request():
    request_bytes = b"\r\n" * 20 + HEAD + b"Content-Length: x\r\n\r\n"
    parser = Parser(LIMITS)
    assert parser.received(request_bytes) == len(request_bytes)
    assert parser.error.status == 400


@pytest.mark.parametrize(
    ("silent", "has_sent", "is_idle"), [(0.1, True, False), (1, True, True), (1, False, False), (6, False, True)]
)
def test_whoever_has_just_connected_may_take_longer_before_a_worker_ends(monkeypatch, silent, has_sent, is_idle):
    monkeypatch.setattr("app.server.time.time", lambda: 1000)
    silence = SimpleNamespace(
        requests=[], request=None, total_outbufs_len=0, has_sent=has_sent, last_activity=1000 - silent
    )
    assert Channel.is_idle(silence) is is_idle
    assert Channel.is_idle(SimpleNamespace(**{**vars(silence), "requests": ["one"]})) is False
