"""`make hostile`: attacks a running service of one's own and prints how a normal client fares, as a Markdown table.

Settings come from the environment. HOSTILE_URL is the service, on a loopback address; without it, one is started on
an embedded store. HOSTILE_ACCOUNT and HOSTILE_TOKEN are an account of that service and an administrator's token;
WORKERS and THREADS are what it was started with. HOSTILE_SECONDS is how long each attack lasts (10), HOSTILE_ONLY
names the attacks (all), HOSTILE_FULL=1 looks at memory a minute after each attack, not ten seconds.

The attackers are on the same machine, so that they take CPU from the service. They run with a lower priority.
"""

import contextlib
import multiprocessing
import os
import random
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from app.settings import Settings
from tests import support
from tests.load.hostile import clients
from tests.load.hostile.attacks import ATTACKS, overload
from tests.load.hostile.clients import NotLoopback, Target, loopback_address
from tests.load.hostile.measure import NormalClient, Watch, Workers, server_of
from tests.load.hostile.report import MOST_TIMES_RSS, Phase, Result, table

MOST_SECONDS_BEFORE = 5.0
SECONDS_UNTIL_IDLE = 60.0
SECONDS_BETWEEN_LOOKS = 0.2
# Until an attack is prepared; after its time, until its clients are gone; and until its documents are deleted.
SECONDS_TO_BEGIN, SECONDS_TO_END = 60.0, 20.0
NICE = 10
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Plan:
    """What to do: which attacks, how long each, and how long to look at memory afterwards, in seconds."""

    names: list[str]
    seconds: float
    settling: float

    @classmethod
    def from_environment(cls) -> "Plan":
        """Exits if it makes no sense."""
        names = [name for name in os.environ.get("HOSTILE_ONLY", "").split(",") if name] or list(ATTACKS)
        if unknown := set(names) - ATTACKS.keys():
            raise SystemExit(f"HOSTILE_ONLY: no attack {', '.join(sorted(unknown))}; there are {', '.join(ATTACKS)}")
        seconds = float(os.environ.get("HOSTILE_SECONDS") or 10)
        if not 0 < seconds <= 600:
            raise SystemExit("HOSTILE_SECONDS must be up to 600")
        return cls(names, seconds, 60 if os.environ.get("HOSTILE_FULL") else 10)


def main() -> None:
    plan = Plan.from_environment()
    results = []
    for name in plan.names:
        # What one attack leaves behind must not count for the next one.
        with _service() as (target, server), _document(target) as path:
            workers = Workers(server)
            workers.wait_until_idle(SECONDS_UNTIL_IDLE)
            results.append(_try(name, target, path, workers, plan))
    print(table(results))
    raise SystemExit(any(result.broken_wishes() for result in results))


@contextlib.contextmanager
def _service() -> Iterator[tuple[Target, int | None]]:
    """The service to attack, and the pid of its first process if that can be seen."""
    url = os.environ.get("HOSTILE_URL")
    if not url:
        with _own_service() as found:
            yield found
        return
    account_id, token = os.environ.get("HOSTILE_ACCOUNT"), os.environ.get("HOSTILE_TOKEN")
    if not account_id or not token:
        raise SystemExit("HOSTILE_URL needs HOSTILE_ACCOUNT and HOSTILE_TOKEN")
    try:
        target = _target(url, account_id, token)
    except NotLoopback as error:
        raise SystemExit(str(error)) from None
    yield target, server_of(target.port)


@contextlib.contextmanager
def _own_service() -> Iterator[tuple[Target, int | None]]:
    with tempfile.TemporaryDirectory(prefix="hostile-") as directory:
        world = support.embedded_world(Path(directory)).populate()
        person = world.person("Hostile", "hostile.example.com", world.master)
        server = support.service(
            {**world.environment, "WORKERS": "2"}, _any_free_port(), workers=2, forked=False
        ).start()
        try:
            if server_of(int(server.url.rpartition(":")[2])) not in (server.process.pid, None):
                raise SystemExit(f"another service has taken {server.url} meanwhile")
            token = support.Api(server.url, person).token
            yield _target(server.url, person.account_id, token, workers=2), server.process.pid
        finally:
            server.stop()


def _any_free_port() -> int:
    """A port that tests, which begin at the same one each time, will hardly use at the same time."""
    while True:
        port = random.randrange(23000, 32000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _target(url: str, account_id: str, token: str, workers: int | None = None) -> Target:
    """Raises NotLoopback."""
    host, port = loopback_address(url)
    settings = Settings.from_environment()
    threads = (workers or settings.workers) * settings.threads
    return Target(host, port, account_id, token, threads, f"hostile-{secrets.token_hex(8)}")


@contextlib.contextmanager
def _document(target: Target) -> Iterator[str]:
    """The path of the document that the normal client reads."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    base, headers = f"http://{host}:{target.port}", {"X-Auth-Token": target.token}
    data = {"id": target.prefix, "name": "Normal", "servers": [support.server_with()]}
    answer = requests.put(f"{base}{target.collection}", json={"data": data}, headers=headers, timeout=30)
    if answer.status_code != 201:
        raise SystemExit(f"no document can be created: {answer.status_code} {answer.text[:200]}")
    try:
        yield f"{target.collection}/{target.prefix}"
    finally:
        clients.clean_up(target)


def _try(name: str, target: Target, path: str, workers: Workers, plan: Plan) -> Result:
    """Run one attack, between two times without any."""
    _say(f"{name}: {(ATTACKS[name].__doc__ or '').splitlines()[0]}")
    pids = workers.pids()
    normal = NormalClient(target, path, workers)
    try:
        before = Watch(workers)
        time.sleep(max(1.0, min(plan.seconds, MOST_SECONDS_BEFORE)))
        before.end()
        with _Attacker(name, target, plan.seconds) as attacker:
            during = attacker.watch(workers)
        after = _settle(workers, during, before.rss, plan)
        samples = normal.samples()
    finally:
        normal.end()
    phases = [watch.phase(samples) if watch else Phase([], None) for watch in (before, during, after)]
    ended = workers.pids() != pids if pids else None
    result = Result(name, *phases, attacker.statuses, ended, name == overload.__name__, attacker.error)
    _say(f"  answers: {dict(sorted(attacker.statuses.items()))}; wishes: {result.broken_wishes() or 'hold'}")
    return result


def _settle(workers: Workers, during: Watch | None, rss: float, plan: Plan) -> Watch:
    """Wait as long as the attack lasted, and longer if memory has not come back yet."""
    after = Watch(workers)
    while (passed := time.monotonic() - after.begun) < plan.settling:
        if passed > plan.seconds and after.look() <= rss * MOST_TIMES_RSS:
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    after.end()
    return after


class _Attacker:
    """The process of an attack. `error` is why it failed, `statuses` counts the answers that its clients got."""

    def __init__(self, name: str, target: Target, seconds: float):
        self.error = ""
        self.statuses: dict[int, int] = {}
        self._seconds = seconds
        self._receiver, sender = _FORK.Pipe(duplex=False)
        self._process = _FORK.Process(target=_attack, args=(name, target, seconds, sender.send), daemon=True)

    def __enter__(self) -> "_Attacker":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def watch(self, workers: Workers) -> Watch | None:
        """Watch the workers from the beginning of the attack to its end, and wait until it has been cleaned up."""
        if not self._await(SECONDS_TO_BEGIN, None):
            return None
        watch = Watch(workers)
        self._await(self._seconds + SECONDS_TO_END, watch)
        watch.end()
        if not self.error:
            self._await(clients.SECONDS_TO_CLEAN_UP + SECONDS_TO_END, None)
        return watch

    def _await(self, seconds: float, watch: Watch | None) -> bool:
        """Wait for what the process tells next, with an eye on the workers. Returns whether all is well."""
        deadline = time.monotonic() + seconds
        while not self._receiver.poll(SECONDS_BETWEEN_LOOKS):
            if watch:
                watch.look()
            has_ended = not self._process.is_alive() and not self._receiver.poll()
            if has_ended or time.monotonic() > deadline:
                self.error = "the attack ended too early" if has_ended else "the attack did not end in time"
                return False
        event, _, told = self._receiver.recv()
        if event == "failed":
            self.error = told
        elif event == "done":
            self.statuses = dict(told)
        return event != "failed"


def _attack(name: str, target: Target, seconds: float, tell: Any) -> None:
    """In a process of its own, which leaves the CPU to the service and to the normal client."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    clients.run(ATTACKS[name], target, seconds, tell)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
