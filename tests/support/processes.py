"""This service and other servers as processes, and its commands."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import commands, forks
from tests.support.waiting import answers, free_port, is_listening, wait_until

ROOT = Path(__file__).resolve().parents[2]
THIS_APP = (sys.executable, "-m", "app")
# Whatever the shell of the tests has set.
NO_SERVERS = {"COUCHDB_URL": "", "AMQP_URL": ""}
# How long a command may take, in seconds.
LONGEST_COMMAND = 300


class Server:
    """A child process that listens; the whole process group goes with it.

    `workers` is how many processes it starts. The first one may answer before the others are there.
    """

    def __init__(
        self,
        command: list[str],
        url: str,
        environment: dict[str, str] | None = None,
        cwd: Path = ROOT,
        workers: int = 0,
    ):
        self.url = url
        self.workers = workers
        self._command = command
        self.environment = {**os.environ, **(environment or {})}
        self.cwd = cwd
        self._log = self.environment.get("TEST_LOG", os.devnull)
        self.process: subprocess.Popen | forks.Forked | None = None

    def start(self) -> "Server":
        """Start it and wait until it answers and is complete."""
        self.process = self._launched()
        wait_until(lambda: answers(self.url) or self._check_alive(), message=f"{self._command[0]} at {self.url}")
        self._check_alive()
        wait_until(lambda: len(self.pids()) > self.workers or self._check_alive(), message=f"{self.workers} workers")
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
        """Send a signal to the whole group and wait for the end of all of it: then nobody listens any more."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, sign)
            self.process.wait(120)
            wait_until(lambda: not is_listening(self.url), message=f"the end of what listens at {self.url}")

    def process_signal(self, sign: int) -> None:
        """Send a signal to the first process alone."""
        os.kill(self.process.pid, sign)

    def pids(self) -> list[int]:
        """The process and its children."""
        return [self.process.pid, *sorted(children_of(self.process.pid))]

    def stop(self) -> None:
        """End it as an operator would, then surely."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


def children_of(parent: int) -> Iterator[int]:
    """The ids of the processes that a process has started, in no order."""
    for process in Path("/proc").glob("[0-9]*"):
        # It may have ended since.
        with contextlib.suppress(OSError):
            # The parent stands second after the name, which has brackets and may have blanks.
            if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(process.name)


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
    return kind(command, f"http://127.0.0.1:{port}", environment, workers=workers)


def run(environment: dict[str, str], *arguments: str, stdin: str = "", code: int = 0) -> str:
    """What a command of this service printed, as an operator would run it in an empty environment but for these.

    It must end with this code; its errors come back where that is not 0.
    """
    ended = command_ended(environment, *arguments, stdin=stdin)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout if code == 0 else ended.stderr


def command_ended(environment: dict[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A command of this service that has ended, whatever its code.

    It runs in this process or a forked one where that makes no difference.
    """
    alone = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
    if commands.is_possible(list(arguments), environment):
        return commands.ended(list(arguments), alone, ROOT, stdin)
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    environment = {**measured, **alone}
    if forks.is_possible(environment):
        return forks.ended(list(arguments), environment, ROOT, stdin, LONGEST_COMMAND)
    return subprocess.run(
        [*THIS_APP, *arguments],
        env=environment,
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=LONGEST_COMMAND,
    )


def json_lines(output: str) -> list[Any]:
    """What a command printed as lines of JSON. A text in them may have characters that `splitlines` splits at."""
    return [json.loads(line) for line in output.split("\n") if line]
