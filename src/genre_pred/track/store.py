"""Where MLflow keeps what it is told: one store for all runs, also those of queued experiments."""

import os
from pathlib import Path

import mlflow
from filelock import FileLock

LOCK_SECONDS = 120
# What a served classifier needs, at the versions it was made with.


def repository_root() -> Path:
    """The repository's top folder; within a queued experiment, that of the original."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def open_store() -> None:
    """Point MLflow at the one store."""
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", _local_store()))


def _local_store() -> str:
    return f"sqlite:///{repository_root() / 'mlflow.db'}"


def open_experiment(experiment: str) -> str:
    """Make sure that the store has an experiment.

    Made under a lock: queue workers that migrate an empty database side by side all fail.

    Returns:
        The experiment's id.
    """
    open_store()
    root = repository_root()
    with lock(root):
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(experiment)
        if found:
            return str(found.experiment_id)
        # Absolute: an experiment first made inside a queued copy would keep that copy's folder.
        local = mlflow.get_tracking_uri() == _local_store()
        place = (root / "mlartifacts" / experiment).as_uri() if local else None
        return client.create_experiment(experiment, artifact_location=place)


def lock(root: Path) -> FileLock:
    return FileLock(root / ".mlflow.lock", timeout=LOCK_SECONDS)
