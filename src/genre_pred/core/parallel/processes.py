"""Worker processes on this machine."""

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

SECONDS_ALONE = 5  # that a worker may outlive its parent
# A worker that loads a network's weights grows after its first task. Above this many bytes loky
# takes the growth for a leak and replaces the worker, which would load the weights again.
WORKERS = ONE_THREAD | {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e15"}
KEPT = 1 << 28  # bytes: more than any activation of a network for one clip's patches


@contextmanager
def loky_workers(n_workers: int) -> Iterator[Pool]:
    """Start processes, which exit with the block.

    Args:
        n_workers: Number of processes.

    Raises:
        WorkerKilled: If a process was killed.
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
                f"a worker process was killed {codes[0] if codes else ''}, most often because "
                f"the memory was full (SIGKILL): set compute.workers below {n_workers}"
            ) from error
        raise
    executor.shutdown()


def _start(parent: int) -> None:
    keep_memory(KEPT)
    end_with(parent)


def end_with(parent: int) -> None:
    """Make this process exit after its parent has died.

    A parent that is killed cannot stop its workers: they would wait forever and keep their memory.
    """
    Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_ALONE)
    os._exit(1)
