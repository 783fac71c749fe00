"""MLflow runs: one parent run per pipeline execution, one child run per stage."""

import hashlib
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
from mlflow.entities import Metric, Param, RunTag

from genre_pred.config.changes import changed_settings
from genre_pred.config.location import repository_root
from genre_pred.config.params import Params
from genre_pred.core.files import digest
from genre_pred.core.pipeline import read_stage
from genre_pred.tracking.interrupted import EXECUTION, PROCESS, close_interrupted, this_process
from genre_pred.tracking.model_registry import requirements
from genre_pred.tracking.past_runs import (
    CHANGED,
    IDENTITY,
    PARENT,
    ProducingRun,
    producers_of,
    seen_test_set,
)
from genre_pred.tracking.store import lock, open_experiment


class StageRun:
    """The MLflow run of a stage, while it is open."""

    def __init__(
        self, run_id: str, parent: str, collection: str, settings: Mapping[str, Any]
    ) -> None:
        self.run_id, self.parent = run_id, parent
        self.collection, self.settings = collection, dict(settings)
        self._metrics: list[Metric] = []

    def metrics(self, figures: Mapping[str, float], step: int = 0) -> None:
        """Record metrics; they are sent in one batch when the stage ends."""
        now = int(time.time() * 1000)
        self._metrics += [Metric(key, float(value), now, step) for key, value in figures.items()]

    def table(self, table: pd.DataFrame, name: str) -> None:
        """Log a table as a CSV file."""
        mlflow.MlflowClient().log_text(self.run_id, table.to_csv(index=False), name)

    def producers(self) -> dict[str, ProducingRun]:
        """The runs that made this run's inputs, and their inputs in turn, by path."""
        return producers_of(self.run_id)

    def ancestry(self) -> dict[str, dict[str, float]]:
        """The metrics of these runs, by path."""
        return {path: dict(run.metrics) for path, run in self.producers().items()}

    def origin(self) -> tuple[str, dict[str, Any]]:
        """The commit of this run, and the settings that differ from the commit's."""
        tags = mlflow.MlflowClient().get_run(self.run_id).data.tags
        return tags["commit"], json.loads(tags[CHANGED])

    def summary_metrics(self, figures: Mapping[str, Any]) -> None:
        """Record nested figures, also in the parent run, where experiments are compared."""
        flat = _flat(figures)
        numbers = {key: value for key, value in flat.items() if isinstance(value, int | float)}
        self.metrics(numbers)
        now = int(time.time() * 1000)
        metrics = [Metric(key, float(value), now, 0) for key, value in numbers.items()]
        mlflow.MlflowClient().log_batch(self.parent, metrics=metrics)

    def scored_on(self, validation_set: str, test_set: str, identities: Sequence[str]) -> int:
        """Record which clips scored which models.

        Args:
            validation_set: A digest of the validation clips.
            test_set: A digest of the test clips; empty without test clips.
            identities: Digests of the models that were scored on test.

        Returns:
            How many models have been scored on this test set so far.
        """
        self.tags({"validation_set": validation_set})
        if not test_set:
            return 0
        self.tags(
            {"test_set": test_set, "test_seen_by": " ".join(i[:IDENTITY] for i in identities)}
        )
        count = len(seen_test_set(test_set))
        self.metrics({"test_seen": count})
        return count

    def files(self, paths: Sequence[Path], folder: str | None = None) -> None:
        """Log files, and the content of folders."""
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
        """Send an epoch's figures immediately, so that a training can be watched."""
        curve = name if fold < 0 else f"{name}.fold{fold}"
        steps = {f"{curve}.{key}": value for key, value in figures.items() if key != "epoch"}
        mlflow.log_metrics(steps, step=int(figures["epoch"]))

    def network(self, name: str, folder: Path) -> None:
        """Log a network's folder: weights as safetensors, history, predictions."""
        mlflow.MlflowClient().log_artifacts(self.run_id, str(folder), f"networks/{name}")

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags immediately."""
        mlflow.MlflowClient().log_batch(
            self.run_id, tags=[RunTag(key, value) for key, value in tags.items()]
        )


@contextmanager
def stage(name: str, params: Params) -> Iterator[StageRun]:
    """Record a stage of dvc.yaml: its params, inputs, outputs, metrics and duration.

    Args:
        name: The stage's name in dvc.yaml, which lists its inputs and outputs.
        params: The whole of params.yaml.
    """
    spec = read_stage(name)
    with record(name, params, spec.params, spec.inputs, spec.outputs) as run:
        yield run


@contextmanager
def record(
    name: str,
    params: Params,
    keys: Sequence[str],
    inputs: Sequence[Path],
    outputs: Sequence[Path],
) -> Iterator[StageRun]:
    """Record a block of code as a run: its params, the digests of its inputs and outputs.

    Args:
        name: The name of the run.
        params: The whole of params.yaml.
        keys: The dotted keys of params.yaml that the block reads.
        inputs: The files and folders that it reads.
        outputs: The files and folders that it writes.
    """
    experiment = open_experiment(f"genre-{params.data.collection}")
    parent = _execution(experiment, params)
    client = mlflow.MlflowClient()
    tags = {PARENT: parent, "stage": name, "collection": params.data.collection, **_lineage()}
    tags[PROCESS] = this_process()
    run_id = client.create_run(experiment, tags=tags, run_name=name).info.run_id
    settings = {key: value for each in keys for key, value in _setting(params, each).items()}
    logged = [Param(key, str(value)) for key, value in settings.items()]
    client.update_run(parent, status="RUNNING")
    run = StageRun(run_id, parent, params.data.collection, settings)
    started, ended = time.perf_counter(), "FAILED"
    try:
        client.log_batch(parent, params=logged)
        digests = [RunTag(f"in:{path.as_posix()}", digest(path)) for path in inputs]
        client.log_batch(run_id, params=logged, tags=digests)
        with mlflow.start_run(run_id=run_id):
            yield run
            run.metrics({"seconds": time.perf_counter() - started})
            run.tags({f"out:{path.as_posix()}": digest(path) for path in outputs})
        ended = "FINISHED"
    finally:
        client.log_batch(run_id, metrics=run._metrics)
        client.set_terminated(run_id, ended)
        client.set_terminated(parent, _status_of(parent, experiment))


def _setting(params: Params, key: str) -> dict[str, Any]:
    """A section or setting of params.yaml as dotted keys and their values."""
    value: Any = params.model_dump()
    for name in key.split("."):
        value = value[name]
    return _flat(value, f"{key}.") if isinstance(value, Mapping) else {key: value}


def _status_of(parent: str, experiment: str) -> str:
    """The status of an execution: FAILED if the last run of any stage failed, else FINISHED."""
    client = mlflow.MlflowClient()
    newest = ["attributes.start_time DESC"]
    runs = client.search_runs([experiment], f"tags.`{PARENT}` = '{parent}'", order_by=newest)
    last = {run.data.tags["stage"]: run.info.status for run in reversed(runs)}
    return "FAILED" if "FAILED" in last.values() else "FINISHED"


def _model_name(name: str) -> str:
    return name.replace("/", "-")


def _execution(experiment: str, params: Params) -> str:
    """The parent run of this pipeline execution; its first stage creates it."""
    client = mlflow.MlflowClient()
    key = _execution_key(params)
    with lock("store"):
        close_interrupted(experiment)
        runs = client.search_runs([experiment], f"tags.`{EXECUTION}` = '{key}'", max_results=1)
        if runs:
            return str(runs[0].info.run_id)
        name = os.environ.get("DVC_EXP_NAME") or _commit()[:8]
        tags = {EXECUTION: key, **_lineage()}
        return str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)


def _execution_key(params: Params) -> str:
    """The key of an execution: the workspace, the DVC experiment or commit, and the settings."""
    workspace = f"{socket.gethostname()}:{repository_root()}"
    name = os.environ.get("DVC_EXP_NAME") or _commit()
    digest_of = hashlib.sha256(f"{workspace} {params.model_dump_json()}".encode())
    return f"{name}:{digest_of.hexdigest()[:16]}"


def _lineage() -> dict[str, str]:
    return {
        "commit": _commit(),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME", ""),
        CHANGED: json.dumps(_changed()),
    }


def _commit() -> str:
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return head.stdout.strip() or "no commit"


def _changed() -> dict[str, Any]:
    """The settings that differ from those of the commit, for example through dvc exp run -S."""
    show = ["git", "show", f"{os.environ.get('DVC_EXP_BASELINE_REV', 'HEAD')}:./params.yaml"]
    committed = subprocess.run(show, capture_output=True, text=True, check=False)
    if committed.returncode:  # no repository, or the commit has no params.yaml
        return {}
    return changed_settings(committed.stdout, Path("params.yaml").read_text())


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
