"""The location of the data files: in the installed package, or at the top of a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


class FilesMissing(Exception):
    """A folder of data files is missing or empty, so the installation is incomplete."""


def data_directory(name: str) -> Path:
    """The folder of this name: `schemas` or `couchdb_views`."""
    installed = _PACKAGE / "data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def json_files(directory: Path) -> list[Path]:
    """The JSON files of a folder, sorted. Raises FilesMissing if there are none."""
    files = sorted(directory.glob("*.json"))
    if not files:
        raise FilesMissing(f"there are no JSON files in {directory}")
    return files
