"""Workers of a Dask cluster: one that runs already, or one started on this machine for the map."""

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
CONNECT_SECONDS = 20.0  # for the scheduler to answer, and for a first worker
INSTALL = "install genre_pred, in the same version, where the scheduler and the workers run"
# Another version may give other digits, or cannot read what is sent.
LIBRARIES = (
    "av cloudpickle librosa numba numpy pandas scikit-learn scipy soundfile soxr torch "
    "torchaudio torchvision xgboost xgboost-cpu"
).split()


@contextmanager
def dask_workers(scheduler: str, n_workers: int) -> Iterator[Pool]:
    """Open a Dask cluster.

    Its workers must run this code with these libraries, one thread each, and see the working
    directory under the same path; this is looked at before anything is sent, and again by each
    worker, because one may join later.

    Args:
        scheduler: tcp://HOST:PORT, or "local" for one that lives as long as the block.
        n_workers: Of a local one.

    Raises:
        UserError: If the extra `cluster` is missing, or the scheduler or its workers cannot be
            reached or are not set up as they must be.
        WorkerKilled: If the same work has ended several workers.
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
        place: Any = scheduler
        if scheduler == LOCAL:
            place = stack.enter_context(
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
            client = Client(place, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"no Dask scheduler answers at {scheduler} (compute.scheduler) within "
                f"{CONNECT_SECONDS:g} s: start one with dask scheduler, or set it to null"
            ) from error
        stack.enter_context(client)
        workplace = stack.enter_context(_workplace())
        count = _look_at_all(client, scheduler, workplace)
        submit = client.get_executor(pure=False).submit
        try:
            yield Pool(
                count,
                # As bytes: the scheduler would load and pickle again whatever it understands.
                submit=lambda work: submit(_run_there, workplace, cloudpickle.dumps(work)),
                check=partial(_first_worker, client, scheduler),
            )
        except KilledWorker as error:
            raise WorkerKilled(
                f"the same piece of work has ended {error.allowed_failures + 1} workers of "
                f"{scheduler}, most often because their memory was full: the last was "
                f"{error.last_worker.address}. Give each more memory, or start fewer on a machine"
            ) from error
        except RuntimeError as error:
            if "deserialization of the task graph" not in str(error):
                raise
            raise UserError(
                f"the Dask scheduler {scheduler} cannot load this code: {INSTALL}"
            ) from error
        except CancelledError as error:
            raise UserError(
                f"the Dask scheduler at {scheduler} is gone: start it and run again"
            ) from error


@dataclass(frozen=True)
class Workplace:
    """What every worker must have.

    Attributes:
        folder: The working directory, by the path that it has here.
        token: The name of a file in it: a folder of the same name elsewhere is not the same.
        versions: Of this package's code, Python, the processor and the libraries.
    """

    folder: Path
    token: str
    versions: dict[str, str]

    def check(self, threads: int) -> None:
        """Make sure that this process has it.

        Args:
            threads: That this process works with.

        Raises:
            UserError: If it has not, or more threads than one.
        """
        me = f"the Dask worker {os.getpid()} on {socket.gethostname()}"
        if threads != 1:
            raise UserError(
                f"{me} has {threads} threads: threads of one process share its working directory "
                "and the number of threads of a matrix product. Start it with --nworkers as many "
                "as cores and --nthreads 1"
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
                    "differ. Bring both to the same state and start the workers again"
                )


@functools.cache
def versions() -> dict[str, str]:
    """The versions of what shapes results, as they were when this process first asked.

    A module that is edited later is not loaded again, so a worker must not hash it again. Of the
    processor it is the vector instructions that count, as numpy names them: matrix products and
    transforms choose their way by them. Two makes with the same instructions are not told apart,
    though a library may still treat them differently in the last digits.
    """
    vectors = np.show_config(mode="dicts")["SIMD Extensions"]
    found = {
        "genre_pred of digest": hashlib.sha256("".join(code_digests()).encode()).hexdigest()[:12],
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "processor": " ".join([platform.machine(), *vectors["baseline"], *vectors["found"]]),
    }
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name).partition("+")[0]  # torch: 2.13.0+cpu
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


@contextmanager
def _workplace() -> Iterator[Workplace]:
    folder = Path.cwd()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".cluster-") as token:
        yield Workplace(folder, Path(token.name).name, versions())


def _run_there(workplace: Workplace, pickled: bytes) -> Any:
    from distributed import get_worker

    workplace.check(get_worker().state.nthreads)
    with chdir(workplace.folder):  # paths are relative to it
        return pickle.loads(pickled)()


def _check_there(workplace: Workplace, dask_worker: Any) -> None:
    workplace.check(dask_worker.state.nthreads)  # Dask gives itself to who has that argument


def _first_worker(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError as error:
        raise UserError(
            f"the Dask scheduler at {scheduler} has no workers: start some with "
            f"dask worker {scheduler} --nworkers 2 --nthreads 1"
        ) from error


def _look_at_all(client: Any, scheduler: str, workplace: Workplace) -> int:
    """Make sure that every worker is as it must be; returns how many there are."""
    _first_worker(client, scheduler)
    answers = client.run(_check_there, workplace, on_error="return")
    for worker, answer in answers.items():
        if isinstance(answer, UserError):
            raise answer
        if isinstance(answer, Exception):
            raise UserError(
                f"the Dask worker {worker} cannot load this code ({answer}): {INSTALL}"
            ) from answer
    return len(answers)
