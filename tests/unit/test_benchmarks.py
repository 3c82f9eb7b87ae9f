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
        self.send_response(200 if self.path != "/gone" else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@pytest.fixture
def url():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.alone
def test_every_connection_asks_for_its_own(url):
    assert requests_per_second(Request(f"{url}/{{n}}"), 3, 0.1, bundled=True) > 30
    assert {"/0", "/1", "/2"} <= _Answers.seen


@pytest.mark.alone
def test_every_request_has_an_id_of_its_own(url):
    count = requests_per_second(Request(f"{url}/new/{{id}}"), 2, 0.1, bundled=True) * 0.1
    ids = {path.removeprefix("/new/") for path in _Answers.seen if path.startswith("/new/")}
    assert len(ids) >= count > 3
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_answers_of_another_status_are_not_measured(url):
    with pytest.raises(WrongAnswer, match="GET .*/gone: .*404"):
        requests_per_second(Request(f"{url}/gone"), 1, 0.1, bundled=True)
