"""The interface of a pool of workers, and what a worker does with a block."""

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

# For libraries that read these only when they are loaded. A process that starts with all of them
# needs nothing else.
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB")}


class WorkerKilled(UserError):
    """A worker process died during work: a library crashed, or the memory was full."""


@dataclass(frozen=True)
class Pool:
    """Running workers.

    Attributes:
        n_workers: Their number.
        submit: Takes a picklable callable, returns the future of its result.
        check: Raises a UserError if no worker is left.
    """

    n_workers: int
    submit: Callable[[Callable[[], Any]], Future[Any]]
    check: Callable[[], None]


def run_block(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply a function to a block of items, in one thread."""
    with one_thread():
        return [function(item) for item in items]


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread within the block, also in libraries with thread pools of their own.

    Several threads may be in such blocks at once. A library that is first loaded within a block
    stays at one thread afterwards.
    """
    if _thread.inside:
        yield
        return
    torch: Any = sys.modules.get("torch")  # has its own thread count; not imported for this
    threads = torch.get_num_threads() if torch else 1
    if threads == 1 and not _process.inside and _environment() == ONE_THREAD:
        yield  # already so in a worker; inspecting all libraries would take 3 ms
        return
    # OpenMP's limit is per Python thread; those of OpenBLAS, MKL and the environment per process.
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
    """The process-wide limits: set by the first thread to enter, restored by the last to leave."""

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
