"""Commands of this service in the process of the tests, which takes a twentieth of the time of a forked process.

It is not for what belongs to a process: `serve`, signals, the locale, and commands that run beside others.
"""

import contextlib
import io
import logging
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import app.__main__
from app.commands import main


def is_possible(arguments: list[str], environment: dict[str, str]) -> bool:
    """Whether a command may run here: standard output, for one, is that of the whole process."""
    is_alone = threading.current_thread() is threading.main_thread() and arguments[:1] != ["serve"]
    return is_alone and not any(name.startswith(("LC_", "LANG", "PYTHON")) for name in environment)


def ended(
    arguments: list[str], environment: dict[str, str], cwd: Path, stdin: str
) -> subprocess.CompletedProcess[str]:
    """A command that has ended, whatever its code, with what it printed."""
    # A temporary folder is chosen once for the whole process, so not in this environment.
    tempfile.gettempdir()
    output, errors = io.BytesIO(), io.BytesIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        # The name in its help is made of these two.
        mock.patch.object(sys, "argv", [app.__main__.__file__, *arguments]),
        mock.patch.object(sys.modules["__main__"], "__package__", "app"),
        mock.patch.object(sys, "stdin", _text(_Standard(stdin.encode(errors="surrogateescape")))),
        mock.patch.object(sys, "stdout", _text(output)),
        mock.patch.object(sys, "stderr", _text(errors)),
        contextlib.chdir(cwd),
        _logging_of_its_own(),
    ):
        code = _code_of_main()
        sys.stdout.flush()
        sys.stderr.flush()
        printed, told = (each.getvalue().decode(errors="surrogateescape") for each in (output, errors))
    return subprocess.CompletedProcess(arguments, code, printed, told)


def _code_of_main() -> int:
    """Run the command as an interpreter would, and return its exit status."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


class _Standard(io.BytesIO):
    """What a standard stream reads or writes."""

    name = "<stdin>"


def _text(raw: io.BytesIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, encoding="utf-8")


@contextlib.contextmanager
def _logging_of_its_own() -> Iterator[None]:
    """As in a new process, only warnings are shown, on standard error."""
    last = logging.lastResort
    formatter = last.formatter if last else None
    with mock.patch.object(logging.root, "handlers", []), mock.patch.object(logging.root, "level", logging.WARNING):
        try:
            yield
        finally:
            if last:
                last.setFormatter(formatter)
