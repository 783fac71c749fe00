"""MLflow: the runs of the stages and the registry of classifiers; the only importer of mlflow."""

from genre_pred.track.registry import (
    CHALLENGER,
    CHAMPION,
    champions,
    crown,
    drop_alias,
    fetch_version,
    history,
    log_candidate,
    register,
    set_alias,
    version_at,
    versions,
)
from genre_pred.track.runs import StageRun, seen_test_set, stage
from genre_pred.track.store import open_store

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "StageRun",
    "champions",
    "crown",
    "drop_alias",
    "fetch_version",
    "history",
    "log_candidate",
    "open_store",
    "register",
    "seen_test_set",
    "set_alias",
    "stage",
    "version_at",
    "versions",
]
