"""MLflow: the runs of the stages and the registry of classifiers; the only importer of mlflow."""

from genre_pred.tracking.model_names import fetch, registered
from genre_pred.tracking.model_registry import (
    CHALLENGER,
    CHAMPION,
    drop_alias,
    fetch_version,
    history,
    log_candidate,
    register,
    registered_models,
    set_alias,
    set_champion,
    version_at,
    versions,
)
from genre_pred.tracking.past_runs import (
    BOARD,
    IDENTITY,
    ProducingRun,
    leaderboard_of,
    leaderboards,
    seen_test_set,
)
from genre_pred.tracking.runs import StageRun, record, stage
from genre_pred.tracking.scoring_server import Refused, scoring_app
from genre_pred.tracking.store import lock, open_store

__all__ = [
    "BOARD",
    "CHALLENGER",
    "CHAMPION",
    "IDENTITY",
    "ProducingRun",
    "Refused",
    "StageRun",
    "drop_alias",
    "fetch",
    "fetch_version",
    "history",
    "leaderboard_of",
    "leaderboards",
    "lock",
    "log_candidate",
    "open_store",
    "record",
    "register",
    "registered",
    "registered_models",
    "scoring_app",
    "seen_test_set",
    "set_alias",
    "set_champion",
    "stage",
    "version_at",
    "versions",
]
