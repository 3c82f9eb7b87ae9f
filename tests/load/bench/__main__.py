"""`make bench`: measures, prints tables of medians and ratios, and writes tests/load/bench/results.json.

With --quick (`make bench QUICK=1`) in under two minutes; without, the growth of things is measured too and drawn
into docs/. Nothing is asserted on absolute times: what counts are ratios of one run.
"""

import argparse
import contextlib
import json
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.load.bench import growth, plot, servers, validation
from tests.load.bench.load import requests_per_second

RESULTS = Path(__file__).parent / "results.json"
PICTURES = Path(__file__).parents[3] / "docs" / "performance"
CONNECTIONS = (1, 8, 32)

# The names of a target and of one of its requests.
Scenario = tuple[str, str]
# Requests a second of each scenario, by the number of connections.
Medians = dict[int, dict[Scenario, float]]
# What was measured by how large a thing is, each by the name of its picture.
Lines = dict[str, Mapping[int, float]]

# Each a quotient of two scenarios. They are measured one after the other, in more rounds than the rest, and the
# ratio is the median of the rounds' own: what a machine does over minutes then falls out of it.
RATIOS = (
    ("embedded: read / bare Flask view", ("embedded", "read"), ("bare", "read")),
    ("embedded: 304 / read", ("embedded", "304"), ("embedded", "read")),
    ("embedded: 401 / read", ("embedded", "401"), ("embedded", "read")),
    ("embedded: replace, HISTORY / replace", ("embedded HISTORY", "replace"), ("embedded", "replace")),
    ("CouchDB: replace, HISTORY / replace", ("couchdb HISTORY", "replace"), ("couchdb", "replace")),
    ("CouchDB: read / direct read", ("couchdb", "read"), ("direct", "read")),
    ("CouchDB: create / direct PUT", ("couchdb", "create"), ("direct", "create")),
    ("CouchDB: read / peer", ("couchdb", "read"), ("peer", "read")),
    ("CouchDB: create / peer", ("couchdb", "create"), ("peer", "create")),
    ("CouchDB: replace / peer", ("couchdb", "replace"), ("peer", "replace")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    results: dict[str, Any] = {"quick": quick, "validation": _validation(quick)}
    results["throughput"] = _throughput(quick)
    results["on any CPU"] = _on_any_cpu(quick)
    results["growth"] = _growth(quick)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nwritten: {RESULTS}")


def _validation(quick: bool) -> dict[str, Any]:
    result = validation.measure(quick)
    print("Validation, milliseconds for a document with servers of ten numbers\n")
    print(f"{'servers':>8} {'good':>9} {'bad':>9} {'JSON read+write':>16}")
    for count in validation.COUNTS:
        good, bad, text = (1e3 * count * result[kind][count] for kind in ("good", "bad", "json"))
        print(f"{count:>8} {good:>9.2f} {bad:>9.2f} {text:>16.2f}")
    _print_ratios(result["ratios"])
    return result


def _throughput(quick: bool) -> dict[str, Any]:
    """Requests a second of every target and scenario, all measured in turn, round after round."""
    seconds = 0.2 if quick else 0.6
    medians: Medians = {}
    ratios: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        with servers.off_the_first_cpu():
            embedded = stack.enter_context(servers.embedded())
            couchdb, direct = stack.enter_context(servers.on_couchdb())
            histories = [stack.enter_context(servers.with_history(target)) for target in (embedded, couchdb)]
            bare = stack.enter_context(servers.bare(servers.size_of(embedded.requests["read"])))
        targets = [target for target in (bare, embedded, direct, couchdb, *histories, servers.peer()) if target]
        requests = {(target.name, name): request for target in targets for name, request in target.requests.items()}
        known = [ratio for ratio in RATIOS if ratio[2] in requests]
        # Both sides of a ratio are measured with the same generator.
        bundled = {name for (_, name), request in requests.items() if quick or request.varies}
        compared = dict.fromkeys(key for _, above, below in known for key in (below, above))
        for connections in CONNECTIONS:
            measured: dict[Scenario, list[float]] = {key: [] for key in requests}
            # With one connection each waits for the next; a worker that waits for its CPU as well tells nothing.
            with servers.off_the_first_cpu() if connections == 1 else contextlib.nullcontext():
                for keys in _rounds(compared, requests, connections, quick):
                    for key in keys:
                        rate = requests_per_second(requests[key], connections, seconds, key[1] in bundled)
                        measured[key].append(rate)
            medians[connections] = {key: statistics.median(values) for key, values in measured.items()}
            at = f", {connections} connection{'s' if connections > 1 else ''}"
            for name, above, below in known:
                quotients = [a / b for a, b in zip(measured[above], measured[below], strict=True)]
                ratios[name + at] = statistics.median(quotients)
        own_cpu = {
            f"{service.name}: {name}, {connections} connections": servers.milliseconds_of_cpu(
                service, name, connections, 1.0 if quick else 4.0
            )
            for service in (embedded, couchdb)
            for name in ("read", "create")
            for connections in CONNECTIONS[:2]
        }
        bundled_rate = requests_per_second(bare.requests["read"], 8, seconds, bundled=True)
    _print_throughput(medians)
    _print_ratios(ratios)
    print("\nCPU time of the worker for each request, ms\n")
    for name, milliseconds in own_cpu.items():
        print(f"{milliseconds:>7.2f}  {name}")
    rows = {str(count): {f"{t} {s}": value for (t, s), value in by.items()} for count, by in medians.items()}
    return {
        "requests a second": rows,
        "ratios": ratios,
        "own CPU, ms": own_cpu,
        "bundled generator on the bare view": bundled_rate,
    }


def _on_any_cpu(quick: bool) -> dict[str, float]:
    """The ratios on CouchDB while all processes share all CPUs, with PIN_WORKERS and without."""
    seconds = 0.3 if quick else 0.6
    ratios: dict[str, float] = {}
    with servers.anywhere_on_couchdb() as targets:
        for connections in CONNECTIONS[:2]:
            for name in ("read", "create"):
                rates: dict[str, list[float]] = {target.name: [] for target in targets}
                for number in range(6 if quick else 16):
                    # Each of them is the first one equally often.
                    for place in range(len(targets)):
                        target = targets[(number + place) % len(targets)]
                        rate = requests_per_second(target.requests[name], connections, seconds, True)
                        rates[target.name].append(rate)
                for service in ("pinned", "free"):
                    quotients = [a / b for a, b in zip(rates[service], rates["direct"], strict=True)]
                    setting = "PIN_WORKERS" if service == "pinned" else "PIN_WORKERS=false"
                    at = f"{connections} connection{'s' if connections > 1 else ''}"
                    ratios[f"any CPU, {setting}: {name} / direct {name}, {at}"] = statistics.median(quotients)
    _print_ratios(ratios)
    return ratios


def _rounds(
    compared: Iterable[Scenario], every: Iterable[Scenario], connections: int, quick: bool
) -> Iterator[list[Scenario]]:
    """What each round measures, in order: first what is compared, and in the first rounds all the rest too.

    With one connection nothing overlaps, so that one is the noisiest and has the most rounds.
    """
    rounds = (13 if connections == 1 else 5) * (1 if quick else 2)
    for number in range(rounds):
        yield list(dict.fromkeys((*compared, *every)) if number < (2 if quick else 5) else compared)


def _growth(quick: bool) -> dict[str, Any]:
    result = {"start to first answer, s": growth.start_seconds()}
    documents = (10, 100, 1000, 10_000) if quick else (10, 100, 1000, 10_000, 100_000)
    lines: Lines = {"documents": growth.documents_in_an_account(documents)}
    if not quick:
        lines["accounts"] = growth.accounts((10, 100, 1000, 5000))
        lines["servers"] = growth.servers_in_a_document((1, 10, 100, 1000))
        lines["workers"] = growth.workers((1, 2, 4, 8), 3)
        lines["memory"] = growth.memory((10_000, 100_000, 1_000_000))
        _draw(lines)
    print("\nGrowth\n")
    for name, line in lines.items():
        print(f"{name:>10}: " + "  ".join(f"{x:,}: {y:.3g}" for x, y in line.items()))
    most = max(lines["documents"])
    ratios = {f"a page of 50 at {most:,} documents / at 100": lines["documents"][most] / lines["documents"][100]}
    if "memory" in lines:
        first, *_, last = lines["memory"].values()
        ratios["memory after a million reads / after ten thousand"] = last / first
    _print_ratios(ratios)
    print(f"start to first answer: {result['start to first answer, s']:.2f} s")
    return {**result, **lines, "ratios": ratios}


def _draw(lines: Lines) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, title, x_title, y_title in (
        ("documents", "A page of 50", "documents in the account", "ms"),
        ("accounts", "A log-in by account name", "accounts", "ms"),
        ("servers", "A read", "servers in the document", "ms"),
        ("workers", "Reads on 32 connections", "workers", "requests/s"),
        ("memory", "One worker", "reads served", "KiB"),
    ):
        plot.write(PICTURES / f"{name}.svg", title, x_title, y_title, lines[name])


def _print_throughput(medians: Medians) -> None:
    print("\nRequests a second, medians\n")
    print(f"{'':>24}" + "".join(f"{f'{c} conn.':>10}" for c in medians))
    for target, name in next(iter(medians.values())):
        print(f"{f'{target} {name}':>24}" + "".join(f"{by[target, name]:>10.0f}" for by in medians.values()))


def _print_ratios(ratios: dict[str, float]) -> None:
    print()
    for name, ratio in ratios.items():
        print(f"{ratio:>7.2f}  {name}")


if __name__ == "__main__":
    main()
