"""Replays all recordings of folders against this service: `python -m tests.recordings FOLDER...`.

A folder has `fixtures.jsonl`, `transcripts/*.json` and `*_corpus.jsonl`. Transcripts are replayed on a store freshly
loaded with the fixtures; the corpora on one without rate limits. With `--engine couchdb` that is pouchdb-server, or an
empty CouchDB that TEST_COUCHDB_URL names. Only steps in KNOWN_DEVIATIONS may differ, and the members of envelopes must
stand in the recorded order.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests import support
from tests.recordings.corpus import NoLogIn, compare_all
from tests.recordings.replay import over_http, replay_all

# Steps that cannot match, by (transcript, step); each is a row of docs/deviations.md.
KNOWN_DEVIATIONS = {
    ("methods", "item that is a design document"),
    ("methods", "no version"),
    ("my_account", "limits"),
    ("number_features", "local: bad type"),
    ("number_features", "external: bad type"),
    ("number_features", "external: e911 street_address"),
}
# pouchdb-server orders texts by their code points, where CouchDB has `acme` before `Parity`.
OTHER_ORDER_ON_POUCHDB = {
    ("children", name)
    for name in ("children", "children, two a page", "descendants", "siblings", "children, not paged")
}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="*", default=[support.RECORDINGS, support.RECORDINGS / "ui"])
    parser.add_argument("--engine", choices=["embedded", "couchdb"], default="embedded")
    arguments = parser.parse_args()
    try:
        good = [_replay_folder(folder.resolve(), arguments.engine) for folder in arguments.folders]
    except (support.NoCouchDB, NoLogIn) as error:
        raise SystemExit(str(error)) from None
    return 0 if all(good) else 1


def _replay_folder(folder: Path, engine: str) -> bool:
    """Whether all that is recorded there matches, but for known deviations."""
    transcripts, corpora = sorted(folder.glob("transcripts/*.json")), sorted(folder.glob("*_corpus.jsonl"))
    if not transcripts and not corpora:
        raise SystemExit(f"{folder} has neither transcripts/*.json nor *_corpus.jsonl")
    with loaded(folder, engine, free_of_charge=False) as base:
        is_pouchdb = engine == "couchdb" and not os.environ.get("TEST_COUCHDB_URL")
        good = _replay(base, transcripts, OTHER_ORDER_ON_POUCHDB if is_pouchdb else set())
    if corpora:
        with loaded(folder, engine, free_of_charge=True) as base:
            good &= compare_all(corpora, over_http(base))
    return good


@contextlib.contextmanager
def loaded(folder: Path, engine: str, free_of_charge: bool) -> Iterator[str]:
    """The address of a running service on a new store with the folder's fixtures in it."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if engine == "couchdb":
            environment = {"COUCHDB_URL": stack.enter_context(support.couchdb(os.environ.get("TEST_COUCHDB_URL")))}
        else:
            environment = {"DATA_DIR": str(directory)}
        service = support.service(environment)
        subprocess.run(
            [sys.executable, "-m", "app", "import", "-"],
            input=fixtures(folder, free_of_charge),
            env=service.environment,
            cwd=support.ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        stack.callback(service.stop)
        yield service.start().url


def fixtures(folder: Path, free_of_charge: bool) -> bytes:
    """The lines of a folder's fixtures, on request with `token_costs` 0."""
    text = (folder / "fixtures.jsonl").read_text("utf-8")
    if not free_of_charge:
        return text.encode("utf-8")
    return "".join(map(_without_costs, text.splitlines(keepends=True))).encode("utf-8")


def _without_costs(line: str) -> str:
    row = json.loads(line)
    if (row["db"], row["doc"]["_id"]) != ("system_config", "crossbar"):
        return line
    row["doc"]["default"]["token_costs"] = 0
    return json.dumps(row, ensure_ascii=False) + "\n"


def _replay(base: str, transcripts: list[Path], of_the_store: set[tuple[str, str]]) -> bool:
    """Whether nothing differs but known deviations and what is of the store's making, and no envelope's order."""
    outcomes = replay_all(transcripts, over_http(base))
    differing = {
        (title, outcome.step["name"]) for title, outcome in outcomes if outcome.counts and outcome.differences
    }
    known, unknown = differing & KNOWN_DEVIATIONS, differing - KNOWN_DEVIATIONS - of_the_store
    if differing & of_the_store:
        print(
            f"{len(differing & of_the_store)} differing steps are in the order of pouchdb-server, which is not CouchDB's"
        )
    print(f"{len(known)} differing steps are rows of docs/deviations.md, {len(unknown)} are not")
    other_order = [(outcome.step["name"], outcome.other_order) for _, outcome in outcomes if outcome.other_order]
    for name, (wanted, got) in other_order:
        print(f"ORDER {name}: want {wanted}, got {got}")
    print(f"envelope members in another order: {len(other_order)}")
    return not unknown and not other_order


if __name__ == "__main__":
    sys.exit(main())
