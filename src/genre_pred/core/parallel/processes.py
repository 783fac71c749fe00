"""Processes on this machine's cores."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from loky import ProcessPoolExecutor
from loky.process_executor import TerminatedWorkerError

from genre_pred.core.parallel.memory import keep_memory
from genre_pred.core.parallel.pool import ONE_THREAD, Pool, WorkerKilled

SECONDS_ALONE = 5  # that a worker may outlive whoever started it
# A worker that holds a network's weights has grown since its first task. loky would take that for
# a leak above this many bytes, and start another worker, which loads them again.
WORKERS = ONE_THREAD | {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e15"}
KEPT = 1 << 28  # bytes: more than any array of a clip's patches within a network


@contextmanager
def loky_workers(n_workers: int) -> Iterator[Pool]:
    """Open processes, which end with the block.

    Args:
        n_workers: How many.

    Raises:
        WorkerKilled: If one was killed.
    """
    executor = ProcessPoolExecutor(
        n_workers, initializer=_start, initargs=(os.getpid(),), env=WORKERS
    )
    try:
        yield Pool(n_workers, executor.submit, check=lambda: None)
    except BaseException as error:
        executor.shutdown(kill_workers=True)
        if isinstance(error, TerminatedWorkerError):
            codes = re.search(r"{.*}", str(error))
            raise WorkerKilled(
                f"a worker process was killed {codes[0] if codes else ''}: most often the memory "
                f"was full (SIGKILL). Set compute.workers to fewer than {n_workers}"
            ) from error
        raise
    executor.shutdown()


def _start(parent: int) -> None:
    keep_memory(KEPT)
    end_with(parent)


def end_with(parent: int) -> None:
    """Let this process end when its parent has, by whatever.

    Whoever is killed cannot end its workers: they would wait for ever, with all they hold.
    """
    Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_ALONE)
    os._exit(1)
