"""Workers of a Dask cluster: an existing one, or one started on this machine for the map."""

import functools
import hashlib
import importlib.metadata
import os
import pickle
import platform
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from genre_pred.core.cache import code_digests
from genre_pred.core.errors import UserError
from genre_pred.core.parallel.pool import Pool, WorkerKilled

LOCAL = "local"
CONNECT_SECONDS = 20.0  # timeout for the scheduler, and for the first worker
INSTALL = "install genre_pred, in the same version, where the scheduler and the workers run"
# Another version may give other digits, or fail to unpickle the work.
LIBRARIES = (
    "av cloudpickle librosa numba numpy pandas scikit-learn scipy soundfile soxr torch "
    "torchaudio torchvision xgboost xgboost-cpu"
).split()


@contextmanager
def dask_workers(scheduler: str, n_workers: int) -> Iterator[Pool]:
    """Connect to a Dask cluster.

    Its workers must run this code with these library versions, one thread each, and see the working
    directory under the same path. This is checked before any work is sent, and again on each
    worker, because a worker may join later.

    Args:
        scheduler: tcp://HOST:PORT, or "local" for a cluster that lives as long as the block.
        n_workers: Number of workers of a local cluster.

    Raises:
        UserError: If the extra `cluster` is not installed, or the scheduler or its workers cannot
            be reached or are set up differently.
        WorkerKilled: If the same work has killed several workers.
    """
    try:
        import cloudpickle
        from distributed import Client, KilledWorker, LocalCluster
    except ModuleNotFoundError as error:
        raise UserError(
            f"compute.scheduler is {scheduler!r}, which needs Dask ({error.name} is missing): "
            "pip install -c constraints.txt -e '.[cluster]'"
        ) from error
    with ExitStack() as stack:
        address: Any = scheduler
        if scheduler == LOCAL:
            address = stack.enter_context(
                LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",  # None would be port 8787
                    scheduler_kwargs={"dashboard": False},
                    memory_limit=None,
                )
            )
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"no Dask scheduler answers at {scheduler} (compute.scheduler) within "
                f"{CONNECT_SECONDS:g} s: start one with dask scheduler, or set it to null"
            ) from error
        stack.enter_context(client)
        workplace = stack.enter_context(_workplace())
        n_workers = _check_workers(client, scheduler, workplace)
        submit = client.get_executor(pure=False).submit
        try:
            yield Pool(
                n_workers,
                # As bytes, because the scheduler would unpickle and pickle other arguments again.
                submit=lambda work: submit(_run_on_worker, workplace, cloudpickle.dumps(work)),
                check=partial(_wait_for_worker, client, scheduler),
            )
        except KilledWorker as error:
            raise WorkerKilled(
                f"the same block of work has killed {error.allowed_failures + 1} workers of "
                f"{scheduler}, probably because their memory was full; the last was "
                f"{error.last_worker.address}. Give each worker more memory, or start fewer per "
                "machine"
            ) from error
        except RuntimeError as error:
            if "deserialization of the task graph" not in str(error):
                raise
            raise UserError(
                f"the Dask scheduler {scheduler} cannot load this code: {INSTALL}"
            ) from error
        except CancelledError as error:
            raise UserError(
                f"the Dask scheduler at {scheduler} was lost: start it and run again"
            ) from error


@dataclass(frozen=True)
class Workplace:
    """What every worker must have.

    Attributes:
        folder: The working directory, by its path on this machine.
        token: The name of a file in it, to detect another folder at the same path.
        versions: Those of this package's code, Python, the processor and the libraries.
    """

    folder: Path
    token: str
    versions: dict[str, str]

    def check(self, threads: int) -> None:
        """Check that this process meets these requirements.

        Args:
            threads: Number of threads of this worker.

        Raises:
            UserError: If it does not, or has more than one thread.
        """
        me = f"the Dask worker {os.getpid()} on {socket.gethostname()}"
        if threads != 1:
            raise UserError(
                f"{me} has {threads} threads, which would share its working directory and the "
                "thread count of matrix products: start it with --nworkers set to the number of "
                "cores and --nthreads 1"
            )
        if not (self.folder / self.token).is_file():
            raise UserError(
                f"{me} does not see {self.folder}: every worker needs the repository, its data/ "
                "and the music under the same paths, in a shared folder"
            )
        here = versions()
        for name, wanted in self.versions.items():
            if here[name] != wanted:
                raise UserError(
                    f"{me} has {name} {here[name]}, this process {wanted}: their results might "
                    "differ. Install the same versions on both and restart the workers"
                )


@functools.cache
def versions() -> dict[str, str]:
    """The versions of everything that affects results, as of the first call in this process.

    A module edited later is not loaded again, so a worker must not hash it again. The processor is
    described by its vector instructions, as numpy names them: matrix products and transforms choose
    their code path by them. Two processors with the same instructions count as equal, although a
    library may still treat them differently in the last digits.
    """
    vectors = np.show_config(mode="dicts")["SIMD Extensions"]
    installed = {
        "genre_pred of digest": hashlib.sha256("".join(code_digests()).encode()).hexdigest()[:12],
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "processor": " ".join([platform.machine(), *vectors["baseline"], *vectors["found"]]),
    }
    for name in LIBRARIES:
        try:
            # torch has 2.13.0+cpu
            installed[name] = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            installed[name] = "missing"
    return installed


@contextmanager
def _workplace() -> Iterator[Workplace]:
    folder = Path.cwd()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".cluster-") as token:
        yield Workplace(folder, Path(token.name).name, versions())


def _run_on_worker(workplace: Workplace, pickled: bytes) -> Any:
    from distributed import get_worker

    workplace.check(get_worker().state.nthreads)
    with chdir(workplace.folder):  # paths are relative to it
        return pickle.loads(pickled)()


def _check_worker(workplace: Workplace, dask_worker: Any) -> None:
    workplace.check(dask_worker.state.nthreads)  # Dask passes the worker to this argument name


def _wait_for_worker(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        raise UserError(
            f"the Dask scheduler at {scheduler} has no workers: start some with "
            f"dask worker {scheduler} --nworkers 2 --nthreads 1"
        ) from error


def _check_workers(client: Any, scheduler: str, workplace: Workplace) -> int:
    """Check that every worker meets the requirements; return their number."""
    _wait_for_worker(client, scheduler)
    answers = client.run(_check_worker, workplace, on_error="return")
    for worker, answer in answers.items():
        if isinstance(answer, UserError):
            raise answer
        if isinstance(answer, Exception):
            raise UserError(
                f"the Dask worker {worker} cannot load this code ({answer}): {INSTALL}"
            ) from answer
    return len(answers)
