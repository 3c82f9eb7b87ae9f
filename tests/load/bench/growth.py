"""What stays flat as things grow, and what does not: documents, accounts, servers, workers, requests."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from app.documents import Document
from app.documents.names import account_db
from tests import support
from tests.load.bench import servers
from tests.load.bench.load import Request, check, requests_per_second


def documents_in_an_account(counts: tuple[int, ...]) -> dict[int, float]:
    """Milliseconds of a page of 50 in the middle of an account, by its number of documents."""
    with servers.embedded() as target:
        pages = {}
        for count in counts:
            person = target.world.person(f"Documents {count}", f"d{count}.example.com", target.world.master)
            _fill(target.world, person, count)
            api = support.Api(target.server.url, person)
            start = f"{max(0, count // 2 - 25):032x}"
            pages[count] = Request(f"{api.url()}?start_key={start}", headers={"X-Auth-Token": api.token})
        return _milliseconds(pages)


def accounts(counts: tuple[int, ...]) -> dict[int, float]:
    """Milliseconds of a log-in by account name, by the number of accounts."""
    result = {}
    with servers.embedded() as target:
        world, made = target.world, 1
        person = world.person("Accounts", "accounts.example.com", world.master)
        login = support.Api(target.server.url, person)
        data = f'{{"data":{{"credentials":"{login.person.credentials}","account_name":"Accounts"}}}}'
        request = Request(f"{target.server.url}/v2/user_auth", "PUT", {}, data, 201)
        for count in counts:
            rows = (
                {**person.account, "_id": f"{n:032x}", "name": f"n{n}", "realm": f"r{n}"} for n in range(made, count)
            )
            world.store.load_docs("accounts", rows)
            made = max(made, count)
            result[count] = _milliseconds({count: request})[count]
    return result


def servers_in_a_document(counts: tuple[int, ...]) -> dict[int, float]:
    """Milliseconds of a read, by the document's number of servers."""
    with servers.embedded() as target:
        person = target.world.person("Servers", "servers.example.com", target.world.master)
        api = support.Api(target.server.url, person)
        reads = {}
        for count in counts:
            doc_id = api.create({"servers": [support.server_with(f"+1415{number:07}") for number in range(count)]})
            reads[count] = Request(api.url(f"/{doc_id}"), headers={"X-Auth-Token": api.token})
        return _milliseconds(reads)


def workers(counts: tuple[int, ...], seconds: float) -> dict[int, float]:
    """Reads a second on 32 connections, by the number of workers."""
    result = {}
    for count in counts:
        with servers.embedded(count) as target:
            result[count] = requests_per_second(target.requests["read"], 32, seconds)
    return result


def memory(checkpoints: tuple[int, ...]) -> dict[int, int]:
    """KiB that one worker holds, after so many reads."""
    with servers.embedded() as target:
        request, done, result = target.requests["read"], 0, {}
        worker = target.server.pids()[1]
        for checkpoint in checkpoints:
            while done < checkpoint:
                seconds = 1.0
                done += round(requests_per_second(request, 8, seconds, bundled=True) * seconds)
            result[done] = _resident_kib(worker)
        return result


def start_seconds() -> float:
    """From the command to the first answer, on a store that is there; the median of five."""
    times = []
    with servers.embedded() as target:
        for _ in range(5):
            server = support.service(target.world.environment, forked=False)
            started = time.perf_counter()
            server.start()
            times.append(time.perf_counter() - started)
            server.stop()
    return statistics.median(times)


def _fill(world: support.World, person: support.Person, count: int) -> None:
    body = {"pvt_type": "sys_info", "account": {"auth_realm": person.realm}, "servers": []}

    def rows(first: int) -> Iterator[Document]:
        return ({"_id": f"{number:032x}", **body} for number in range(first, min(first + 5000, count)))

    for first in range(0, count, 5000):
        world.store.load_docs(account_db(person.account_id), rows(first))


def _milliseconds(requests: dict[int, Request], rounds: int = 60) -> dict[int, float]:
    """The median of each, measured in turn, each once more after itself: a large answer leaves cold caches."""
    times: dict[int, list[float]] = {count: [] for count in requests}
    for _ in range(rounds):
        for count, request in requests.items():
            check(request)
            started = time.perf_counter()
            check(request)
            times[count].append(time.perf_counter() - started)
    return {count: 1000 * statistics.median(values) for count, values in times.items()}


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise RuntimeError(f"no memory of process {pid}")
