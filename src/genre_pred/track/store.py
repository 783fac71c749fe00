"""Where MLflow keeps what it is told: one store for all runs, also those of queued experiments."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from filelock import FileLock
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from genre_pred.faults import Fault, told_of
from genre_pred.workspace import workspace

LOCK_SECONDS = 600


def repository_root() -> Path:
    """The workspace, in a queued experiment that of the original; outside the current folder."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"]).resolve()
    return workspace() or Path.cwd()


def open_store() -> None:
    """Point MLflow at the one store, to read what is there.

    Raises:
        Fault: If there is none yet.
    """
    _point()
    root = repository_root()
    if mlflow.get_tracking_uri() == _local_store() and not (root / "mlflow.db").is_file():
        raise Fault(f"{root} has no mlflow.db: run dvc repro there, or genre-pred champion sync")


@contextmanager
def told_when_broken() -> Iterator[None]:
    """Turn what MLflow raises of a store that it cannot read into a sentence; also a decorator.

    Raises:
        Fault: In place of MLflow's, the database's and the system's own errors.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise Fault(
            f"what MLflow keeps in {mlflow.get_tracking_uri()} cannot be read "
            f"({told_of(error)[:300]}): bring its database and mlartifacts/ back, or set them "
            "aside and register again with genre-pred champion sync"
        ) from error


def _point() -> None:
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # INFO tells of its own housekeeping
    # A classifier that cannot hear has no sound to show.
    warnings.filterwarnings("ignore", "(?s).*input example was not provided", UserWarning)
    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", _local_store()))


def _local_store() -> str:
    return f"sqlite:///{repository_root() / 'mlflow.db'}"


def open_experiment(experiment: str) -> str:
    """Make sure that the store has an experiment.

    Made under a lock: queue workers that migrate an empty database side by side all fail.

    Returns:
        The experiment's id.
    """
    _point()
    root = repository_root()
    with lock("store"), told_when_broken():
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(experiment)
        if found:
            return str(found.experiment_id)
        # Absolute: an experiment first made inside a queued copy would keep that copy's folder.
        local = mlflow.get_tracking_uri() == _local_store()
        place = (root / "mlartifacts" / experiment).as_uri() if local else None
        return client.create_experiment(experiment, artifact_location=place)


def lock(what: str) -> FileLock:
    """Hold this to change the `store` or the `registry` as one step on this machine."""
    return FileLock(repository_root() / f".{what}.lock", timeout=LOCK_SECONDS)
