"""Replays all recordings of a folder against this service: `python -m tests.parity.replay_all FOLDER`.

Transcripts are replayed on a store freshly loaded with the folder's fixtures; the corpora on one without
rate limits. With `--engine couchdb` that is pouchdb-server, or an empty CouchDB that TEST_COUCHDB_URL names.
Also checks what the folder's own programs do not look at: the order of the envelope's members. Steps in
KNOWN_DEVIATIONS must differ, all others must match.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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
    try:
        with loaded(folder, arguments.engine, free_of_charge=False) as base:
            good = replay(folder, base, transcripts)
        if corpora:
            with loaded(folder, arguments.engine, free_of_charge=True) as base:
                good &= compare_corpora(folder, base, corpora)
    except support.NoCouchDB as error:
        raise SystemExit(str(error)) from None
    return 0 if good else 1


@contextlib.contextmanager
def loaded(folder: Path, engine: str, free_of_charge: bool) -> Iterator[str]:
    """The address of a running service on a new store with the folder's fixtures in it."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if engine == "couchdb":
            environment = {"COUCHDB_URL": stack.enter_context(support.couchdb(os.environ.get("TEST_COUCHDB_URL")))}
        else:
            environment = {"DATA_DIR": str(directory)}
        fixtures = folder / "fixtures.jsonl"
        if free_of_charge:
            changed = "".join(map(_without_costs, fixtures.open(encoding="utf-8")))
            fixtures = directory / "fixtures.jsonl"
            fixtures.write_text(changed, "utf-8")
        service = support.service(environment)
        subprocess.run(
            [sys.executable, "-m", "app", "import", str(fixtures)],
            env=service.environment,
            cwd=support.ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        stack.callback(service.stop)
        yield service.start().url


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
