"""What tests need of the world: free ports, running servers, and accounts to call them with."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from app.accounts.creation import add_account, add_user
from app.accounts.system import create_system
from app.auth.credentials import credential_hash
from app.documents import Document
from app.documents.names import encoded
from app.settings import Settings
from app.store import Store
from app.store.couchdb.store import CouchDBStore
from app.store.embedded.store import EmbeddedStore
from tests import forks

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = ROOT / "tests/recordings"
POUCHDB = ROOT / ".tools/node_modules/.bin/pouchdb-server"
PASSWORD = "correct horse"
THIS_APP = (sys.executable, "-m", "app")
# Whatever the shell of the tests has set.
NO_SERVERS = {"COUCHDB_URL": "", "AMQP_URL": ""}


# Below the ports that the system gives to connections. Each process of the tests has 2000 of its own, and begins at
# another one in each run, so that two runs on one machine hardly meet.
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = itertools.count(15000 + 2000 * _WORKER + zlib.crc32(_RUN.encode()) % 1000)


def free_port() -> int:
    """A port of the loopback address that nothing listens on, and that is given to nobody twice."""
    while True:
        port = next(_PORTS)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], Any], seconds: float = 15, message: str = "condition") -> Any:
    """Ask again until something true comes back; fail after a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"{message} did not come about within {seconds} s")


def answers(url: str) -> bool:
    """Whether anything speaks HTTP there."""
    try:
        requests.get(url, timeout=1)
    except requests.RequestException:
        return False
    return True


class Server:
    """A child process that listens; the whole process group goes with it."""

    def __init__(self, command: list[str], url: str, environment: dict[str, str] | None = None, cwd: Path = ROOT):
        self.url = url
        self._command = command
        self.environment = {**os.environ, **(environment or {})}
        self.cwd = cwd
        self._log = self.environment.get("TEST_LOG", os.devnull)
        self.process: subprocess.Popen | forks.Forked | None = None

    def start(self) -> "Server":
        """Start it and wait until it answers."""
        self.process = self._launched()
        wait_until(lambda: answers(self.url) or self._check_alive(), message=f"{self._command[0]} at {self.url}")
        self._check_alive()
        return self

    def _launched(self) -> subprocess.Popen | forks.Forked:
        with open(self._log, "ab") as log:
            return subprocess.Popen(
                self._command, env=self.environment, cwd=self.cwd, stdout=log, stderr=log, start_new_session=True
            )

    def _check_alive(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"{self._command} ended with {self.process.returncode}")
        return False

    def kill(self, sign: int = signal.SIGKILL) -> None:
        """Send a signal to the whole group and wait for the end."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, sign)
            self.process.wait(20)

    def process_signal(self, sign: int) -> None:
        """Send a signal to the first process alone."""
        os.kill(self.process.pid, sign)

    def pids(self) -> list[int]:
        """The process and its children."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout
        return [self.process.pid, *map(int, children.split())]

    def stop(self) -> None:
        """End it as an operator would, then surely."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()


class ForkedService(Server):
    """This service in a forked process."""

    def _launched(self) -> forks.Forked:
        arguments = self._command[len(THIS_APP) :]
        return forks.Forked(arguments, self.environment, [os.devnull, self._log, self._log], self.cwd)


def service(
    environment: dict[str, str], port: int | None = None, workers: int = 2, forked: bool = True, demo: bool = False
) -> Server:
    """This service, not yet started. `forked`: where that is possible; without it, as an operator starts it."""
    port = port or free_port()
    command = [*THIS_APP, "serve", "--port", str(port), "--workers", str(workers)]
    command += ["--demo"] if demo else []
    environment = {**NO_SERVERS, "LOG_LEVEL": "WARNING", **environment}
    kind = ForkedService if forked and forks.is_possible({**os.environ, **environment}) else Server
    return kind(command, f"http://127.0.0.1:{port}", environment)


def run(environment: dict[str, str], *arguments: str, stdin: str = "", code: int = 0) -> str:
    """What a command of this service printed, as an operator would run it in an empty environment but for these.

    It must end with this code; its errors come back where that is not 0.
    """
    ended = command_ended(environment, *arguments, stdin=stdin)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout if code == 0 else ended.stderr


def command_ended(environment: dict[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A command of this service that has ended, whatever its code."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **measured, **environment}
    if forks.is_possible(environment):
        return forks.ended(list(arguments), environment, ROOT, stdin, 90)
    return subprocess.run(
        [*THIS_APP, *arguments],
        env=environment,
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=90,
    )


def json_lines(output: str) -> list[Any]:
    """What a command printed as lines of JSON. A text in them may have characters that `splitlines` splits at."""
    return [json.loads(line) for line in output.split("\n") if line]


def _pouchdb() -> Server | None:
    """A CouchDB of npm's, not yet started; None where it is not installed."""
    if not POUCHDB.exists() or not shutil.which("node"):
        return None
    port = free_port()
    directory = Path(tempfile.mkdtemp(prefix="pouchdb-"))
    command = ["node", str(POUCHDB), "--in-memory", "--port", str(port), "--no-stdout-logs", "--dir", str(directory)]
    return Server(command, f"http://127.0.0.1:{port}", cwd=directory)


class NoCouchDB(Exception):
    """There is no CouchDB to use, and why."""


@contextlib.contextmanager
def couchdb(url: str | None = None) -> Iterator[str]:
    """The CouchDB at this URL, which must be empty and is again afterwards; without a URL, npm's.

    Raises NoCouchDB.
    """
    if not url:
        server = _pouchdb()
        if server is None:
            raise NoCouchDB("pouchdb-server is not installed: `make tools`, or name an empty CouchDB")
        try:
            yield server.start().url
        finally:
            server.stop()
            shutil.rmtree(server.cwd, ignore_errors=True)
        return
    if databases(url):
        raise NoCouchDB("the CouchDB named has databases, which may be somebody's: name an empty one")
    try:
        yield url.rstrip("/")
    finally:
        for name in databases(url):
            requests.delete(f"{url.rstrip('/')}/{encoded(name)}", timeout=60).raise_for_status()


@contextlib.contextmanager
def couchdb_or_skip(url: str | None = None) -> Iterator[str]:
    """The same for a test, which is skipped where there is none."""
    try:
        with couchdb(url) as found:
            yield found
    except NoCouchDB as error:
        pytest.skip(str(error))


def databases(url: str) -> list[str]:
    """The databases of a CouchDB but its own."""
    answer = requests.get(f"{url.rstrip('/')}/_all_dbs", timeout=60)
    answer.raise_for_status()
    return [name for name in answer.json() if not name.startswith("_")]


@dataclass
class Person:
    """An account with a user in it."""

    account: Document
    user: Document

    @property
    def account_id(self) -> str:
        return self.account["_id"]

    @property
    def realm(self) -> str:
        return self.account["realm"]

    @property
    def credentials(self) -> str:
        return credential_hash(self.user["username"], PASSWORD)


@dataclass
class World:
    """A store with a master account, and the environment of a service on it."""

    store: Store
    environment: dict[str, str]
    settings: Settings = field(default_factory=Settings)
    master: Person | None = None

    def populate(self, rate_limited: bool = False) -> "World":
        """Create what Kazoo would have, and the master account."""
        create_system(self.store)
        if not rate_limited:
            self.configure("crossbar", token_costs=0)
        self.master = self.person("Master", "master.example.com")
        if not self.store.is_embedded:
            self.configure("accounts", master_account_id=self.master.account_id)
        return self

    def person(self, name: str, realm: str, parent: Person | None = None, level: str = "admin") -> Person:
        """A new account, below `parent`, and its user."""
        account = add_account(self.store, self.settings, name, realm, parent.account_id if parent else None)
        user = add_user(self.store, account["_id"], f"user@{realm}", PASSWORD, level)
        return Person(account, user)

    def configure(self, document: str, **members: Any) -> None:
        """Set members of `default` in a document of `system_config`."""
        stored = self.store.find_doc("system_config", document) or {"_id": document, "pvt_type": "config"}
        stored["default"] = {**stored.get("default", {}), **members}
        self.store.save_doc("system_config", stored)


def embedded_world(directory: Path) -> World:
    """A world on the embedded store."""
    return World(EmbeddedStore(directory), {"DATA_DIR": str(directory)})


def couchdb_world(url: str) -> World:
    """A world on a CouchDB."""
    return World(CouchDBStore([url], timeout=15), {"COUCHDB_URL": url, "COUCHDB_TIMEOUT": "15"})


class Api:
    """A client of one account: paths below the account, answers as `requests` gives them."""

    def __init__(self, base: str, person: Person, version: str = "v2"):
        self.base = base
        self.person = person
        self.version = version
        self.session = requests.Session()
        answer = self.login()
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["auth_token"]

    def login(self) -> requests.Response:
        data = {"credentials": self.person.credentials, "account_realm": self.person.realm}
        return self.session.put(f"{self.base}/{self.version}/user_auth", json={"data": data}, timeout=30)

    def url(self, path: str = "", account_id: str | None = None) -> str:
        return f"{self.base}/{self.version}/accounts/{account_id or self.person.account_id}/connectivity{path}"

    def call(self, method: str, path: str = "", data: Any = None, account_id: str | None = None, **more: Any):
        """One request to the account's connectivity; `data` goes into the envelope."""
        headers = {"X-Auth-Token": self.token, **more.pop("headers", {})}
        body = more.pop("json", None) or ({"data": data} if data is not None else None)
        url = self.url(path, account_id)
        return self.session.request(method, url, json=body, headers=headers, timeout=60, **more)

    def create(self, data: Any = None) -> str:
        """A new trunk document; its id."""
        answer = self.call("PUT", data={} if data is None else data)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]["id"]


def server_with(*numbers: str, **auth: Any) -> Document:
    """A server as clients send it, with these DIDs."""
    return {
        "server_name": "pbx",
        "auth": {"auth_method": "Password", "auth_user": "user", "auth_password": "secret", **auth},
        "options": {"enabled": True},
        "DIDs": {number: {} for number in numbers},
    }
