"""Runs whose process was killed: they are closed, so that none is listed as running for ever."""

import socket

import mlflow
import psutil
from mlflow.entities import Run

from genre_pred.tracking.past_runs import PARENT

EXECUTION, PROCESS = "genre_pred.execution", "genre_pred.process"


def this_process() -> str:
    """Host, process id and start time of this process."""
    me = psutil.Process()
    return f"{socket.gethostname()}:{me.pid}:{me.create_time():.0f}"


def close_interrupted(experiment: str) -> None:
    """Close runs whose process on this machine was killed; MLflow still lists them as running."""
    client = mlflow.MlflowClient()
    running = client.search_runs([experiment], "attributes.status = 'RUNNING'")
    stages = [run for run in running if PARENT in run.data.tags]
    dead = [run for run in stages if not _alive(_process_of(run))]
    for run in dead:
        client.set_terminated(run.info.run_id, "KILLED")
    busy = {run.data.tags[PARENT] for run in stages if run not in dead}
    for parent in {run.data.tags[PARENT] for run in dead} - busy:
        client.set_terminated(parent, "KILLED")


def _process_of(run: Run) -> str:
    """Host, process id and start time of the process of a stage's run.

    Version 0.1 kept those of the `dvc` that ran it, with its parent run.
    """
    own = run.data.tags.get(PROCESS)
    parent = mlflow.MlflowClient().get_run(run.data.tags[PARENT])
    return own or parent.data.tags.get(EXECUTION, "").rpartition(":")[0]


def _alive(process: str) -> bool:
    host, _, rest = process.partition(":")
    if host != socket.gethostname():
        return True  # the state of another machine's process is unknown
    pid, _, started = rest.partition(":")
    if not (pid.isdigit() and started):
        return True
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" == started
    except psutil.NoSuchProcess:
        return False
