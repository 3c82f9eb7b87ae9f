"""How a WSGI application is asked, and what is made of its answer."""

import pytest

from app.server import answer as server_answer
from app.server.reader import RequestReader


def request_of(text):
    reader = RequestReader()
    reader.feed(text)
    return reader.take()


def answer(text, status="200 OK", headers=(), parts=(b"body",)):
    """The bytes of the answer, and the environment that the application got."""
    seen = {}

    def application(environ, start_response):
        seen.update(environ)
        start_response(status, list(headers))
        return parts

    return server_answer.answer(application, request_of(text), "192.0.2.1", ("127.0.0.1", 8000)).data, seen


def test_what_the_application_is_told():
    text = (
        b"PUT /v2/a%20b%ff?c=%20 HTTP/1.1\r\nContent-Type: a/b\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n"
        b"X-B: \xc3\xa9\r\n\r\nhi"
    )
    _, environ = answer(text)
    expected = {
        "REQUEST_METHOD": "PUT",
        "RAW_URI": "/v2/a%20b%ff?c=%20",
        "PATH_INFO": "/v2/a b\xff",
        "QUERY_STRING": "c=%20",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "2",
        "HTTP_X_A": "1,2",
        "HTTP_X_B": "\xc3\xa9",
        "REMOTE_ADDR": "192.0.2.1",
        "SERVER_PORT": "8000",
    }
    assert {name: environ[name] for name in expected} == expected
    assert environ["wsgi.input"].read(10) == b"hi"


@pytest.mark.parametrize(
    ("target", "path"),
    [(b"http://x/v2/y?z", "/v2/y"), (b"http://x", "/"), (b"*", "*"), (b"//x/y", "//x/y"), (b"http://[", "/")],
)
def test_targets_of_all_shapes(target, path):
    assert answer(b"GET %s HTTP/1.1\r\n\r\n" % target)[1]["PATH_INFO"] == path


def test_a_length_is_added_where_there_is_a_body():
    assert b"\r\nContent-Length: 4\r\n" in answer(b"GET / HTTP/1.1\r\n\r\n")[0]
    told = answer(b"GET / HTTP/1.1\r\n\r\n", headers=[("content-length", "4")])[0]
    assert told.lower().count(b"content-length") == 1 and told.endswith(b"\r\n\r\nbody")
    assert b"Content-Length" not in answer(b"GET / HTTP/1.1\r\n\r\n", status="304 Not Modified", parts=())[0]
    head = answer(b"HEAD / HTTP/1.1\r\n\r\n")[0]
    assert b"Content-Length: 4\r\n" in head and head.endswith(b"\r\n\r\n")


def test_what_becomes_of_the_connection():
    assert b"Connection" not in answer(b"GET / HTTP/1.1\r\n\r\n")[0]
    assert b"\r\nConnection: close\r\n" in answer(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")[0]
    kept = answer(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")[0]
    assert kept.startswith(b"HTTP/1.0 200 OK\r\n") and b"\r\nConnection: keep-alive\r\n" in kept


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x", "a\nb", "a\rb"])
def test_a_header_cannot_hold_another(value):
    with pytest.raises(ValueError, match="line break"):
        answer(b"GET / HTTP/1.1\r\n\r\n", headers=[("location", value)])
