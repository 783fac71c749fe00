"""What the map asks of those who work, and what they do with a block."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from genre_pred.faults import Fault

Item = TypeVar("Item")
Result = TypeVar("Result")

# For libraries that look only once, when they are loaded; whoever has all of these from the start
# needs no more.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB")}

# Of the C library of Linux: large arrays' memory is kept for the next ones, rather than asked of
# the system anew, page by page; a tenth of the time from file to patches.
KEEP_MEMORY = {f"MALLOC_{name}_THRESHOLD_": str(1 << 28) for name in ("MMAP", "TRIM")}


class WorkerKilled(Fault):
    """A process was ended with work in its hands: by a library's crash, or for want of memory."""


@dataclass(frozen=True)
class Pool:
    """Workers, while they are there.

    Attributes:
        n_workers: How many.
        submit: Takes a picklable callable, gives the future of what it returns.
        check: Raises a Fault if nobody is left to work.
    """

    n_workers: int
    submit: Callable[[Callable[[], Any]], Future]
    check: Callable[[], None]


def run_block(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Do a block, with one thread."""
    with one_thread():
        return [function(item) for item in items]


@contextmanager
def one_thread() -> Iterator[None]:
    """Work with one thread within the block, also in libraries that count threads themselves.

    A library that is first loaded within it keeps to one thread afterwards.
    """
    torch: Any = sys.modules.get("torch")  # has a count of its own; not imported for that
    threads = torch.get_num_threads() if torch else 1
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    if threads == 1 and before == ONE_THREAD:
        yield  # to look through all libraries takes 3 ms
        return
    with threadpool_limits(1):
        if threads > 1:
            torch.set_num_threads(1)
        os.environ.update(ONE_THREAD)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)  # another thread may have been first
                else:
                    os.environ[name] = value
            if threads > 1:
                torch.set_num_threads(threads)
