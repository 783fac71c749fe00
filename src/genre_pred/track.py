"""MLflow: the runs of the stages and the registry of classifiers; the only importer of mlflow.

One store: MLFLOW_TRACKING_URI, else mlflow.db at the DVC root, also for queued experiments, which
run in a copy of the repository. A pipeline execution is one parent run, each stage its child.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow
import psutil
from filelock import FileLock
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from genre_pred.files import digest
from genre_pred.params import Params

PARENT = "mlflow.parentRunId"
EXECUTION = "genre_pred.execution"
CHAMPION, CHALLENGER = "champion", "challenger"
LOCK_SECONDS = 120
# What a served classifier needs, at the versions it was made with.
SERVED_WITH = (
    "av joblib librosa numpy pandas pyarrow pydantic safetensors scikit-learn scipy skops "
    "soundfile soxr torch tqdm xgboost-cpu xgboost"
).split()


def repository_root() -> Path:
    """The repository's top folder; within a queued experiment, that of the original."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def open_store() -> None:
    """Point MLflow at the one store."""
    default = f"sqlite:///{repository_root() / 'mlflow.db'}"
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", default))


def open_experiment(experiment: str) -> str:
    """Make sure that the store has an experiment.

    Made under a lock: queue workers that migrate an empty database side by side all fail.

    Returns:
        The experiment's id.
    """
    open_store()
    root = repository_root()
    with _lock(root):
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(experiment)
        if found:
            return str(found.experiment_id)
        # Absolute: an experiment first made inside a queued copy would keep that copy's folder.
        remote = "MLFLOW_TRACKING_URI" in os.environ
        place = None if remote else (root / "mlartifacts" / experiment).as_uri()
        return client.create_experiment(experiment, artifact_location=place)


class StageRun:
    """The MLflow run of a stage, while it is open."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._metrics: list[Metric] = []

    def metrics(self, figures: Mapping[str, float], step: int = 0) -> None:
        """Remember metrics; they are sent in one batch when the stage ends."""
        now = int(time.time() * 1000)
        self._metrics += [Metric(key, float(value), now, step) for key, value in figures.items()]

    def nested_metrics(self, figures: Mapping[str, Any]) -> None:
        """Remember the numbers of nested figures under names joined by dots."""
        flat = _flat(figures)
        self.metrics({k: v for k, v in flat.items() if isinstance(v, int | float)})

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
            pip_requirements=_requirements(),
        )

    def epoch(self, name: str, figures: Mapping[str, float]) -> None:
        """Send an epoch's figures at once, so that a training can be watched."""
        steps = {f"{name}.{key}": value for key, value in figures.items() if key != "epoch"}
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
    client.log_batch(
        run_id,
        params=[Param(key, str(value)) for key, value in settings.items()],
        tags=[RunTag(f"in:{path.as_posix()}", digest(path)) for path in reads],
    )
    client.update_run(parent, status="RUNNING")
    run, started, ended = StageRun(run_id), time.perf_counter(), "FAILED"
    try:
        with mlflow.start_run(run_id=run_id):
            yield run
            run.metrics({"seconds": time.perf_counter() - started})
            run.tags({f"out:{path.as_posix()}": digest(path) for path in writes})
        ended = "FINISHED"
    finally:
        client.log_batch(run_id, metrics=run._metrics)
        client.set_terminated(run_id, ended)
        client.set_terminated(parent, ended)


def log_candidate(folder: Path, name: str, genres: Sequence[str], example: str, code: Path) -> str:
    """Log a complete classifier to the open run: one pyfunc with its code and all it needs.

    Args:
        folder: The classifier's folder.
        name: Of the logged model.
        genres: The columns of its answer behind `genre`.
        example: A short sound as base64 text.
        code: The package's folder.

    Returns:
        The model's URI.
    """
    import pandas as pd

    logged = mlflow.pyfunc.log_model(
        name=name,
        loader_module="genre_pred.classifier",
        data_path=str(folder),
        code_paths=[str(code)],
        signature=ModelSignature(
            Schema([ColSpec("string", "audio")]),
            Schema([ColSpec("string", "genre"), *(ColSpec("double", genre) for genre in genres)]),
        ),
        input_example=pd.DataFrame({"audio": [example]}),
        pip_requirements=_requirements(),
    )
    return str(logged.model_uri)


# The registry.


def register(name: str, model_uri: str, run_id: str, tags: Mapping[str, str]) -> str:
    """Make a logged model a version of a registered one.

    Returns:
        The version's number.
    """
    client = mlflow.MlflowClient()
    if not _registered(name):
        client.create_registered_model(name, description="Named by genre_pred's promote stage.")
    made = client.create_model_version(
        name, model_uri, run_id=run_id, tags={k: str(v)[:5000] for k, v in tags.items()}
    )
    return str(made.version)


def version_at(name: str, alias: str) -> ModelVersion | None:
    """The version that an alias points to, or None."""
    if not _registered(name):
        return None
    number = mlflow.MlflowClient().get_registered_model(name).aliases.get(alias)
    return mlflow.MlflowClient().get_model_version(name, str(number)) if number else None


def versions(name: str) -> list[ModelVersion]:
    """All versions of a registered model, oldest first; none where there is no such model."""
    found = mlflow.MlflowClient().search_model_versions(f"name = '{name}'")
    return sorted(found, key=lambda version: int(version.version))


def set_alias(name: str, alias: str, version: str) -> None:
    """Point an alias to a version."""
    mlflow.MlflowClient().set_registered_model_alias(name, alias, version)


def drop_alias(name: str, alias: str) -> None:
    """Remove an alias; one that is not there stays away."""
    if version_at(name, alias):
        mlflow.MlflowClient().delete_registered_model_alias(name, alias)


def crown(name: str, version: str, why: str, how: str) -> None:
    """Make a version champion, and keep in the model's tags when and why.

    Args:
        name: The registered model.
        version: The new champion.
        why: A sentence.
        how: first, challenge, forced, rollback or sync.
    """
    past = history(name)
    set_alias(name, CHAMPION, version)
    event = {"version": version, "how": how, "why": why, "when": time.strftime("%F %T%z")}
    mlflow.MlflowClient().set_registered_model_tag(
        name, f"champion.{len(past) + 1:05d}", json.dumps(event)
    )


def history(name: str) -> list[dict[str, str]]:
    """The champions of a model in turn: version, how, why, when."""
    if not _registered(name):
        return []
    tags = mlflow.MlflowClient().get_registered_model(name).tags
    return [json.loads(tags[key]) for key in sorted(tags) if key.startswith("champion.")]


def fetch_version(version: ModelVersion) -> Path:
    """Find a version's classifier folder; one on a server is brought onto this machine.

    Returns:
        The folder, for GenreClassifier.
    """
    local = mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}")
    flavor = mlflow.models.Model.load(local).flavors["python_function"]
    return Path(local) / flavor["data"]


def champions() -> list[str]:
    """The names of all registered models, the latest changed first."""
    found = mlflow.MlflowClient().search_registered_models()
    return [m.name for m in sorted(found, key=lambda m: -(m.last_updated_timestamp or 0))]


def seen_test_set(test_set: str) -> set[str]:
    """The identities of all models that have been scored on a test set so far."""
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.test_set = '{test_set}'", max_results=10_000)
    return {seen for run in runs for seen in run.data.tags["test_seen_by"].split()}


def _registered(name: str) -> bool:
    return bool(mlflow.MlflowClient().search_registered_models(f"name = '{name}'"))


def _model_name(name: str) -> str:
    return name.replace("/", "-")


def _requirements() -> list[str]:
    from importlib.metadata import PackageNotFoundError

    lines = []
    for name in SERVED_WITH:
        try:
            lines.append(f"{name}=={installed(name).split('+')[0]}")
        except PackageNotFoundError:  # xgboost or xgboost-cpu: one of them is there
            continue
    return lines


def _execution(experiment: str) -> str:
    """The parent run of this pipeline execution, made by its first stage."""
    client = mlflow.MlflowClient()
    key = _execution_key()
    with _lock(repository_root()):
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
    return {"commit": _commit(), "dvc_experiment": os.environ.get("DVC_EXP_NAME", "")}


def _commit() -> str:
    told = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "no commit"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _lock(root: Path) -> FileLock:
    return FileLock(root / ".mlflow.lock", timeout=LOCK_SECONDS)
