"""Random requests to every path of `/openapi.json`, as a client might send them that knows the API and means no good.

    python -m tests.load.hostile.random_requests [--seconds 1800] [--engine embedded] [--seed 1]

Texts are of every script, bodies are deep, wide and long, up to the limits. Eight clients ask a service of their own.
Afterwards it prints how many answers had which status, and what was wrong: an answer that came too late, a status of
500 or more but 501 and a 503 that says why, a body that is not JSON, a worker that is gone, memory that stays. The exit
status is 1 if anything was.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from app.documents.names import account_db, number_db
from app.numbers.documents import new_number
from app.settings import Settings
from tests import support
from tests.load.hostile.measure import Workers
from tests.load.hostile.report import MOST_TIMES_RSS

CLIENTS = 8
# What a request may take beyond the time that the service has for it: the machine has other work.
SECONDS_OF_GRACE = 10.0
# Each thread of a worker has caches, which fill first.
MOST_SECONDS_TO_WARM_UP, SECONDS_TO_SETTLE = 120.0, 60.0
MOST_DOCUMENTS = 10
LARGE, LARGEST = 100_000, 7_900_000
NUMBERS = [f"+1415555{number}" for number in range(4000, 4040)]
SCRIPTS = (
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x370, 0x5FF),
    (0x600, 0x6FF),
    (0x900, 0xDFF),
    (0x1100, 0x11FF),
    (0x2000, 0x206F),
    (0x3040, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xFB50, 0xFDFF),
    (0x1F300, 0x1FAFF),
    (0xE0000, 0xE007F),
    (0x00, 0x1F),
)
HEADERS = {
    "accept": ("*/*", "application/json", "text/html, *; q=.2", "text/plain", "a", ",,", 'x/y;z="', "*/*;q=1" * 400),
    "accept-language": ("en-US,", "fr, en;q=0.5", "*", ",", "x" * 3000),
    "accept-encoding": ("gzip", "gzip;q=0", "br", ""),
    "if-match": ("*", '"x"', '"1-a","2-b",', "x", '"' + "," * 5000),
    "if-none-match": ("*", 'W/"x"', '"a,b"', ""),
    "content-type": ("application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"),
    "x-pretty-print": ("true", "false"),
    "x-forwarded-for": ("192.0.2.1", "::1", "x" * 500, "é"),
    "x-http-method-override": ("PATCH",),
    "x-auth-account-id": ("0" * 32, ""),
    "x-request-id": ("r" * 40, "\x01"),
    "authorization": ("Basic x", "Basic " + "YTpi" * 400, "Bearer y"),
}
QUERY = (
    *(
        "page_size",
        "start_key",
        "paginate",
        "filter_name",
        "filter_not_name",
        "filter_servers",
        "has_key",
        "key_missing",
    ),
    *("created_from", "modified_to", "verb", "auth_token", "pretty_print", "filter_state", "prefix", "data", ""),
)


class Values:
    """Random values. `sizes` has the lengths of texts, most of them short."""

    def __init__(self, chance: random.Random):
        self.chance = chance

    def text(self) -> str:
        """A text of one script or of several."""
        chance = self.chance
        length, times = chance.choice((0, 1, 3, 10, 40, 40)), chance.choice((1, 1, 1, 1, 10, 100, 1000))
        scripts = chance.sample(SCRIPTS, chance.choice((1, 1, 3)))
        return "".join(chr(chance.randint(*chance.choice(scripts))) for _ in range(length)) * times

    def scalar(self) -> Any:
        """Any JSON value without parts."""
        chance = self.chance
        return chance.choice(
            (None, True, False, 0, -1, 2**63, 10**40, -0.0, 1e300, 1.5, "", self.text(), chance.choice(NUMBERS))
        )

    def value(self, depth: int = 3) -> Any:
        """Any JSON value."""
        chance = self.chance
        shape = chance.random()
        if depth == 0 or shape < 0.5:
            return self.scalar()
        count = chance.choice((0, 1, 2, 5))
        if shape < 0.75:
            return [self.value(depth - 1) for _ in range(count)] * chance.choice((1, 1, 1, 100))
        return {self.text()[:200]: self.value(depth - 1) for _ in range(count)}

    def large(self) -> Any:
        """A value that is deep, wide or long."""
        chance, size = self.chance, self.chance.choice((1000, LARGE, LARGE, LARGEST))
        kind = chance.randrange(6)
        if kind == 0:
            return json.loads('{"x":' * 250 + "1" + "}" * 250)
        if kind == 1:
            return [0] * (size // 2)
        if kind == 2:
            return {f"{number:x}": number for number in range(size // 20)}
        if kind == 3:
            return chance.choice(("é", "x", "\\", "😀", '"')) * (size // 4)
        if kind == 4:
            return [{"a": [self.text()[:20]]}] * (size // 60)
        return self.value(4)

    def trunk(self) -> dict[str, Any]:
        """A connectivity document, more or less."""
        chance = self.chance
        numbers = chance.sample(NUMBERS, chance.randrange(6)) + [
            f"+1{self.text()}" for _ in range(chance.randrange(2))
        ]
        if chance.random() < 0.05:
            numbers += [f"+1415{number:07}" for number in range(chance.choice((100, 3000)))]
        server = {
            "auth": {
                "auth_method": chance.choice(("Password", "IP", 5)),
                "auth_user": self.text(),
                "ip": self.text(),
            },
            "options": {"inbound_format": chance.choice(("e164", "npan", "x")), "enabled": chance.choice((True, 0))},
            "DIDs": {number: chance.choice(({}, {"failover": {"e164": NUMBERS[0]}}, 5)) for number in numbers},
        }
        trunk = {"name": self.text(), "account": {"trunks": 1}, "servers": [server] * chance.choice((0, 1, 1, 2, 30))}
        return self.mutated(trunk)

    def mutated(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document, most often; else with another member or with a wrong one."""
        chance = self.chance
        if chance.random() < 0.6:
            return document
        name = chance.choice((*document, self.text()[:100], "id", "_id", "pvt_type", "_rev", "_attachments"))
        return {**document, name: self.large() if chance.random() < 0.1 else self.value()}


@dataclass
class Findings:
    """What all clients have seen."""

    statuses: Counter[int] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, operation: str, status: int, seconds: float, problem: str | None = None) -> None:
        """Count an answer, or 0 for none."""
        with self.lock:
            self.statuses[status] += 1
            self.slowest = max(self.slowest, (seconds, operation))
            if problem:
                self.problems[f"{problem}: {operation}"] += 1


class Client:
    """One client, with random values of its own."""

    def __init__(self, url: str, person: support.Person, operations: list[tuple[str, str]], seed: int, limit: float):
        self._url, self._person, self._operations, self._limit = url, person, operations, limit
        self._chance = random.Random(seed)
        self._values = Values(self._chance)
        self._session = requests.Session()
        self._token = support.Api(url, person).token
        self._documents: list[str] = []

    def ask(self, findings: Findings) -> None:
        """Send a random request, and look at the answer."""
        method, template = self._chance.choice(self._operations)
        path = self._path(template)
        body, headers = self._body(method, template), self._headers()
        operation, begun = f"{method} {template}", time.monotonic()
        try:
            answer = self._session.request(
                method,
                self._url + path,
                data=body,
                headers=headers,
                timeout=self._limit + 30,
                allow_redirects=False,
            )
        except (
            requests.ConnectionError,
            requests.exceptions.InvalidHeader,
            requests.exceptions.ChunkedEncodingError,
        ):
            # A refused body is followed by the end of the connection.
            self._session.close()
            findings.note(operation, 0, time.monotonic() - begun)
            return
        except requests.Timeout:
            findings.note(operation, 0, self._limit, "no answer")
            return
        seconds = time.monotonic() - begun
        problem = self._problem(answer)
        if seconds > self._limit:
            problem = f"an answer after {seconds:.0f} s"
        findings.note(operation, answer.status_code, seconds, problem)
        self._remember(method, template, answer)

    def _problem(self, answer: requests.Response) -> str | None:
        is_json = answer.headers.get("content-type") == "application/json"
        try:
            body = answer.json() if is_json else None
        except ValueError:
            return "a body that is not JSON"
        status = answer.status_code
        if status < 500 or status == 501:
            return None
        says_why = isinstance(body, dict) and body.get("message") or "retry-after" in answer.headers
        return None if status == 503 and says_why else f"{status} {answer.text[:100]}"

    def _remember(self, method: str, template: str, answer: requests.Response) -> None:
        """Keep few documents, so that the disk does not fill."""
        if method == "PUT" and template.endswith("/connectivity") and answer.status_code == 201:
            self._documents.append(answer.json()["data"]["id"])
        if len(self._documents) > MOST_DOCUMENTS:
            doc_id = quote(self._documents.pop(0).replace("%", "%25"), safe="")
            url = f"{self._url}/v2/accounts/{self._person.account_id}/connectivity/{doc_id}"
            headers = {"X-Auth-Token": self._token}
            with contextlib.suppress(requests.RequestException):
                self._session.delete(url, params={"should_soft_delete": "false"}, headers=headers, timeout=60)

    def _path(self, template: str) -> str:
        chance = self._chance
        known = {
            "account_id": [self._person.account_id] * 8,
            "id": self._documents[-3:] * 3,
            "user_id": [self._person.user["_id"]],
            "number": NUMBERS[:3],
            "schema": ["connectivity", "users"],
            "revision": ["1-a"],
        }
        parts = []
        for segment in template.split("/"):
            if segment.startswith("{"):
                value = chance.choice([*known.get(segment[1:-1], []), self._values.text()[:300]])
                segment = quote(value.encode("utf-8", "replace"), safe="")
            parts.append(segment)
        names = chance.sample(QUERY, chance.choice((0, 0, 0, 1, 2)))
        values = [
            chance.choice(("false", "true", "3", "-1", "name", "large", self._values.text()[:2000])) for _ in names
        ]
        query = "&".join(
            f"{name}={quote(value.encode('utf-8', 'replace'), safe='')}"
            for name, value in zip(names, values, strict=True)
        )
        return "/".join(parts) + (f"?{query}" if query else "")

    def _headers(self) -> dict[str, str | bytes]:
        chance = self._chance
        headers: dict[str, str | bytes] = {"Content-Type": "application/json"}
        if chance.random() < 0.95:
            headers["X-Auth-Token"] = self._token
        for name in chance.sample(sorted(HEADERS), chance.choice((0, 0, 0, 1, 2))):
            headers[name] = chance.choice(HEADERS[name]).encode("utf-8")
        return headers

    def _body(self, method: str, template: str) -> bytes | None:
        chance, values = self._chance, self._values
        if method in ("GET", "DELETE") and chance.random() < 0.95:
            return None
        kind = chance.random()
        data: Any
        if kind < 0.5 or template.endswith("connectivity"):
            data = values.trunk()
        elif kind < 0.7:
            names = (
                "credentials",
                "account_realm",
                "realm",
                "account_name",
                "api_key",
                "token",
                "as",
                "shared_token",
            )
            data = {name: values.value(2) for name in chance.sample(names, 3)}
        else:
            data = values.large() if kind > 0.97 else values.value()
        text = json.dumps({"data": data, **({values.text()[:20]: 1} if chance.random() < 0.1 else {})}).encode()
        if chance.random() < 0.03:
            cut = chance.randrange(len(text) + 1)
            return text[:cut] + chance.randbytes(3) + text[cut + 1 :]
        return text


def operations_of(url: str) -> list[tuple[str, str]]:
    """Method and path of each operation of a service, and of some that it does not have."""
    document = requests.get(f"{url}/openapi.json", timeout=30).json()
    prefix = document["servers"][0]["url"].rstrip("/")
    listed = [(method.upper(), prefix + path) for path, verbs in document["paths"].items() for method in verbs]
    listed = [(method, path) for method, path in listed if method in ("GET", "PUT", "POST", "PATCH", "DELETE")]
    # Trunks are what most requests are about.
    trunks = [operation for operation in listed if "connectivity" in operation[1]]
    return listed + trunks * 3 + [("GET", "/v2/accounts/{account_id}/{id}"), ("POST", "/v2/{id}"), ("GET", "/health")]


def run(world: support.World, seconds: float, seed: int, requests_each: int = 0) -> Findings:
    """Ask a service on this store for so long, or each client so many requests: then times and memory do not count."""
    person = world.person("Random", "random.example.com", world.master)
    for number in NUMBERS[:20]:
        world.store.create_db(number_db(number))
        document = new_number(number, person.account_id, "knm_local")
        world.store.save_doc(number_db(number), document)
        world.store.save_doc(account_db(person.account_id), document)
    server = support.service({**world.environment, "HISTORY": "true"}, workers=2, forked=False).start()
    workers = Workers(server.process.pid)
    limit = Settings.from_environment(world.environment).request_timeout + SECONDS_OF_GRACE
    limit = 600.0 if requests_each else limit
    try:
        operations = operations_of(server.url)
        clients = [Client(server.url, person, operations, seed * 1000 + number, limit) for number in range(CLIENTS)]
        findings = Findings()
        if requests_each:
            pids = workers.pids()
            _ask(clients, lambda client: [client.ask(findings) for _ in range(requests_each)])
            findings.problems.update(["a worker is gone"] if workers.pids() != pids else [])
            return findings
        _ask_for(clients, min(seconds, MOST_SECONDS_TO_WARM_UP), findings)
        workers.wait_until_idle(SECONDS_TO_SETTLE)
        pids, rss = workers.pids(), workers.rss()
        _ask_for(clients, seconds, findings)
        if workers.pids() != pids:
            findings.problems["a worker is gone"] += 1
        if not _has_settled(workers, rss):
            findings.problems[f"memory stays at {workers.rss():.0f} MB, after {rss:.0f}"] += 1
        return findings
    finally:
        server.stop()


def _ask_for(clients: list[Client], seconds: float, findings: Findings) -> None:
    end = time.monotonic() + seconds

    def work(client: Client) -> None:
        while time.monotonic() < end:
            client.ask(findings)

    _ask(clients, work)


def _ask(clients: list[Client], work: Callable[[Client], object]) -> None:
    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _has_settled(workers: Workers, rss: float) -> bool:
    if not rss:
        # Not Linux.
        return True
    end = time.monotonic() + SECONDS_TO_SETTLE
    while workers.rss() > MOST_TIMES_RSS * rss:
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


@contextlib.contextmanager
def _world(engine: str) -> Iterator[support.World]:
    if engine == "embedded":
        with tempfile.TemporaryDirectory(prefix="random-") as directory:
            yield support.embedded_world(Path(directory)).populate()
    else:
        with support.couchdb() as url:
            yield support.couchdb_world(url).populate()


def main(arguments: list[str] | None = None, tell: Callable[[str], None] = print) -> int:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--requests", type=int, default=0, help="instead of seconds: so many of each client")
    parser.add_argument("--engine", choices=("embedded", "couchdb"), default="embedded")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with _world(options.engine) as world:
        findings = run(world, options.seconds, options.seed, options.requests)
    seconds, operation = findings.slowest
    tell(f"{options.engine}: {sum(findings.statuses.values())} requests, the slowest {seconds:.1f} s: {operation}")
    tell(f"answers: {dict(sorted(findings.statuses.items()))}")
    for problem, count in findings.problems.most_common():
        tell(f"{count} × {problem}")
    return 1 if findings.problems else 0


if __name__ == "__main__":
    sys.exit(main())
