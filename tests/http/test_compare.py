"""`compare`: the same server is the same, each kind of difference is found, and nothing is left behind."""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from app.documents.names import account_db
from tests import support
from tests.conftest import make_person

pytestmark = pytest.mark.slow


def compared(old, new, *arguments, code, stdin=""):
    """The lines that `compare --json` printed: those that differ, and the total."""
    ended = support.command_ended({}, "compare", old, new, *arguments, "--json", stdin=stdin)
    assert ended.returncode == code, ended.stdout[-2000:] + ended.stderr[-2000:]
    *differing, total = support.json_lines(ended.stdout)
    return differing, total


@pytest.fixture(scope="module")
def engine():
    """One engine is enough for a client. The last test has both."""
    return "embedded"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """What differs is asked for again at once."""
    monkeypatch.setattr("app.compare.reads.SECONDS_BETWEEN_ATTEMPTS", 0)


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on, and changes the answers to the paths in `changes`."""

    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", support.free_port()), _Handler)
        self.target, self.changes, self.seen, self.refused = target, [], [], set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The head and the body are sent at once. A client would acknowledge the head alone only after 40 ms.
    wbufsize = -1

    def _pass_on(self):
        server = self.server
        server.seen.append((self.command, self.path))
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        if self.command in server.refused:
            self.send_response_only(403)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        request = urllib.request.Request(server.target + self.path, body or None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request) as answer:
                status, headers, body = answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            status, headers, body = error.code, dict(error.headers), error.read()
        for part, change in server.changes:
            if status != 304 and (part in self.path or part == self.command):
                status, headers, body = change(status, headers, body)
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection"):
                self.send_header(name, value)
        if status != 304:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _pass_on

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def proxy_of(target):
    proxy = Proxy(target)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


def in_data(change):
    """A change of the envelope's data."""

    def changed(status, headers, body):
        envelope = json.loads(body)
        envelope["data"] = change(envelope["data"])
        return status, headers, json.dumps(envelope).encode()

    return changed


def without(name):
    return in_data(lambda data: {key: value for key, value in data.items() if key != name})


def with_member(name, value):
    return in_data(lambda data: {**data, name: value})


def without_header(name):
    def changed(status, headers, body):
        return status, {each: value for each, value in headers.items() if each.lower() != name}, body

    return changed


def reordered(status, headers, body):
    return status, headers, json.dumps(dict(reversed(json.loads(body).items()))).encode()


PLANTED = {
    "status": (lambda status, headers, body: (404, headers, body), "status: old 200, new 404"),
    "no answer": (lambda status, headers, body: (200, headers, b""), "json: old {"),
    "no JSON": (lambda status, headers, body: (200, headers, b"<html>"), "text: old nothing, new"),
    "ETag": (lambda status, headers, body: (status, {**headers, "etag": '"1-0"'}, body), "header etag: old "),
    "type": (
        lambda status, headers, body: (status, {**headers, "content-type": "text/html"}, body),
        "header content-type: old ",
    ),
    "language": (without_header("content-language"), "header content-language: old "),
    "expires": (without_header("expires"), "header expires: old "),
    "missing": (without("name"), 'json.data.name: old "HQ", new nothing'),
    "more": (with_member("more", 1), "json.data.more: old nothing, new 1"),
    "value": (with_member("name", "hq"), 'json.data.name: old "HQ", new "hq"'),
    "type of a value": (in_data(lambda data: {**data, "account": {**data["account"], "trunks": 0.0}}), "trunks: old"),
    "length": (in_data(lambda data: {**data, "servers": []}), "json.data.servers: old "),
    "secret": (
        in_data(
            lambda data: {
                **data,
                "servers": [
                    {**server, "auth": {**server["auth"], "auth_password": "other"}} for server in data["servers"]
                ],
            }
        ),
        'auth_password: old "(secret)", new "(secret)"',
    ),
    "order": (reordered, "order of the envelope: old "),
}


@pytest.fixture
def account(world, base):
    return made_account(world, base)


def made_account(world, base):
    """A person with a trunk, the trunk's id, and how to log in."""
    person = make_person(world)
    api = support.Api(base, person)
    trunk = api.create({"name": "HQ", "account": {"trunks": 0}, "servers": [support.server_with("+13125550100")]})
    return person, trunk, ("--api-key", person.account["pvt_api_key"])


def test_a_server_is_the_same_as_itself(world, base, account):
    person, _, login = account
    below = make_person(world, parent=person)
    api = support.Api(base, below)
    for number in range(52):
        api.create({"name": f"trunk {number}"})
    with proxy_of(base) as proxy:
        differing, total = compared(base, f"{proxy.url}/v2", *login, code=0)
        assert differing == [] and total["differing"] == 0 and total["error"] is None
        paths = {path for _, path in proxy.seen}
    of_below = [path for path in paths if f"/accounts/{below.account_id}/connectivity/" in path]
    assert len(of_below) == 2 * 52
    for path in (f"/v1/accounts/{below.account_id}/limits", f"/v2/accounts/{person.account_id}/users"):
        assert path in paths
    assert any("start_key=" in path for path in paths)


def test_each_kind_of_difference_is_found(world, base):
    """Each in the answers about a trunk of its own."""
    person = make_person(world)
    api = support.Api(base, person)
    data = {"name": "HQ", "account": {"trunks": 0}, "servers": [support.server_with("+13125550100")]}
    trunks = {kind: f"/v2/accounts/{person.account_id}/connectivity/{api.create(data)}" for kind in PLANTED}
    login = ("--api-key", person.account["pvt_api_key"])
    with proxy_of(base) as proxy:
        proxy.changes += [(trunks[kind], change) for kind, (change, _) in PLANTED.items()]
        differing, total = compared(base, proxy.url, *login, "--account", person.account_id, code=1)
    assert total["differing"] == len(differing) >= len(PLANTED)
    for kind, (_, told) in PLANTED.items():
        lines = [line for each in differing if each["target"] == trunks[kind] for line in each["differences"]]
        assert any(told in line for line in lines), (kind, lines)
    assert {each["target"] for each in differing} == set(trunks.values())
    assert "other" not in json.dumps(differing) and 'secret"' not in json.dumps(differing).replace("(secret)", "")


def test_a_user_and_a_token_log_in(world, base, account):
    person, _, _ = account
    user = ("--user", person.user["username"], "--password-stdin")
    _, total = compared(base, base, *user, "--realm", person.realm, code=0, stdin=support.PASSWORD + "\n")
    by_name = compared(base, base, *user, "--name", person.account["name"], code=0, stdin=support.PASSWORD + "\n")[1]
    assert by_name == total
    token = support.Api(base, person).token
    with_token = compared(base, base, "--token", token, code=0)[1]
    # A token cannot be used to log in at the account's path.
    assert with_token == {**total, "compared": total["compared"] - 2}
    _, refused = compared(base, base, *user, "--realm", person.realm, code=2, stdin="wrong\n")
    assert refused["error"] == "old refuses the log-in: 401"
    _, dead = compared(base, f"http://127.0.0.1:{support.free_port()}", "--token", token, code=2)
    assert dead["error"].startswith("new does not answer")


@pytest.mark.parametrize(("noun", "refused"), [("user_auth", 401), ("api_auth", 404)])
def test_log_ins_that_fail_and_those_at_the_account_are_compared(world, base, noun, refused):
    person, _, login = made_account(world, base)
    if noun == "user_auth":
        login = ("--user", person.user["username"], "--password-stdin", "--realm", person.realm)

    def otherwise(*statuses):
        return lambda status, headers, body: (409 if status in statuses else status, headers, body)

    with proxy_of(base) as proxy:
        proxy.changes.append((f"/v2/{noun}", otherwise(refused)))
        proxy.changes.append((f"/v2/accounts/{person.account_id}/{noun}", otherwise(401, 201)))
        differing, _ = compared(base, proxy.url, *login, code=1, stdin=support.PASSWORD + "\n")
    assert {line["target"] for line in differing} == {"log-in"}
    tried = {line["condition"]: line["differences"] for line in differing}
    assert list(tried) == ["wrong secret", "at the account's path", "at the account's path, with a token"]
    for differences, status in zip(tried.values(), (refused, 401, 201), strict=True):
        assert f"status: old {status}, new 409" in differences
    assert support.PASSWORD not in json.dumps(differing) and login[1] not in json.dumps(differing)


@pytest.mark.waits
def test_the_rate_is_kept_and_429_is_waited_for(base, account):
    person, trunk, login = account
    refusals = [429, 429]

    def refuse(status, headers, body):
        return (refusals.pop(), {**headers, "Retry-After": "1"}, b"") if refusals else (status, headers, body)

    with proxy_of(base) as proxy:
        proxy.changes.append((f"/connectivity/{trunk}", refuse))
        before = time.monotonic()
        _, total = compared(base, proxy.url, *login, "--rate", "10", code=0)
        seconds = time.monotonic() - before
        assert not refusals and total["differing"] == 0
    assert len(proxy.seen) - 1 <= 10 * seconds


def test_the_requests_of_logs(base, account, tmp_path):
    person, trunk, login = account
    path = f"/v2/accounts/{person.account_id}/connectivity"
    lines = [
        f'10.0.0.1 - - [27/Nov/2026:08:00:00 +0000] "GET {path}/{trunk} HTTP/1.1" 200 9 "-" "curl \\x22GET /v2/a\\x22"',
        f'10.0.0.1 - - [27/Nov/2026:08:00:01 +0000] "GET {path}/{trunk} HTTP/1.1" 200 9 "-" "curl"',
        f'10.0.0.1 - - [27/Nov/2026:08:00:02 +0000] "GET {path}?page_size=1&auth_token=stolen HTTP/1.1" 200 9 "-" "c"',
        f'10.0.0.1 - - [27/Nov/2026:08:00:02 +0000] "GET {path}/a%2Fb\\xC3\\xA9 HTTP/1.1" 404 9 "-" "c"',
        f'10.0.0.1 - - [27/Nov/2026:08:00:03 +0000] "DELETE {path}/{trunk} HTTP/1.1" 200 9 "-" "curl"',
        '10.0.0.1 - - [27/Nov/2026:08:00:03 +0000] "GET /v2/user_auth/aaaa HTTP/1.1" 200 9 "-" "curl"',
        f'10.0.0.1 - - [27/Nov/2026:08:00:03 +0000] "GET {path}/a%2fb%c3%a9/../%zz//?a=%7e HTTP/1.1" 404 9 "-" "curl"',
        json.dumps({"method": "GET", "path": f"{path}?page_size=2&auth_token=(secret)", "status": 200}),
        json.dumps({"method": "GET", "path": "/v2/user_auth/…", "status": 200}),
        json.dumps({"method": "DELETE", "path": f"{path}/{trunk}?x", "status": 200}),
        '{"method": "GET", "path": "/v2/cut',
        "[1]",
        "Nov 27 08:00:04 lb haproxy[7]: 10.0.0.1:3317 [27/Nov/2026:08:00:04.655] http-in api/one 10/0/30/69/109 200 "
        f'2750 - - ---- 1/1/1/1/0 0/0 {{host}} {{}} "GET https://api.example.com{path}/none HTTP/2.0"',
        "Nov 27 08:00:05 lb haproxy[7]: 10.0.0.1:3317 [27/Nov/2026:08:00:05.655] http-in api/<NOSRV> -1/-1/-1 400 "
        '187 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"',
    ]
    log = tmp_path / "access.log"
    log.write_text("\n".join(lines) + "\n")
    with proxy_of(base) as proxy:
        compared(base, proxy.url, *login, "--log", str(log), code=0)
        asked = [path for method, path in proxy.seen if method == "GET"]
    wanted = {f"{path}/{trunk}", f"{path}?page_size=1", f"{path}/a%2Fb%C3%A9", f"{path}/none"}
    wanted |= {f"{path}/a%2fb%c3%a9/../%zz//?a=%7e", f"{path}?page_size=2"}
    assert set(asked) == wanted


def test_writes_are_compared_and_leave_nothing_behind(world, base):
    person = make_person(world)
    login = ("--api-key", person.account["pvt_api_key"])
    differing, total = compared(base, base, *login, "--writes", person.account_id, code=0)
    assert differing == [] and total["compared"] > 40
    assert trunks_of(world, person) == []
    with proxy_of(base) as proxy:
        proxy.changes.append(("PATCH", lambda status, headers, body: (status + 1, headers, body)))
        differing, _ = compared(base, proxy.url, *login, "--writes", person.account_id, code=1)
    assert {line["method"] for line in differing} == {"PATCH"}
    assert {"patch", "patch with null", "patch refused", "patch unknown"} <= {line["condition"] for line in differing}
    assert trunks_of(world, person) == []


def test_what_is_not_looked_at_is_not_the_same(world, base, account):
    person, _, login = account
    stranger = make_person(world)
    _, total = compared(base, base, *login, "--account", stranger.account_id, code=2)
    assert "showed nothing" in total["error"]
    with proxy_of(base) as proxy:
        proxy.changes.append(("/limits", lambda status, headers, body: (401, headers, body)))
        _, total = compared(proxy.url, proxy.url, *login, code=2)
        assert total["error"] == "old refuses the token (401)"
        proxy.changes[:] = [("/limits", lambda status, headers, body: (200, headers, b"[" * 5000 + b"]" * 5000))]
        _, total = compared(base, proxy.url, *login, code=2)
        assert total["error"]


def test_documents_that_cannot_be_deleted_are_told(world, base):
    person = make_person(world)
    login = ("--api-key", person.account["pvt_api_key"])
    with proxy_of(base) as proxy:
        proxy.refused.add("DELETE")
        _, total = compared(proxy.url, proxy.url, *login, "--writes", person.account_id, code=2)
    assert "still has" in total["error"] and trunks_of(world, person)


def test_an_account_with_trunks_is_no_scratch_account(world, base, account):
    person, _, login = account
    _, total = compared(base, base, *login, "--writes", person.account_id, code=2)
    assert "has trunks of its own" in total["error"]
    assert len(trunks_of(world, person)) == 1


@pytest.mark.waits
def test_interrupted_writes_leave_nothing_behind(world, base):
    person = make_person(world)
    login = ("--api-key", person.account["pvt_api_key"])
    environment = {**os.environ, **support.NO_SERVERS}
    # At this rate the whole conversation takes 20 seconds.
    command = [sys.executable, "-m", "app", "compare", base, base, *login, "--json"]
    arguments = [*command, "--writes", person.account_id, "--rate", "5"]
    process = subprocess.Popen(
        arguments, env=environment, cwd=support.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    support.wait_until(lambda: trunks_of(world, person), message="the first trunk")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2 and "interrupted" in support.json_lines(output)[-1]["error"]
    assert trunks_of(world, person) == []


def trunks_of(world, person):
    db = account_db(person.account_id)
    return [document["_id"] for document in world.store.iterate_docs(db) if document.get("pvt_type") == "sys_info"]


def test_two_services_on_two_stores(tmp_path):
    """All documents of one are imported into the other, with their revisions."""
    old = support.embedded_world(tmp_path).populate()
    person = old.person("Person", "person.example.com", old.master)
    with contextlib.ExitStack() as stack:
        couchdb = {"COUCHDB_URL": stack.enter_context(support.couchdb_or_skip())}
        services = support.service(old.environment), support.service(couchdb)
        for service in services:
            stack.callback(service.stop)
        api = support.Api(services[0].start().url, person)
        for number in range(3):
            api.create({"name": f"t{number}", "servers": [support.server_with(f"+1415555010{number}")]})
        changed = api.create({"name": "twice"})
        assert api.call("PATCH", f"/{changed}", {"name": "changed"}).status_code == 200
        support.run(couchdb, "import", "-", stdin=support.run(old.environment, "export"))
        urls = services[0].url, services[1].start().url
        login = ("--user", person.user["username"], "--realm", person.realm, "--password-stdin")
        given = {"stdin": support.PASSWORD + "\n"}
        differing, total = compared(*urls, *login, code=0, **given)
        assert differing == [] and total["compared"] > 30
        assert api.call("DELETE", f"/{changed}").status_code == 200
        differing, _ = compared(*urls, *login, code=1, **given)
        scratch = old.person("Scratch", "scratch.example.com", person)
        support.run(couchdb, "import", "-", stdin=support.run(old.environment, "export"))
        compared(*urls, *login, "--writes", scratch.account_id, code=0, **given)
    lists = [line for each in differing for line in each["differences"] if line.startswith("json.data: ")]
    assert lists and all(changed in line.partition(", new ")[2] for line in lists)
