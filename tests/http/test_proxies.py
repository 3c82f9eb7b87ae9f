"""The proxy configurations of docs/, started for real in front of this service and a stand-in for crossbar."""

import os
import re
import shlex
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests import support

pytestmark = [pytest.mark.slow, pytest.mark.either_engine]


class OldCrossbar(BaseHTTPRequestHandler):
    """Tells which path it was asked for, and for whom."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        body = f"old {self.command} {self.path}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-asked-for", ", ".join(self.headers.get_all("x-forwarded-for", [])))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def old():
    server = ThreadingHTTPServer(("127.0.0.1", 0), OldCrossbar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def configured(name, old_port, new_port, port):
    """The documented configuration with other ports, for servers that are asked more often whether they are back."""
    text = (support.ROOT / "docs" / name).read_text()
    text = text.replace("fail_timeout=2s", "fail_timeout=1s").replace("inter 1s", "inter 5s downinter 100ms")
    for documented, used in (
        ("127.0.0.1:8001", new_port),
        ("127.0.0.1:8000", old_port),
        ("127.0.0.1:80\n", port),
        ("127.0.0.1:80;", port),
    ):
        end = documented[-1] if documented[-1] in "\n;" else ""
        text = text.replace(documented, f"127.0.0.1:{used}{end}")
    return text


def nginx(directory: Path, old_port, new_port, port):
    return nginx_command(directory, configured("nginx.conf", old_port, new_port, port))


def nginx_command(directory: Path, servers: str):
    """nginx with these servers, and all that it writes in this folder. Other files are beside its configuration."""
    paths = "".join(
        f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = (
        f"daemon off; pid {directory}/pid; error_log {directory}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log off;\n{paths}{servers} }}\n"
    )
    (directory / "nginx.conf").write_text(main)
    return ["nginx", "-p", str(directory), "-e", f"{directory}/error.log", "-c", f"{directory}/nginx.conf"]


def haproxy(directory: Path, old_port, new_port, port):
    (directory / "haproxy.cfg").write_text(configured("haproxy.cfg", old_port, new_port, port))
    return ["haproxy", "-db", "-f", f"{directory}/haproxy.cfg"]


class Dropping(BaseHTTPRequestHandler):
    """Takes a request and breaks off: nobody knows whether it was carried out."""

    def drop(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.taken.append(self.command)
        self.close_connection = True

    do_PUT = do_POST = do_PATCH = do_DELETE = drop

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.waits
@pytest.mark.parametrize("make", [nginx, haproxy])
def test_a_write_is_sent_once_and_a_client_cannot_say_where_it_is(make, old, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.environ["PATH"] + os.pathsep + "/usr/sbin")
    if not shutil.which(make.__name__):
        pytest.skip(f"{make.__name__} is not installed (`make tools`)")
    dropping = ThreadingHTTPServer(("127.0.0.1", 0), Dropping)
    dropping.taken = []
    threading.Thread(target=dropping.serve_forever, daemon=True).start()
    port = support.free_port()
    proxy = support.Server(
        make(tmp_path, old, dropping.server_port, port), f"http://127.0.0.1:{port}", cwd=tmp_path
    ).start()
    try:
        told = {"X-Forwarded-For": "192.0.2.1"}
        answer = requests.get(f"{proxy.url}/v2/user_auth", headers=told, timeout=120)
        assert answer.headers["x-asked-for"] == "127.0.0.1"

        def is_back():
            return requests.get(f"{proxy.url}/v2/account/connectivity", timeout=120).text == ""

        support.wait_until(is_back, message="the new one")
        for method in ("PUT", "POST", "PATCH", "DELETE"):
            path = f"{proxy.url}/v2/account/connectivity"
            assert requests.request(method, path, json={"data": {}}, timeout=120).status_code == 502
            # Its upstream counts as gone for a moment.
            support.wait_until(is_back, message="the new one")
        assert dropping.taken == ["PUT", "POST", "PATCH", "DELETE"]
    finally:
        proxy.stop()
        dropping.shutdown()
        dropping.server_close()


def certificate(directory):
    """A certificate for this machine as docs/deploy.md makes one, in the files that the configurations name."""
    tls = directory / "tls"
    tls.mkdir()
    (made,) = re.findall(r"    openssl (req .*)", (support.ROOT / "docs/deploy.md").read_text())
    command = ["openssl", *shlex.split(made), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=tls, check=True, capture_output=True, timeout=120)
    (tls / "both.pem").write_text((tls / "tls.crt").read_text() + (tls / "tls.key").read_text())
    return tls


def nginx_with_tls(directory: Path, tls, service_port, port):
    text = (support.ROOT / "docs/nginx-tls.conf").read_text()
    text = text.replace("service:8000", f"127.0.0.1:{service_port}").replace("listen 443", f"listen 127.0.0.1:{port}")
    (directory / "conf.d").mkdir()
    return nginx_command(directory, text), port


def haproxy_with_tls(directory: Path, tls, service_port, port):
    """It also listens without TLS: over TLS alone, it does not answer a client that asks whether it is there."""
    text, plain = (support.ROOT / "docs/haproxy-tls.cfg").read_text(), support.free_port()
    documented = "    bind :443 ssl crt /etc/haproxy/tls.pem\n"
    assert documented in text and "127.0.0.1:8000" in text
    used = f"    bind 127.0.0.1:{port} ssl crt {tls / 'both.pem'}\n    bind 127.0.0.1:{plain}\n"
    # Only root can become another user.
    text = re.sub("    (user|group) haproxy\n", "", text)
    text = text.replace(documented, used).replace("127.0.0.1:8000", f"127.0.0.1:{service_port}")
    (directory / "haproxy.cfg").write_text(text)
    return ["haproxy", "-db", "-f", f"{directory}/haproxy.cfg"], plain


@pytest.mark.parametrize("make", [nginx_with_tls, haproxy_with_tls])
def test_a_trunk_behind_tls(make, base, api, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.environ["PATH"] + os.pathsep + "/usr/sbin")
    program = make.__name__.partition("_")[0]
    for needed in (program, "openssl"):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed (`make tools`)")
    trunk = api.create({"name": "behind TLS"})
    tls, port = certificate(tmp_path), support.free_port()
    command, answering = make(tmp_path, tls, int(base.rpartition(":")[2]), port)
    proxy = support.Server(command, f"http://127.0.0.1:{answering}", cwd=tmp_path).start()
    try:
        url = f"https://127.0.0.1:{port}/v2/accounts/{api.person.account_id}/connectivity/{trunk}"
        options = {"headers": {"X-Auth-Token": api.token}, "verify": str(tls / "tls.crt"), "timeout": 120}
        support.wait_until(lambda: requests.get(url, **options).status_code == 200, message="the service behind TLS")
        assert requests.get(url, **options).json()["data"]["name"] == "behind TLS"
    finally:
        proxy.stop()


@pytest.mark.waits
@pytest.mark.parametrize("make", [nginx, haproxy])
def test_connectivity_comes_here_and_all_else_goes_to_the_old_one(make, old, world, person, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.environ["PATH"] + os.pathsep + "/usr/sbin")
    if not shutil.which(make.__name__):
        pytest.skip(f"{make.__name__} is not installed (`make tools`)")
    new_port, port = support.free_port(), support.free_port()
    service = support.service(world.environment, port=new_port).start()
    proxy = support.Server(make(tmp_path, old, new_port, port), f"http://127.0.0.1:{port}", cwd=tmp_path).start()
    try:
        front = proxy.url
        direct = support.Api(service.url, person)
        root = f"/v2/accounts/{person.account_id}"
        headers = {"X-Auth-Token": direct.token}

        def text(path, method="GET", **more):
            return requests.request(method, front + path, headers=headers, timeout=120, **more).text

        support.wait_until(
            lambda: text(f"{root}/connectivity").startswith("{"), message="the new one behind the proxy"
        )
        created = requests.put(
            f"{front}{root}/connectivity", json={"data": {"id": "a b?c"}}, headers=headers, timeout=120
        )
        assert created.status_code == 201 and created.headers["location"] == f"{root}/connectivity/a%20b%3Fc"
        assert '"id":"a b?c"' in text(f"{root}/connectivity/a%20b%3Fc")
        for path in (
            f"{root}/connectivity/",
            f"/v1/accounts/{person.account_id}/connectivity",
            "/v2/account/connectivity",
        ):
            assert text(path).startswith("{"), path
        for path in (
            root,
            f"{root}/connectivityx",
            f"{root}/users/connectivity",
            "/v2/user_auth",
            "/",
            f"/x{root}/connectivity",
        ):
            assert text(path) == f"old GET {path}", path
        assert text("/v2/user_auth", "PUT", json={"data": {}}) == "old PUT /v2/user_auth"

        service.stop()
        for method in ("GET", "PUT", "POST", "DELETE"):
            path = f"{root}/connectivity/x"
            support.wait_until(
                lambda method=method, path=path: text(path, method) == f"old {method} {path}", message="the fall-back"
            )
    finally:
        proxy.stop()
        service.stop()
