"""What is wished of each attack, which of it holds, and the table (no I/O)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# How often the normal client asks.
MILLISECONDS_BETWEEN = 20
MOST_TIMES_P50 = 10
MOST_MILLISECONDS = 1000.0
MOST_TIMES_RSS = 1.2


@dataclass(frozen=True)
class Sample:
    """One request of the normal client: when it was sent (monotonic), how long it took, and its status.

    The status is 0 if there was no answer.
    """

    sent: float
    milliseconds: float
    status: int


@dataclass(frozen=True)
class Load:
    """The workers during some time: CPU seconds a second, and MB at the end of it and at most."""

    cpu: float
    rss: float
    peak: float


@dataclass(frozen=True)
class Phase:
    """What was measured before, during or after an attack. `load` is None if the workers are not known."""

    samples: Sequence[Sample]
    load: Load | None

    @property
    def times(self) -> list[float]:
        """Milliseconds of the requests that were answered as wished.

        The client waits for each answer before it asks again. So a long wait counts as well for the requests that it
        kept from being sent: they would have waited for the rest of it. Otherwise a second would weigh no more than
        one of the fifty answers that come in any other second.
        """
        answered = [sample.milliseconds for sample in self.samples if sample.status == 200]
        return [time - late for time in answered for late in range(0, max(1, int(time)), MILLISECONDS_BETWEEN)]

    def count(self, *statuses: int) -> int:
        """How many of the normal client's requests were answered like this."""
        return sum(sample.status in statuses for sample in self.samples)


@dataclass(frozen=True)
class Result:
    """One attack. `statuses` are those of all answers that its clients saw, with their numbers.

    `ended` tells whether a worker ended, None if the workers are not known. `error` tells why there was no attack.
    `may_refuse` is whether the normal client may be sent away with a 503.
    """

    name: str
    before: Phase
    during: Phase
    after: Phase
    statuses: dict[int, int]
    ended: bool | None
    may_refuse: bool = False
    error: str = ""

    @property
    def faults(self) -> int:
        """Answers to anybody that are a 5xx but not 503."""
        seen = sum(count for status, count in self.statuses.items() if _is_fault(status))
        return seen + sum(_is_fault(s.status) for p in (self.before, self.during, self.after) for s in p.samples)

    def broken_wishes(self) -> list[str]:
        """The wishes that do not hold, in a few words each."""
        p50, p99 = percentile(self.before.times, 0.5), percentile(self.during.times, 0.99)
        rss = (self.before.load.rss, self.after.load.rss) if self.before.load and self.after.load else (1.0, 1.0)
        unanswered = self.during.count(0) + (0 if self.may_refuse else self.during.count(503))
        return [
            text
            for holds, text in (
                (not self.error, self.error),
                (bool(self.during.times), "the normal client got no answer"),
                (p99 == math.inf or p99 <= MOST_TIMES_P50 * p50, f"p99 is {p99 / p50:.0f} times p50"),
                (p99 == math.inf or p99 <= MOST_MILLISECONDS, "p99 is over 1 s"),
                (unanswered == 0, f"{unanswered} requests of the normal client got 503 or no answer"),
                (rss[1] <= MOST_TIMES_RSS * rss[0], f"RSS stays at {rss[1] / rss[0]:.2f} times"),
                (self.faults == 0, f"{self.faults} answers are a 5xx"),
                (not self.ended, "a worker ended"),
            )
            if not holds
        ]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all values does not exceed, rounded down to one of them; infinite without any."""
    return sorted(values)[int(share * (len(values) - 1))] if values else math.inf


def table(results: Iterable[Result]) -> str:
    """A Markdown table with one row for each attack."""
    rows = [
        (
            "Attack",
            "p50 / p99 before, ms",
            "during (longest)",
            "after",
            "503, none",
            "CPU before / during / after",
            "RSS before / most / after, MB",
            "5xx",
            "Worker ended",
            "Wishes",
        ),
        ("---",) * 10,
        *map(_row, results),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(result: Result) -> tuple[str, ...]:
    before, during, after = result.before, result.during, result.after
    return (
        result.name,
        _two_times(before),
        f"{_two_times(during)} ({_number(max(during.times, default=math.inf))})",
        _two_times(after),
        f"{during.count(503)}, {during.count(0)} of {len(during.samples)}",
        _loads(*(phase.load and f"{phase.load.cpu:.2f}" for phase in (before, during, after))),
        _loads(
            before.load and f"{before.load.rss:.0f}",
            during.load and f"{during.load.peak:.0f}",
            after.load and f"{after.load.rss:.0f}",
        ),
        str(result.faults),
        {None: "?", True: "yes", False: "no"}[result.ended],
        "; ".join(result.broken_wishes()) or "hold",
    )


def _two_times(phase: Phase) -> str:
    return f"{_number(percentile(phase.times, 0.5))} / {_number(percentile(phase.times, 0.99))}"


def _number(value: float) -> str:
    if value == math.inf:
        return "–"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _loads(*texts: str | None) -> str:
    return " / ".join(text or "?" for text in texts)


def _is_fault(status: int) -> bool:
    return status >= 500 and status != 503
