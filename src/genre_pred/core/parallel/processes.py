"""Processes on this machine's cores."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty
from threading import Thread

from joblib.executor import get_memmapping_executor
from joblib.externals.loky import process_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from genre_pred.core.parallel.memory import keep_memory
from genre_pred.core.parallel.pool import ONE_THREAD, Pool, WorkerKilled

SECONDS_ALONE = 5  # that a worker may outlive whoever started it
KEPT = 1 << 28  # bytes: more than any array of a clip's patches within a network


@contextmanager
def loky_workers(n_workers: int) -> Iterator[Pool]:
    """Open processes that share large arrays with this one, through memory-mapped files.

    They end with the block, because what they share is freed only then. One block at a time: joblib
    has one such pool in a process.

    Args:
        n_workers: How many.

    Raises:
        WorkerKilled: If one was.
    """
    executor = get_memmapping_executor(
        n_workers, initializer=_settle_in, initargs=(os.getpid(),), env=ONE_THREAD
    )
    try:
        yield Pool(n_workers, executor.submit, check=lambda: None)
    except BaseException as error:
        # joblib's own thread would look for them among those that it has given up, and trace.
        with suppress(Empty):
            while True:
                executor._work_ids.get_nowait()
        executor.terminate(kill_workers=True)
        if isinstance(error, TerminatedWorkerError):
            codes = re.search(r"{.*}", str(error))
            raise WorkerKilled(
                f"a worker process was ended from outside {codes[0] if codes else ''}: most often "
                "the memory was full (SIGKILL); try fewer at a time with compute.workers, now "
                f"{n_workers}"
            ) from error
        raise
    executor.terminate()  # and with it the files that were shared


def _settle_in(parent: int) -> None:
    # A worker that has grown since its first task holds a network's weights, and leaks nothing:
    # loky would end it, to start another, which loads them again.
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
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
