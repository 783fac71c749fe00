"""One map over clips, on this machine's cores or on a Dask cluster: the results are the same.

Work goes out in blocks and comes back in the order of the items. Only so many blocks are under way
or waiting to be taken at a time, so memory does not grow with the number of clips, however slowly
they are taken.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import AbstractContextManager, closing
from functools import partial
from itertools import islice
from statistics import median
from typing import Protocol, TypeVar

from loky import cpu_count

from genre_pred.core.parallel.cluster import dask_workers
from genre_pred.core.parallel.pool import Pool, WorkerKilled, one_thread, run_block
from genre_pred.core.parallel.processes import loky_workers
from genre_pred.core.progress import bar

Item = TypeVar("Item")
Result = TypeVar("Result")
Map = Callable[[Callable[[Item], Result], Sequence[Item]], Iterable[Result]]

BLOCKS_PER_WORKER = 4  # at least, where there are items enough: the last ones end at about one time
IN_FLIGHT = 3  # blocks per worker: one in work, one at hand, one for a slow neighbour
CRASHED_WORKER = "ends the process that works on it: it is damaged, or too large for the memory"
PATIENCE = 60.0  # seconds without a result before the workers are counted


class Workers(Protocol):
    """How work is spread: the section `compute` of params.yaml.

    Attributes:
        workers: Processes; None for as many as this machine has cores.
        scheduler: None for processes of this machine, "local" or tcp://HOST:PORT for Dask.
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
) -> Map:
    """A `map` over clips that uses every core, keeps the order and shows its progress.

    Args:
        settings: How many processes, or which cluster.
        doing: What the progress bar says, as "decoding".
        unit: What the bar counts.
        block: Most items that go out together; 1 where each takes long or is large.
        lost: What stands for an item that ends the process which works on it, by a library's crash
            or for want of memory, also when it is done once more by itself. With it nothing is
            done in this process.

    Returns:
        A function of (function, items) that yields the results in the items' order. Its workers
        are single-threaded: two processes are faster than one with two threads, and the last
        digits of a matrix product depend on the number of threads. What the function raises is
        raised here; a UserError tells of a cluster that cannot be used, and of a worker that was
        killed without `lost` (on a cluster, another one does its block again first).
    """
    return partial(_map, settings, doing, unit, block, lost)


class TimedMap:
    """A map that tells how long an item takes one worker.

    Attributes:
        seconds: The median over the items of the last use: the first item of each worker, for
            which libraries are loaded, counts for no more than any other. NaN without items.
    """

    def __init__(self, each: Map) -> None:
        self._each = each
        self.seconds = float("nan")

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[Result]:
        """Yield the results in the items' order."""
        taken = []
        for seconds, result in self._each(partial(_timed, function), items):
            taken.append(seconds)
            yield result
        if taken:
            self.seconds = median(taken)


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
    do = partial(_whatever_is_lost, lost) if lost else _results
    # Closed at once when nobody takes the rest: the workers stop.
    with closing(do(settings, most, function, items)) as results:
        yield from bar(results, total=len(items), doing=doing, unit=unit)


def _whatever_is_lost(
    lost: Callable[[Item], Result],
    settings: Workers,
    most: int,
    function: Callable[[Item], Result],
    items: Sequence[Item],
) -> Generator[Result]:
    """Find the item that ends processes among those that were under way, and go on behind it."""
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


def _n_workers(settings: Workers, items: Sequence) -> int:
    return max(1, min(settings.workers or cpu_count(), len(items)))  # nobody without work


def spread(
    pool: Pool, most: int, function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[Result]:
    """Do the items on open workers.

    Args:
        pool: The workers.
        most: Items that go out together.
        function: Picklable.
        items: In the order of the results.

    Yields:
        Its results; a few blocks are under way meanwhile, however slowly they are taken.
    """
    size = max(1, min(most, len(items) // (BLOCKS_PER_WORKER * pool.n_workers)))
    blocks = (items[start : start + size] for start in range(0, len(items), size))
    sent = (pool.submit(partial(run_block, function, block)) for block in blocks)  # when asked
    waiting = deque(islice(sent, IN_FLIGHT * pool.n_workers))
    while waiting:
        while not wait([waiting[0]], timeout=PATIENCE).done:
            pool.check()
        yield from waiting.popleft().result()
        waiting.extend(islice(sent, 1))


def _pool(scheduler: str | None, n_workers: int) -> AbstractContextManager[Pool]:
    return dask_workers(scheduler, n_workers) if scheduler else loky_workers(n_workers)
