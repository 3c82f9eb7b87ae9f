"""How bytes become requests, whatever parts they arrive in."""

import pytest

from app.server.reader import LARGEST_BODY, LONGEST_CHUNK_LINE, MOST_HEADERS, Refused, RequestReader

PUT = b"PUT / HTTP/1.1\r\n"
CHUNKED = PUT + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*parts):
    """The requests in these parts, and whether something is left."""
    reader, requests = RequestReader(), []
    for part in parts:
        reader.feed(part)
        while request := reader.take():
            requests.append(request)
    return requests, reader.has_begun


def status_of(text):
    with pytest.raises(Refused) as refused:
        read(text)
    return refused.value.status


def test_a_request():
    text = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-Name: \t caf\xc3\xa9 \r\nx-name:\r\n\r\n"
    ((request,), left) = read(text)
    assert (request.method, request.target, request.version) == ("GET", "/a%20b?c=d", "HTTP/1.1")
    assert request.headers == [("host", "x"), ("x-name", "café".encode().decode("latin-1")), ("x-name", "")]
    assert (request.body, request.length, request.keeps_alive, left) == (b"", 0, True, False)


def test_any_parts_make_the_same_requests():
    text = (
        b"\r\nPUT /1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
        b"PUT /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n00A\r\n0123456789\r\n0\r\nT: x\r\n\r\n"
        b"BREW /\xc3\xa9 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /"
    )
    whole = read(text)
    assert [(r.target, r.body, r.length, r.keeps_alive) for r in whole[0]] == [
        ("/1", b"abc", 3, True),
        ("/2", b"hello0123456789", None, True),
        ("/\xc3\xa9", b"", 0, True),
    ]
    assert whole[1] is True
    assert read(*(text[i : i + 1] for i in range(len(text)))) == whole
    for size in (2, 3, 7, 50):
        assert read(*(text[i : i + size] for i in range(0, len(text), size))) == whole


@pytest.mark.parametrize(
    ("headers", "version", "expected"),
    [
        (b"", b"1.1", True),
        (b"Connection: close\r\n", b"1.1", False),
        (b"", b"1.0", False),
        (b"Connection: keep-alive\r\n", b"1.0", True),
        (b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"1.1", True),
    ],
)
def test_whether_the_connection_is_kept(headers, version, expected):
    ((request,), _) = read(b"GET / HTTP/" + version + b"\r\n" + headers + b"\r\n")
    assert request.keeps_alive is expected


def test_a_header_with_an_underscore_is_left_out():
    ((request,), _) = read(b"GET / HTTP/1.1\r\nX_Auth_Token: a\r\nX-Auth-Token: b\r\n\r\n")
    assert request.headers == [("x-auth-token", "b")]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"\x00\x01\x02\x03\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: a\nY: b\r\n\r\n", 400),
        (PUT + b"Content-Length: -5\r\n\r\n", 400),
        (PUT + b"Content-Length: +5\r\n\r\n", 400),
        (PUT + b"Content-Length: 5, 5\r\n\r\n", 400),
        (PUT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (PUT + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
        (PUT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (PUT + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
        (PUT + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (PUT + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (PUT + b"Expect: money\r\nContent-Length: 3\r\n\r\n", 417),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"x" * 9000, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MOST_HEADERS + 1) + b"\r\n", 431),
        (CHUNKED + b"zz\r\n", 400),
        (CHUNKED + b"-1\r\n", 400),
        (CHUNKED + b"fffffffff\r\n", 400),
        (CHUNKED + b"5\r\nhelloX", None),
        (CHUNKED + b"5\r\nhelloXY", 400),
        (CHUNKED + b"5 5\r\n", 400),
        (CHUNKED + b"x" * (LONGEST_CHUNK_LINE + 3), 400),
        (CHUNKED + b"0\r\n" + b"T: x\r\n" * (MOST_HEADERS + 1), 431),
    ],
)
def test_what_is_refused(text, status):
    if status is None:
        assert read(text) == ([], True)
    else:
        assert status_of(text) == status


def test_a_body_that_is_too_large_is_not_waited_for():
    ((request,), left) = read(PUT + b"Content-Length: %d\r\n\r\nabc" % (LARGEST_BODY + 1))
    assert (request.body, request.length, request.keeps_alive, left) == (b"", LARGEST_BODY + 1, False, False)
    for size in (b"989681", b"ffffffff"):
        ((request,), left) = read(CHUNKED + b"3\r\nabc\r\n" + size + b"\r\nx")
        assert (request.body, request.length, request.keeps_alive) == (b"abc", 3 + int(size, 16), False)
        assert left is False
    part = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    ((request,), _) = read(CHUNKED, *[part] * 9)
    assert len(request.body) == 8 * 0x100000 and request.length == 9 * 0x100000


def test_who_waits_to_go_on_is_told_once():
    head = b"PUT / HTTP/1.1\r\nExpect: 100-Continue\r\n"
    reader = RequestReader()
    reader.feed(head)
    assert reader.take() is None and not reader.awaits_continue()
    reader.feed(b"Content-Length: 3\r\n\r\n")
    assert reader.take() is None and reader.awaits_continue() and not reader.awaits_continue()
    reader.feed(b"abc")
    assert reader.take().body == b"abc"
    reader.feed(head + b"Content-Length: 3\r\n\r\na")
    assert reader.take() is None and not reader.awaits_continue()
    old = RequestReader()
    old.feed(b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert old.take() is None and not old.awaits_continue()
