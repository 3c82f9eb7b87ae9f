"""Replays all recordings of a folder against this service: `python -m tests.parity.replay_all FOLDER`.

Transcripts are replayed on a store freshly loaded with the folder's fixtures; the corpora on one without
rate limits. Also checks what the folder's own programs do not look at: the order of the envelope's members.
Steps in KNOWN_DEVIATIONS must differ, all others must match.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import support

# Steps that cannot match, by (transcript, step); each is a row of docs/deviations.md.
KNOWN_DEVIATIONS = {
    ("methods", "item that is a design document"),
    ("methods", "no version"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=support.SHARED / "parity")
    parser.add_argument("--engine", choices=["embedded", "couchdb"], default="embedded")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    transcripts, corpora = sorted(folder.glob("transcripts/*.json")), sorted(folder.glob("*_corpus.jsonl"))
    with Loaded(folder, arguments.engine, free_of_charge=False) as base:
        good = replay(folder, base, transcripts)
    if corpora:
        with Loaded(folder, arguments.engine, free_of_charge=True) as base:
            good &= compare_corpora(folder, base, corpora)
    return 0 if good else 1


class Loaded:
    """A running service on a new store with the folder's fixtures in it."""

    def __init__(self, folder: Path, engine: str, free_of_charge: bool):
        self._fixtures = folder / "fixtures.jsonl"
        self._engine = engine
        self._free_of_charge = free_of_charge

    def __enter__(self) -> str:
        self._directory = tempfile.TemporaryDirectory()
        self._couchdb = support.pouchdb() if self._engine == "couchdb" else None
        if self._engine == "couchdb" and self._couchdb is None:
            raise SystemExit("pouchdb-server is not installed: make tools")
        if self._couchdb:
            self._couchdb.start()
            environment = {"COUCHDB_URL": self._couchdb.url}
        else:
            environment = {"DATA_DIR": self._directory.name}
        fixtures = self._fixtures
        if self._free_of_charge:
            fixtures = Path(self._directory.name) / "fixtures.jsonl"
            fixtures.write_text("".join(map(_without_costs, self._fixtures.open(encoding="utf-8"))), "utf-8")
        service = support.service(environment)
        subprocess.run(
            [sys.executable, "-m", "app", "import", str(fixtures)],
            env=service._environment,
            cwd=support.ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self._service = service.start()
        return self._service.url

    def __exit__(self, *_: object) -> None:
        self._service.stop()
        if self._couchdb:
            self._couchdb.stop()
        self._directory.cleanup()


def _without_costs(line: str) -> str:
    row = json.loads(line)
    if row["db"] == "system_config" and row["doc"]["_id"] == "crossbar":
        row["doc"]["default"]["token_costs"] = 0
    return json.dumps(row, ensure_ascii=False) + "\n"


def replay(folder: Path, base: str, transcripts: list[Path]) -> bool:
    """Replay with the folder's own program; whether exactly the known deviations differ."""
    program = _load(folder, "replay")
    observe, wrong_order = program.observe, []

    def observe_order(base, step, variables):
        seen = observe(base, step, variables)
        wanted = step["expect"].get("keys")
        same_status = seen["status"] == step["expect"]["status"]
        if same_status and not step.get("optional") and wanted and wanted != seen.get("keys"):
            wrong_order.append((step["name"], wanted, seen["keys"]))
        return seen

    program.observe = observe_order
    report = Path(tempfile.mkstemp(suffix=".json")[1])
    sys.argv = ["replay.py", "--base", base, "--json", str(report), *map(str, transcripts)]
    program.main()
    steps = json.loads(report.read_text())
    report.unlink()
    differing = {(Path(step["file"]).stem, step["step"]) for step in steps if step["differences"]}
    unknown = differing - KNOWN_DEVIATIONS
    print(
        f"{len(differing & KNOWN_DEVIATIONS)} differing steps are rows of docs/deviations.md, {len(unknown)} are not"
    )
    for name, wanted, got in wrong_order:
        print(f"ORDER {name}: want {wanted}, got {got}")
    print(f"envelope members in another order: {len(wrong_order)}")
    return not unknown and not wrong_order


def compare_corpora(folder: Path, base: str, corpora: list[Path]) -> bool:
    """Compare with the folder's own program; whether all cases match."""
    program = _load(folder, "corpus")
    sys.argv = ["corpus.py", "--base", base, *map(str, corpora)]
    return program.main() == 0


def _load(folder: Path, name: str):
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    specification = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
