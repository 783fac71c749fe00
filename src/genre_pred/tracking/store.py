"""The MLflow store: one for all runs, including those of queued experiments."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from filelock import FileLock
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from genre_pred.config.location import repository_root
from genre_pred.core.errors import UserError, describe_error

LOCK_SECONDS = 600
VARIABLE = "MLFLOW_TRACKING_URI"


def open_store() -> None:
    """Point MLflow at an existing store.

    Raises:
        UserError: If there is no store yet.
    """
    _point()
    root = repository_root()
    if mlflow.get_tracking_uri() == _local_store() and not (root / "mlflow.db").is_file():
        raise UserError(
            f"{root} has no mlflow.db: run dvc repro there, or genre-pred champion sync"
        )


@contextmanager
def user_error_if_store_broken() -> Iterator[None]:
    """Turn the errors of an unreadable store into one sentence; also usable as a decorator.

    Raises:
        UserError: In place of MLflow's, the database's and the system's own errors.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise UserError(
            f"the MLflow store {mlflow.get_tracking_uri()} cannot be read "
            f"({describe_error(error)[:300]}): restore its database and mlartifacts/, or move "
            "them away and register again with genre-pred champion sync"
        ) from error


def _point() -> None:
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # INFO reports its internal steps
    # A classifier that reads no audio has no input example.
    warnings.filterwarnings("ignore", "(?s).*input example was not provided", UserWarning)
    uri = os.environ.get(VARIABLE)
    mlflow.set_tracking_uri(uri or _local_store())
    # set_tracking_uri also sets the environment variable; the next call, perhaps in another
    # workspace, would mistake it for the user's choice.
    if not uri:
        os.environ.pop(VARIABLE, None)


def _local_store() -> str:
    return f"sqlite:///{repository_root() / 'mlflow.db'}"


def open_experiment(experiment: str) -> str:
    """Create an experiment if the store does not have it.

    A lock guards this: queue workers that migrate an empty database at the same time all fail.

    Returns:
        The experiment's id.
    """
    _point()
    root = repository_root()
    with lock("store"), user_error_if_store_broken():
        client = mlflow.MlflowClient()
        existing = client.get_experiment_by_name(experiment)
        if existing:
            return str(existing.experiment_id)
        # Absolute: a relative path would point into the copy of a queued experiment.
        local = mlflow.get_tracking_uri() == _local_store()
        artifacts = (root / "mlartifacts" / experiment).as_uri() if local else None
        return client.create_experiment(experiment, artifact_location=artifacts)


def lock(resource: str) -> FileLock:
    """A file lock on the `store` or the `registry`, for changes of several steps."""
    return FileLock(repository_root() / f".{resource}.lock", timeout=LOCK_SECONDS)
