"""Prints the licence of each package that this project depends on.

The packages are those of `requirements.lock`, read where they are installed. The exit status is 1 if one of them has
a licence that nobody has looked at: only those in `FREE` are known to allow use in a company.
"""

import re
import sys
from importlib.metadata import metadata
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
# MPL-2.0 obliges only whoever changes files of that package.
FREE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "ZPL-2.1"}
# What their metadata say in other words, or only in a file beside them.
OTHER_WORDS = {"BSD": "BSD-3-Clause", "ZPL 2.1": "ZPL-2.1"}
IN_A_FILE = {
    "blinker": "MIT",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "quickjs-ng": "MIT",
    "wtforms": "BSD-3-Clause",
}


def main() -> int:
    """Print the table; the exit status."""
    is_free = True
    for name in re.findall(r"^([a-z0-9-]+)==", LOCK.read_text("utf-8"), re.MULTILINE):
        licence = licence_of(name)
        allowed = set(re.split(r" (?:AND|OR) ", licence)) <= FREE
        is_free &= allowed
        print(f"{name:28} {licence}{'' if allowed else '   <- look at this one'}")
    return int(not is_free)


def licence_of(name: str) -> str:
    """The SPDX expression of an installed package's licence, as far as its metadata or we know it."""
    told = metadata(name)
    licence = told.get("License-Expression") or IN_A_FILE.get(name) or told.get("License", "unknown")
    return OTHER_WORDS.get(licence, licence)


if __name__ == "__main__":
    sys.exit(main())
