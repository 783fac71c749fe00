"""One map over clips, on this machine's cores."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from genre_pred.params import Compute
from genre_pred.progress import bar

Item = TypeVar("Item")
Result = TypeVar("Result")
Map = Callable[[Callable[[Item], Result], Sequence[Item]], Iterable[Result]]


def clip_map(settings: Compute, doing: str, unit: str = "clip") -> Map:
    """A `map` over clips that uses every core, keeps the order and shows its progress.

    Args:
        settings: How many processes.
        doing: What the progress bar says, as "decoding".
        unit: What the bar counts.

    Returns:
        A function of (function, items) that yields the results in the items' order. Its workers
        are single-threaded: two processes are faster than one with two threads, and the last
        digits of a matrix product depend on the number of threads.
    """
    return partial(_map, settings.workers or cpu_count(), doing, unit)


class TimedMap:
    """A map that tells how long an item takes once the work is running.

    What comes before the first result is left out: processes that start, libraries that load.

    Attributes:
        seconds: Of an item, wall time of the last use with all workers; NaN below two items.
    """

    def __init__(self, each: Map) -> None:
        self._each = each
        self.seconds = float("nan")

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[Result]:
        """Yield the results in the items' order."""
        first = 0.0
        for result in self._each(function, items):
            first = first or time.perf_counter()
            yield result
        if len(items) > 1:
            self.seconds = (time.perf_counter() - first) / (len(items) - 1)


def _map(
    n_workers: int,
    doing: str,
    unit: str,
    function: Callable[[Item], Result],
    items: Sequence[Item],
) -> Iterator[Result]:
    if n_workers == 1:  # joblib then works in this process, whose threads it leaves alone
        function = partial(_single_threaded, function)
    with parallel_config(backend="loky", inner_max_num_threads=1):
        results = Parallel(n_jobs=n_workers, return_as="generator")(
            delayed(function)(item) for item in items
        )
    yield from bar(results, total=len(items), doing=doing, unit=unit)


def _single_threaded(function: Callable[[Item], Result], item: Item) -> Result:
    with threadpool_limits(1):
        return function(item)
