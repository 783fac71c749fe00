"""Workers that stay alive between turns, as a stage's workers do for thousands of clips."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from loky import cpu_count

from genre_pred.config.params import Params
from genre_pred.core.parallel.clip_map import Map, spread
from genre_pred.core.parallel.processes import end_with, loky_workers

STATUS = Path("/proc/self/status")  # Linux only
FORGET = Path("/proc/self/clear_refs")


def n_workers(params: Params) -> int:
    """The number of workers of a stage."""
    return params.compute.workers or cpu_count()


@contextmanager
def lasting_map(params: Params, most: int = 8) -> Iterator[Map]:
    """Open clip_map's workers for several maps. Only one such block may be open at a time.

    Args:
        params: The repository's settings.
        most: The largest block of items, as in clip_map.
    """
    with loky_workers(n_workers(params)) as pool:
        yield partial(spread, pool, most)


@contextmanager
def apart() -> Iterator[ProcessPoolExecutor]:
    """Open a separate process that shares neither memory nor settings with this one."""
    with ProcessPoolExecutor(1, get_context("spawn"), end_with, (os.getpid(),)) as process:
        yield process


def seconds_to_start(params: Params) -> float:
    """The time to start workers and load their libraries, once per stage."""
    started = time.perf_counter()
    with lasting_map(params) as each:
        list(each(_load, range(n_workers(params))))
    return time.perf_counter() - started


class WatchedMap:
    """A map that records the peak memory of its workers and of this process.

    Attributes:
        megabytes: The peak of any worker, over all uses.
        own_megabytes: The peak of this process, since the map was created.
    """

    def __init__(self, each: Map) -> None:
        self._each = each
        self.megabytes = 0.0
        FORGET.write_text("5")  # resets the peak

    @property
    def own_megabytes(self) -> float:
        """The peak memory of this process, in 1e6 bytes."""
        return peak_megabytes()

    def __call__(self, function: Callable, items: Sequence[Any]) -> Iterator[Any]:
        """Yield the results in the items' order."""
        for megabytes, result in self._each(partial(_watched, function), items):
            self.megabytes = max(self.megabytes, megabytes)
            yield result


def peak_megabytes() -> float:
    """The peak resident memory of this process since its start or the last reset.

    Not from getrusage, which includes the parent's memory at the fork.
    """
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def _load(_: int) -> None:
    from genre_pred.audio.logmel import clips_to_patches as mel  # noqa: F401
    from genre_pred.networks.embedding import patches_to_embeddings as embed  # noqa: F401


def _watched(function: Callable, item: Any) -> tuple[float, Any]:
    result = function(item)
    return peak_megabytes(), result
