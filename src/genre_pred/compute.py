"""One map over clips, on this machine's cores."""

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
