"""Where MLflow keeps what it is told: one store for all runs, also those of queued experiments."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from filelock import FileLock
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from genre_pred.core.errors import UserError, describe_error
from genre_pred.core.workspace import repository_root

LOCK_SECONDS = 600
VARIABLE = "MLFLOW_TRACKING_URI"


def open_store() -> None:
    """Point MLflow at the one store, to read what is there.

    Raises:
        UserError: If there is none yet.
    """
    _point()
    root = repository_root()
    if mlflow.get_tracking_uri() == _local_store() and not (root / "mlflow.db").is_file():
        raise UserError(
            f"{root} has no mlflow.db: run dvc repro there, or genre-pred champion sync"
        )


@contextmanager
def user_error_if_store_broken() -> Iterator[None]:
    """Turn what MLflow raises of a store that it cannot read into a sentence; also a decorator.

    Raises:
        UserError: In place of MLflow's, the database's and the system's own errors.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise UserError(
            f"what MLflow keeps in {mlflow.get_tracking_uri()} cannot be read "
            f"({describe_error(error)[:300]}): bring its database and mlartifacts/ back, or set "
            "them aside and register again with genre-pred champion sync"
        ) from error


def _point() -> None:
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # INFO tells of its own housekeeping
    # A classifier that cannot hear has no sound to show.
    warnings.filterwarnings("ignore", "(?s).*input example was not provided", UserWarning)
    told = os.environ.get(VARIABLE)
    mlflow.set_tracking_uri(told or _local_store())
    # MLflow writes what it is told into the environment too, where the next call, perhaps from
    # another workspace, would take it for the user's own choice.
    if told is None:
        os.environ.pop(VARIABLE, None)


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
    with lock("store"), user_error_if_store_broken():
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
