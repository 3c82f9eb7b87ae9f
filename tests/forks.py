"""Commands of this service in processes that are forked from one that has imported them.

That takes a tenth of the time of a new interpreter. It is not for what begins with the interpreter: the locale, and
the measuring of coverage.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.preloaded"])


def is_possible(environment: dict[str, str]) -> bool:
    """Whether a command with this environment may be forked."""
    return not any(
        name.startswith("COVERAGE_") or (name.startswith(("LC_", "PYTHON")) and os.environ.get(name) != value)
        for name, value in environment.items()
    )


class Forked:
    """A command that runs, with the members of `subprocess.Popen` that tests use. It leads a process group."""

    def __init__(self, arguments: list[str], environment: dict[str, str], files: list[Path], cwd: Path):
        """`files` are standard input, output and error; the last two are appended to."""
        self.args = arguments
        self._process = _FORKS.Process(target=_run, args=(arguments, environment, list(map(str, files)), cwd))
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode


def ended(
    arguments: list[str], environment: dict[str, str], cwd: Path, stdin: str, timeout: float
) -> subprocess.CompletedProcess:
    """A command that has ended, whatever its code, with what it printed. Raises TimeoutExpired."""
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory) / name for name in ("in", "out", "err")]
        files[0].write_bytes(stdin.encode(errors="surrogateescape"))
        process = Forked(arguments, environment, files, cwd)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        output, errors = (path.read_text(errors="surrogateescape") for path in files[1:])
    return subprocess.CompletedProcess(arguments, code, output, errors)


def _run(arguments: list[str], environment: dict[str, str], files: list[str], cwd: Path) -> None:
    """Run a command in this process, which is there for it alone."""
    from app.commands import main

    os.setsid()
    for number, (path, flags) in enumerate(
        zip(files, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_APPEND] * 2), strict=True)
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["app", *arguments]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
