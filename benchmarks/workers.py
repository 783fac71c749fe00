"""Workers that stay between turns, as a stage starts its own once, for thousands of clips."""

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

STATUS = Path("/proc/self/status")  # of Linux
FORGET = Path("/proc/self/clear_refs")


def n_workers(params: Params) -> int:
    """As many as the stages use."""
    return params.compute.workers or cpu_count()


@contextmanager
def lasting_map(params: Params, most: int = 8) -> Iterator[Map]:
    """Open clip_map's workers for several maps. Only one such block may be open at a time.

    Args:
        params: The repository's settings.
        most: Items that go out together, as in clip_map.
    """
    with loky_workers(n_workers(params)) as pool:
        yield partial(spread, pool, most)


@contextmanager
def apart() -> Iterator[ProcessPoolExecutor]:
    """Open a process that has nothing of this one's, neither memory nor settings."""
    with ProcessPoolExecutor(1, get_context("spawn"), end_with, (os.getpid(),)) as process:
        yield process


def seconds_to_start(params: Params) -> float:
    """What each stage pays once: processes, and the libraries that they load."""
    begun = time.perf_counter()
    with lasting_map(params) as each:
        list(each(_load, range(n_workers(params))))
    return time.perf_counter() - begun


class WatchedMap:
    """A map that notes the most memory that one of its workers has had, and this process.

    Attributes:
        megabytes: Of a worker, over all uses.
        own_megabytes: Of this process, since the map was made.
    """

    def __init__(self, each: Map) -> None:
        self._each = each
        self.megabytes = 0.0
        FORGET.write_text("5")  # the peak is counted from here

    @property
    def own_megabytes(self) -> float:
        """As in the class."""
        return peak_megabytes()

    def __call__(self, function: Callable, items: Sequence[Any]) -> Iterator[Any]:
        """Yield the results in the items' order."""
        for megabytes, result in self._each(partial(_watched, function), items):
            self.megabytes = max(self.megabytes, megabytes)
            yield result


def peak_megabytes() -> float:
    """The most that this process has had resident, since it was started or told to forget.

    Not getrusage's: that counts what the parent had when it forked.
    """
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def _load(_: int) -> None:
    from genre_pred.audio.logmel import clips_to_patches as mel  # noqa: F401
    from genre_pred.networks.embedding import patches_to_embeddings as embed  # noqa: F401


def _watched(function: Callable, item: Any) -> tuple[float, Any]:
    result = function(item)
    return peak_megabytes(), result
