"""What the map asks of those who work, and what they do with a block."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock, local
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from genre_pred.core.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

# For libraries that look only once, when they are loaded; whoever has all of these from the start
# needs no more.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB")}


class WorkerKilled(UserError):
    """A process was ended with work in its hands: by a library's crash, or for want of memory."""


@dataclass(frozen=True)
class Pool:
    """Workers, while they are there.

    Attributes:
        n_workers: How many.
        submit: Takes a picklable callable, gives the future of what it returns.
        check: Raises a UserError if nobody is left to work.
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

    Several threads may be within such blocks at once. A library that is first loaded within one
    keeps to one thread afterwards.
    """
    if _thread.inside:
        yield
        return
    torch: Any = sys.modules.get("torch")  # has a count of its own; not imported for that
    threads = torch.get_num_threads() if torch else 1
    if threads == 1 and not _process.inside and _environment() == ONE_THREAD:
        yield  # a worker; to look through all libraries takes 3 ms
        return
    # OpenMP counts for each thread of Python, OpenBLAS, MKL and the environment for the process.
    with _process, threadpool_limits(1):
        if threads > 1:
            torch.set_num_threads(1)
        _thread.inside = True
        try:
            yield
        finally:
            _thread.inside = False


class _Thread(local):
    """Whether this thread is within such a block already."""

    inside = False


class _Process:
    """What all threads share: the first to come sets it, the last to go restores it."""

    def __init__(self) -> None:
        self.inside, self._lock, self._restored = 0, Lock(), ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            if self.inside == 1:
                torch: Any = sys.modules.get("torch")
                if torch:
                    self._restored.callback(torch.set_num_threads, torch.get_num_threads())
                self._restored.callback(_restore_environment, _environment())
                self._restored.enter_context(threadpool_limits(1))
                os.environ.update(ONE_THREAD)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1
            if self.inside == 0:
                self._restored.close()


_process, _thread = _Process(), _Thread()


def _environment() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in ONE_THREAD}


def _restore_environment(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
