"""One map over clips, on this machine's cores or on a Dask cluster: the results are the same.

Items are sent to workers in blocks; results come back in the order of the items. The number of
blocks in flight is limited, so memory does not grow with the number of clips, even if the results
are consumed slowly.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import AbstractContextManager, closing
from functools import partial
from itertools import islice
from statistics import median
from typing import Any, Protocol, TypeVar

from loky import cpu_count

from genre_pred.core.parallel.cluster import dask_workers
from genre_pred.core.parallel.pool import Pool, WorkerKilled, one_thread, run_block
from genre_pred.core.parallel.processes import loky_workers
from genre_pred.core.progress import bar

Item = TypeVar("Item")
Result = TypeVar("Result")
Map = Callable[[Callable[[Item], Result], Sequence[Item]], Iterable[Result]]

BLOCKS_PER_WORKER = 4  # at least, if there are enough items: workers finish at about the same time
IN_FLIGHT = 3  # blocks per worker: one running, one queued, one spare while a slow block is awaited
CRASHED_WORKER = "crashes the process that decodes it: it is damaged, or too large for the memory"
PATIENCE = 60.0  # seconds without a result before the workers are checked


class Workers(Protocol):
    """How work is distributed: the section `compute` of params.yaml.

    Attributes:
        workers: Number of processes; None for one per core of this machine.
        scheduler: None for processes on this machine; "local" or tcp://HOST:PORT for Dask.
    """

    @property
    def workers(self) -> int | None: ...

    @property
    def scheduler(self) -> str | None: ...


def clip_map(
    settings: Workers,
    doing: str,
    unit: str = "clip",
    block: int = 8,
    lost: Callable[[Item], Result] | None = None,
) -> Map[Any, Any]:
    """A `map` over clips that uses all cores, keeps the order and shows progress.

    Args:
        settings: How many processes, or which cluster.
        doing: The label of the progress bar, such as "decoding".
        unit: What the progress bar counts.
        block: Maximum number of items sent to a worker at once; 1 if items are slow or large.
        lost: Gives the result for an item whose worker crashes or runs out of memory, and does so
            again when the item is retried alone. With `lost`, no item runs in this process.

    Returns:
        A function of (function, items) that yields the results in the items' order. Its workers
        are single-threaded: two processes are faster than one with two threads, and the last
        digits of a matrix product depend on the number of threads. Exceptions of the function are
        raised here. A UserError reports a cluster that cannot be used and, without `lost`, a
        worker that was killed (on a cluster, other workers retry its block first).
    """
    return partial(_map, settings, doing, unit, block, lost)


class TimedMap:
    """A map that measures how long one item takes one worker.

    Attributes:
        seconds: The median over the items of the last call, so that the first item of each worker,
            which also loads libraries, hardly counts. NaN without items.
    """

    def __init__(self, each: Map[Any, Any]) -> None:
        self._each = each
        self.seconds = float("nan")

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[Result]:
        """Yield the results in the items' order."""
        durations = []
        for seconds, result in self._each(partial(_timed, function), items):
            durations.append(seconds)
            yield result
        if durations:
            self.seconds = median(durations)


def _timed(function: Callable[[Item], Result], item: Item) -> tuple[float, Result]:
    started = time.perf_counter()
    result = function(item)
    return time.perf_counter() - started, result


def _map(
    settings: Workers,
    doing: str,
    unit: str,
    most: int,
    lost: Callable[[Item], Result] | None,
    function: Callable[[Item], Result],
    items: Sequence[Item],
) -> Iterator[Result]:
    compute = partial(_results_or_lost, lost) if lost else _results
    # Closed at once if the caller stops early, so that the workers stop too.
    with closing(compute(settings, most, function, items)) as results:
        yield from bar(results, total=len(items), doing=doing, unit=unit)


def _results_or_lost(
    lost: Callable[[Item], Result],
    settings: Workers,
    most: int,
    function: Callable[[Item], Result],
    items: Sequence[Item],
) -> Generator[Result]:
    """If a worker is killed, retry the items in flight alone, skip the culprit and continue."""
    while items:
        n_done = 0
        try:
            with _pool(settings.scheduler, _n_workers(settings, items)) as pool:
                for result in spread(pool, most, function, items):
                    yield result
                    n_done += 1
            return
        except WorkerKilled:
            items = items[n_done:]
        n_done = 0
        try:
            with _pool(settings.scheduler, 1) as pool:
                for item in items[: IN_FLIGHT * most * _n_workers(settings, items)]:
                    yield from spread(pool, 1, function, [item])
                    n_done += 1
        except WorkerKilled:
            yield lost(items[n_done])
            n_done += 1
        items = items[n_done:]


def _results(
    settings: Workers, most: int, function: Callable[[Item], Result], items: Sequence[Item]
) -> Generator[Result]:
    n_workers = _n_workers(settings, items)
    if settings.scheduler is None and n_workers == 1:
        with one_thread():
            yield from map(function, items)
        return
    with _pool(settings.scheduler, n_workers) as pool:
        yield from spread(pool, most, function, items)


def _n_workers(settings: Workers, items: Sequence[Any]) -> int:
    return max(1, min(settings.workers or cpu_count(), len(items)))  # no idle workers


def spread(
    pool: Pool, most: int, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[Result]:
    """Map a function over items on running workers.

    Args:
        pool: The workers.
        most: Maximum number of items sent to a worker at once.
        function: Picklable.
        items: Its arguments.

    Yields:
        The results in the order of the items; a limited number of blocks is in flight meanwhile.
    """
    size = max(1, min(most, len(items) // (BLOCKS_PER_WORKER * pool.n_workers)))
    blocks = (items[start : start + size] for start in range(0, len(items), size))
    sent = (pool.submit(partial(run_block, function, block)) for block in blocks)  # lazy
    waiting = deque(islice(sent, IN_FLIGHT * pool.n_workers))
    while waiting:
        while not wait([waiting[0]], timeout=PATIENCE).done:
            pool.check()
        yield from waiting.popleft().result()
        waiting.extend(islice(sent, 1))


def _pool(scheduler: str | None, n_workers: int) -> AbstractContextManager[Pool]:
    return dask_workers(scheduler, n_workers) if scheduler else loky_workers(n_workers)
