"""What `make bench` is made of."""

import contextlib
import http.server
import re
import threading

import pytest

from tests.load.bench.load import Request, WrongAnswer, requests_per_second


class _Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: set[str] = set()

    def handle(self):
        # When its time is up, the load leaves without waiting for the answers on their way.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self):
        self.seen.add(self.path)
        status = "200 OK" if self.path != "/gone" else "404 Not Found"
        # Head and body together: apart, the client's kernel may hold the second one back.
        self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok".encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def url():
    _Answers.seen = set()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def paths_asked(pattern, url, wanted):
    """The paths that the load asks for, after as many rounds as it takes to have seen so many."""
    for _ in range(100):
        requests_per_second(Request(f"{url}/{pattern}"), 3, 0.1, bundled=True)
        if len(_Answers.seen) >= wanted:
            return _Answers.seen
    raise AssertionError(f"only {_Answers.seen}")


# That processes are forked is what is tried here.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_every_connection_asks_for_its_own(url):
    assert paths_asked("{n}", url, 3) == {"/0", "/1", "/2"}


# That processes are forked is what is tried here.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_every_request_has_an_id_of_its_own(url):
    ids = [path.removeprefix("/new/") for path in paths_asked("new/{id}", url, 10)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_answers_of_another_status_are_not_measured(url):
    with pytest.raises(WrongAnswer, match="GET .*/gone: .*404"):
        requests_per_second(Request(f"{url}/gone"), 1, 0.1, bundled=True)
