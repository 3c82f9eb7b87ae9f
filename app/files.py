"""Files: where the data files are, how to write a file all at once, and locks."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_PACKAGE = Path(__file__).resolve().parent


class FilesMissing(Exception):
    """A folder of data files is missing or empty: the installation is incomplete."""


def data_directory(name: str) -> Path:
    """The folder `schemas` or `couchdb_views`: in the installed package, or at the top of a checkout."""
    installed = _PACKAGE / "data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def json_files(directory: Path) -> list[Path]:
    """The JSON files in a folder, sorted. Raises FilesMissing if there are none."""
    files = sorted(directory.glob("*.json"))
    if not files:
        raise FilesMissing(f"there are no JSON files in {directory}")
    return files


@contextmanager
def locked(path: Path, waits: bool = True) -> Iterator[None]:
    """Hold the lock of this file, which is created if it is missing. Raises OSError.

    If another process holds it, wait, or raise OSError unless `waits`. Forked processes hold it as well.
    """
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def whole_file(path: Path, encoding: str | None = None) -> Iterator[IO[Any]]:
    """A new file that appears at `path` once it is complete. It is binary unless an encoding is given.

    Only its owner can read it. Raises OSError.
    """
    mode = "w" if encoding else "wb"
    with tempfile.NamedTemporaryFile(
        mode, dir=path.parent, prefix=f".{path.name}.", encoding=encoding, delete=False
    ) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
