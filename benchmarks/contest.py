"""Contests: several ways through the same work, timed in turns."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Way = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """A step: the reference and ours.

    Attributes:
        step: Its name.
        work: What both were given.
        reference: Who the reference is.
        reference_seconds: Median of its repeats, for all of the work.
        seconds: Ours.
        ratio: How many times ours is faster; the median over the turns.
        ratio_spread: Lowest and highest of the turns.
        reference_spread: Shortest and longest repeat.
        spread: Ours.
        repeats: How many.
        warm: Whether each had run once before, untimed.
        at_least: What the ratio should reach; None where it is only reported.
        aim: What it should come to.
        limit: Where the ratio ends, and what was tried: said where it stays below its line.
        lost: What had to stay as it was and did not, as the agreement of both answers.
        precision: Of our network, as params.yaml names it; empty where there is none.
        gflop: 1e9 operations of ours that the work needs; 0 where they are not counted.
        megabytes: What ours reads and writes of files.
        peak_gflops: What the cores in use can do at best in our precision; 0 where not compared.
        clips: How many clips of 30 s the work holds; 0 where it holds something else.
        note: What else must be said.
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
    def told_ratio(self) -> str:
        """As "20.3 times as fast as torchvggish"."""
        return f"{self.ratio:.1f} times as fast as {self.reference}"

    @property
    def share_of_peak(self) -> float | None:
        """How much of what the cores can do at best this step gets out of them."""
        if not self.gflop or not self.peak_gflops:
            return None
        return self.gflop / self.seconds / self.peak_gflops

    @property
    def missed(self) -> str:
        """Why the row does not hold, as a sentence; empty where it does."""
        told = []
        if self.at_least is not None and self.ratio < self.at_least:
            told.append(f"{self.ratio:.1f} times is below {self.at_least:g}: {self.limit}")
        return "; ".join([*told, self.lost] if self.lost else told)

    def told(self) -> dict[str, Any]:
        """As benchmark.json has it."""
        return asdict(self) | {"share_of_peak": self.share_of_peak, "missed": self.missed}


def timed(
    ways: Mapping[str, Way], repeats: int, warm: bool = True, before: Way = lambda: None
) -> dict[str, list[float]]:
    """Time several ways in turns, so that whatever else the machine does meets all of them.

    Args:
        ways: What to run, by name. Every other turn goes through them from the last to the first.
        repeats: How many turns.
        warm: Whether each runs once before, untimed: workers start, libraries load.
        before: Runs before each of them in every turn, untimed.

    Returns:
        Seconds by name, one for each turn.
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


def below(what: str, found: float, least: float) -> str:
    """What a row has lost, as "its cosine is 0.5, below 0.9"; empty where it is not below.

    Args:
        what: The figure's name.
        found: It; NaN is below everything.
        least: What it must be at least.
    """
    return "" if found >= least else f"{what} is {found:.5f}, below {least:g}"


def ratios(theirs: list[float], ours: list[float]) -> list[float]:
    """How many times ours is faster, turn by turn."""
    return [them / us for them, us in zip(theirs, ours, strict=True)]


def times_faster(theirs: list[float], ours: list[float]) -> float:
    """The median of the turns' ratios."""
    return statistics.median(ratios(theirs, ours))


def row(
    step: str, work: str, reference: str, theirs: list[float], ours: list[float], **more: Any
) -> Row:
    """Sum a contest up."""
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
