"""Timing of several implementations of the same work, in turns."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Way = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """The timing of a step: the reference implementation and ours.

    Attributes:
        step: The name of the step.
        work: The input of both.
        reference: The reference implementation.
        reference_seconds: Median time of the reference for all of the work.
        seconds: Median time of ours.
        ratio: Speed-up of ours over the reference; the median over the turns.
        ratio_spread: Lowest and highest ratio of the turns.
        reference_spread: Shortest and longest time of the reference.
        spread: Shortest and longest time of ours.
        repeats: Number of turns.
        warm: Whether each had an untimed run before.
        at_least: The target of the ratio; None if it is only reported.
        aim: The ratio of the prototype.
        limit: What limits the ratio, and what was tried; printed if the target is missed.
        lost: A disagreement of results beyond the tolerance; empty without one.
        precision: The precision of our network, as in params.yaml; empty without a network.
        gflop: 1e9 operations of ours; 0 if not counted.
        megabytes: File sizes that ours reads and writes.
        peak_gflops: Peak 1e9 operations per second of the cores in our precision; 0 if not used.
        clips: Number of 30 s clips; 0 for other work.
        note: A remark.
    """

    step: str
    work: str
    reference: str
    reference_seconds: float
    seconds: float
    ratio: float
    ratio_spread: tuple[float, float]
    reference_spread: tuple[float, float]
    spread: tuple[float, float]
    repeats: int
    warm: bool = True
    at_least: float | None = None
    aim: float | None = None
    limit: str = ""
    lost: str = ""
    precision: str = ""
    gflop: float = 0.0
    megabytes: float = 0.0
    peak_gflops: float = 0.0
    clips: int = 0
    note: str = ""

    @property
    def ratio_text(self) -> str:
        """The ratio as text, such as "20.3 times as fast as torchvggish"."""
        return f"{self.ratio:.1f} times as fast as {self.reference}"

    @property
    def share_of_peak(self) -> float | None:
        """The share of the cores' peak performance that this step reaches."""
        if not self.gflop or not self.peak_gflops:
            return None
        return self.gflop / self.seconds / self.peak_gflops

    @property
    def missed(self) -> str:
        """The missed targets as a sentence; empty if all are met."""
        reasons = []
        if self.at_least is not None and self.ratio < self.at_least:
            reasons.append(f"{self.ratio:.1f} times is below {self.at_least:g}: {self.limit}")
        return "; ".join([*reasons, self.lost] if self.lost else reasons)

    def as_dict(self) -> dict[str, Any]:
        """The row of benchmark.json."""
        return asdict(self) | {"share_of_peak": self.share_of_peak, "missed": self.missed}


def timed(
    ways: Mapping[str, Way], repeats: int, warm: bool = True, before: Way = lambda: None
) -> dict[str, list[float]]:
    """Time several functions in turns, so that other load on the machine affects all of them.

    Args:
        ways: The functions by name. Every other turn runs them in reverse order.
        repeats: Number of turns.
        warm: Whether each has an untimed run before, to start workers and load libraries.
        before: Runs untimed before each function in every turn.

    Returns:
        Seconds by name, one per turn.
    """
    if warm:
        for way in ways.values():
            way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            before()
            started = time.perf_counter()
            ways[name]()
            taken[name].append(time.perf_counter() - started)
    return taken


def below(name: str, value: float, least: float) -> str:
    """A sentence if a figure is too low, such as "its cosine is 0.5, below 0.9"; else empty.

    Args:
        name: The name of the figure.
        value: Its value; NaN counts as too low.
        least: Its lowest allowed value.
    """
    return "" if value >= least else f"{name} is {value:.5f}, below {least:g}"


def ratios(theirs: list[float], ours: list[float]) -> list[float]:
    """The speed-up of ours in each turn."""
    return [reference / own for reference, own in zip(theirs, ours, strict=True)]


def times_faster(theirs: list[float], ours: list[float]) -> float:
    """The median of the turns' ratios."""
    return statistics.median(ratios(theirs, ours))


def row(
    step: str, work: str, reference: str, theirs: list[float], ours: list[float], **more: Any
) -> Row:
    """Summarise the turns of a step."""
    turns = ratios(theirs, ours)
    return Row(
        step,
        work,
        reference,
        statistics.median(theirs),
        statistics.median(ours),
        statistics.median(turns),
        (min(turns), max(turns)),
        (min(theirs), max(theirs)),
        (min(ours), max(ours)),
        len(ours),
        **more,
    )
