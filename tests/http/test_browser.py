"""A real browser on a page of another origin: what CORS lets it read."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser import chromium

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]

SCRIPT = """
const [root, login, done] = arguments;
(async () => {
  const seen = {};
  const call = async (method, path, data, token, more) => {
    const headers = {'Content-Type': 'application/json', 'X-Auth-Token': token, ...(more || {})};
    const body = data === null ? undefined : JSON.stringify({data});
    const answer = await fetch(root + path, {method, headers, body});
    const text = await answer.text();
    return {status: answer.status, json: text ? JSON.parse(text) : null, headers: Object.fromEntries(answer.headers)};
  };
  seen.login = await call('PUT', '/user_auth', login, 'undefined');
  const token = seen.login.json.auth_token;
  const list = '/accounts/' + seen.login.json.data.account_id + '/connectivity';
  seen.empty = await call('GET', list, null, token);
  seen.created = await call('PUT', list, {name: 'from a browser'}, token);
  const one = list + '/' + seen.created.json.data.id;
  seen.read = await call('GET', one, null, token);
  seen.replaced = await call('POST', one, {name: 'replaced'}, token, {'If-Match': seen.read.headers.etag});
  seen.stale = await call('POST', one, {name: 'stale'}, token, {'If-Match': seen.read.headers.etag});
  seen.invalid = await call('PATCH', one, {name: 5}, token);
  seen.refused = await call('GET', list, null, 'no token');
  seen.deleted = await call('DELETE', one, null, token);
  return seen;
})().then(done, error => done({error: String(error)}));
"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<!doctype html><title>a UI of another origin</title>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A page of another origin in headless Chromium."""
    with (
        chromium(tmp_path_factory.mktemp("chromium")) as session,
        ThreadingHTTPServer(("127.0.0.1", 0), Page) as page,
    ):
        threading.Thread(target=page.serve_forever, daemon=True).start()
        session.open(f"http://localhost:{page.server_port}/")
        yield session
        page.shutdown()


def test_a_browser_reads_status_body_and_exposed_headers(browser, base, person):
    login = {"credentials": person.credentials, "account_realm": person.realm}
    seen = browser.execute_async(SCRIPT, f"{base}/v2", login)
    assert "error" not in seen, seen
    statuses = {name: step["status"] for name, step in seen.items()}
    assert statuses == {
        "login": 201,
        "empty": 200,
        "created": 201,
        "read": 200,
        "replaced": 200,
        "stale": 412,
        "invalid": 400,
        "refused": 401,
        "deleted": 200,
    }
    assert seen["empty"]["json"]["data"] == []
    assert seen["created"]["headers"]["location"].endswith(seen["created"]["json"]["data"]["id"])
    assert seen["read"]["headers"]["etag"] == f'"{seen["read"]["json"]["revision"]}"'
    assert seen["read"]["headers"]["x-request-id"] == seen["read"]["json"]["request_id"]
    assert seen["refused"]["json"]["message"] == "invalid_credentials"
    assert "name" in seen["invalid"]["json"]["data"]
