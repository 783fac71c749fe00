"""Runs: a pipeline execution is one parent run, each stage its child."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import psutil
from mlflow.entities import Metric, Param, RunTag

from genre_pred.files import digest
from genre_pred.params import Params, changed_settings
from genre_pred.track.past_runs import CHANGED, PARENT, Maker, makers_of
from genre_pred.track.registry import requirements
from genre_pred.track.store import lock, open_experiment

EXECUTION = "genre_pred.execution"


class StageRun:
    """The MLflow run of a stage, while it is open."""

    def __init__(self, run_id: str, parent: str) -> None:
        self.run_id, self.parent = run_id, parent
        self._metrics: list[Metric] = []

    def metrics(self, figures: Mapping[str, float], step: int = 0) -> None:
        """Remember metrics; they are sent in one batch when the stage ends."""
        now = int(time.time() * 1000)
        self._metrics += [Metric(key, float(value), now, step) for key, value in figures.items()]

    def table(self, table: pd.DataFrame, name: str) -> None:
        """Log a table as a CSV file."""
        mlflow.MlflowClient().log_text(self.run_id, table.to_csv(index=False), name)

    def makers(self) -> dict[str, Maker]:
        """The runs that made what this run has read, and what those have read, by path."""
        return makers_of(self.run_id)

    def ancestry(self) -> dict[str, dict[str, float]]:
        """Their metrics, by path."""
        return {path: dict(maker.metrics) for path, maker in self.makers().items()}

    def origin(self) -> tuple[str, dict[str, Any]]:
        """The commit that this run stands on, and the settings that differ from its own."""
        tags = mlflow.MlflowClient().get_run(self.run_id).data.tags
        return tags["commit"], json.loads(tags[CHANGED])

    def verdict(self, figures: Mapping[str, Any]) -> None:
        """Remember nested figures, also with the parent run: there experiments are compared."""
        flat = _flat(figures)
        numbers = {key: value for key, value in flat.items() if isinstance(value, int | float)}
        self.metrics(numbers)
        now = int(time.time() * 1000)
        told = [Metric(key, float(value), now, 0) for key, value in numbers.items()]
        mlflow.MlflowClient().log_batch(self.parent, metrics=told)

    def files(self, paths: Sequence[Path], folder: str | None = None) -> None:
        """Log files, or what folders hold."""
        client = mlflow.MlflowClient()
        for path in paths:
            log = client.log_artifacts if path.is_dir() else client.log_artifact
            log(self.run_id, str(path), folder)

    def pipeline(self, name: str, fitted: Any, trusted: Sequence[str]) -> None:
        """Log a fitted scikit-learn pipeline as a model of its own."""
        import mlflow.sklearn

        mlflow.sklearn.log_model(
            fitted,
            name=_model_name(name),
            serialization_format="skops",
            skops_trusted_types=list(trusted),
            pip_requirements=requirements(),
        )

    def epoch(self, name: str, fold: int, figures: Mapping[str, float]) -> None:
        """Send an epoch's figures at once, so that a training can be watched."""
        curve = name if fold < 0 else f"{name}.fold{fold}"
        steps = {f"{curve}.{key}": value for key, value in figures.items() if key != "epoch"}
        mlflow.log_metrics(steps, step=int(figures["epoch"]))

    def network(self, name: str, folder: Path) -> None:
        """Log a network's folder: weights as safetensors, history, predictions."""
        mlflow.MlflowClient().log_artifacts(self.run_id, str(folder), f"networks/{name}")

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags at once."""
        mlflow.MlflowClient().log_batch(
            self.run_id, tags=[RunTag(key, value) for key, value in tags.items()]
        )


@contextmanager
def stage(
    name: str,
    params: Params,
    sections: Sequence[str],
    reads: Sequence[Path],
    writes: Sequence[Path],
) -> Iterator[StageRun]:
    """Record a stage: its params, metrics, duration, and the digests of what it read and wrote.

    Args:
        name: The stage's name in dvc.yaml.
        params: The whole of params.yaml.
        sections: The sections that the stage reads.
        reads: Its data dependencies.
        writes: Its outputs.
    """
    experiment = open_experiment(f"genre-{params.data.collection}")
    parent = _execution(experiment)
    client = mlflow.MlflowClient()
    tags = {PARENT: parent, "stage": name, "collection": params.data.collection, **_lineage()}
    run_id = client.create_run(experiment, tags=tags, run_name=name).info.run_id
    settings = _flat({section: params.model_dump()[section] for section in sections})
    told = [Param(key, str(value)) for key, value in settings.items()]
    client.update_run(parent, status="RUNNING")
    run, started, ended = StageRun(run_id, parent), time.perf_counter(), "FAILED"
    try:
        client.log_batch(parent, params=told)
        inputs = [RunTag(f"in:{path.as_posix()}", digest(path)) for path in reads]
        client.log_batch(run_id, params=told, tags=inputs)
        with mlflow.start_run(run_id=run_id):
            yield run
            run.metrics({"seconds": time.perf_counter() - started})
            run.tags({f"out:{path.as_posix()}": digest(path) for path in writes})
        ended = "FINISHED"
    finally:
        client.log_batch(run_id, metrics=run._metrics)
        client.set_terminated(run_id, ended)
        failed = f"tags.`{PARENT}` = '{parent}' and attributes.status = 'FAILED'"
        any_failed = client.search_runs([experiment], failed, max_results=1)
        client.set_terminated(parent, "FAILED" if any_failed else ended)


def _model_name(name: str) -> str:
    return name.replace("/", "-")


def _execution(experiment: str) -> str:
    """The parent run of this pipeline execution, made by its first stage."""
    client = mlflow.MlflowClient()
    key = _execution_key()
    with lock("store"):
        found = client.search_runs([experiment], f"tags.`{EXECUTION}` = '{key}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        _close_interrupted(experiment)
        name = os.environ.get("DVC_EXP_NAME") or _commit()[:8]
        tags = {EXECUTION: key, **_lineage()}
        return str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)


def _execution_key() -> str:
    """Host, process and start of the dvc that runs this stage (or of the stage, run by hand)."""
    me = psutil.Process()
    dvc = next((p for p in me.parents() if _is_dvc(p)), me)
    experiment = os.environ.get("DVC_EXP_NAME", "")
    return f"{socket.gethostname()}:{dvc.pid}:{dvc.create_time():.0f}:{experiment}"


def _is_dvc(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()[:3]
    except psutil.Error:
        return False
    return any(Path(word).name in ("dvc", "dvc.exe") for word in words)


def _close_interrupted(experiment: str) -> None:
    """Runs whose process on this machine is gone were killed: they must not look alive."""
    client = mlflow.MlflowClient()
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        key = run.data.tags.get(EXECUTION)
        parent = run.data.tags.get(PARENT)
        if key is None and parent:
            key = client.get_run(parent).data.tags.get(EXECUTION)
        if key and not _alive(key):
            client.set_terminated(run.info.run_id, "KILLED")


def _alive(key: str) -> bool:
    host, pid, started, _ = key.split(":")
    if host != socket.gethostname():
        return True  # another machine's: not ours to judge
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" == started
    except psutil.NoSuchProcess:
        return False


def _lineage() -> dict[str, str]:
    return {
        "commit": _commit(),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME", ""),
        CHANGED: json.dumps(_changed()),
    }


def _commit() -> str:
    told = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "no commit"


def _changed() -> dict[str, Any]:
    """The settings that differ from those of the commit, as by dvc exp run -S."""
    before = ["git", "show", f"{os.environ.get('DVC_EXP_BASELINE_REV', 'HEAD')}:./params.yaml"]
    told = subprocess.run(before, capture_output=True, text=True, check=False)
    if told.returncode:  # no repository, or none of the commit's files at hand
        return {}
    return changed_settings(told.stdout, Path("params.yaml").read_text())


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
