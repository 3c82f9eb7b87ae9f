"""Replays recorded conversations with Kazoo 4.3 against a server and shows every difference.

    python -m tests.recordings.replay --base http://127.0.0.1:8001 tests/recordings/transcripts/*.json

A transcript is one ordered conversation: the requests that were sent and what was answered. ``${name}`` in a
request is a variable, given by the transcript's `vars` or saved from an earlier answer by a step's `save` (variable
to dotted path in the answer's JSON, or ``header:name``). Exit status 0 when every step matches, 1 when some differ,
2 when the server cannot be reached.
"""

import argparse
import http.client
import json
import sys
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.compare.conversation import RawAnswer, Send, Step, observe
from app.compare.equality import differences, other_order

_SECONDS = 30
# What was not recorded.
_UNKNOWN = ("header:content-language", "header:expires")


@dataclass
class Outcome:
    """How one step went. `other_order`: the envelope's members as recorded and as answered, where they differ."""

    step: Step
    differences: list[str] = field(default_factory=list)
    other_order: tuple[list[str], list[str]] | None = None

    @property
    def counts(self) -> bool:
        """Neither preparation nor a behaviour that need not be copied."""
        return not self.step.get("setup") and not self.step.get("optional")


def over_http(base: str) -> Send:
    """Sends over a connection of its own each time, with no header but those given."""
    address = urllib.parse.urlsplit(base)

    def send(method: str, path: str, headers: dict[str, str], body: bytes | None) -> RawAnswer:
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=_SECONDS)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    return send


def replay(transcript: dict[str, Any], send: Send) -> Iterator[Outcome]:
    """Run the steps of a transcript in order. Raises OSError where the server cannot be reached."""
    variables = dict(transcript.get("vars", {}))
    variables["now"] = f"{int(time.time() * 1000):x}"
    for step in transcript["steps"]:
        time.sleep(step.get("pause", 0))
        try:
            got = observe(send, step, variables)
        except http.client.HTTPException as error:
            yield Outcome(step, [f"no valid HTTP answer: {error!r}"])
            continue
        want = step["expect"]
        ignored = (*step.get("ignore", ()), *_UNKNOWN)
        found = [difference.line() for difference in differences(want, got, ignored)]
        yield Outcome(step, found, None if found else other_order(want, got))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", required=True, help="the server, e.g. http://127.0.0.1:8000")
    parser.add_argument("transcripts", nargs="+", type=Path)
    arguments = parser.parse_args()
    try:
        outcomes = replay_all(arguments.transcripts, over_http(arguments.base))
    except OSError as error:
        print(f"cannot reach {arguments.base}: {error}", file=sys.stderr)
        return 2
    return 1 if any(outcome.differences for _, outcome in outcomes if outcome.counts) else 0


def replay_all(transcripts: list[Path], send: Send) -> list[tuple[str, Outcome]]:
    """Replay these files, print what differs and the totals; all outcomes, each with its transcript's name."""
    outcomes = []
    for path in transcripts:
        own = []
        for outcome in replay(json.loads(path.read_text("utf-8")), send):
            own.append((path.stem, outcome))
            _print_differences(path.stem, outcome)
        print(f"{path.stem}: {_total(own, 'steps')}", flush=True)
        outcomes += own
    print(f"total: {_total(outcomes, 'steps')}")
    return outcomes


def _total(outcomes: list[tuple[str, Outcome]], noun: str) -> str:
    counted = [outcome for _, outcome in outcomes if outcome.counts]
    return f"{sum(not outcome.differences for outcome in counted)} of {len(counted)} {noun} match"


def _print_differences(title: str, outcome: Outcome) -> None:
    step = outcome.step
    if not outcome.differences:
        return
    if step.get("optional"):
        print(f"OPTIONAL {title} | {step['name']} differs ({step['optional']})")
        return
    kind = "SETUP" if step.get("setup") else "DIFF "
    print(f"{kind} {title} | {step['name']} | {step['request']['method']} {step['request']['path']}")
    print("".join(f"      {line}\n" for line in outcome.differences), end="")


if __name__ == "__main__":
    sys.exit(main())
