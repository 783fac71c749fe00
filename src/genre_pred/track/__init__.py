"""MLflow: the runs of the stages and the registry of classifiers; the only importer of mlflow."""

from genre_pred.track.named import fetch, registered
from genre_pred.track.past_runs import (
    BOARD,
    IDENTITY,
    Maker,
    leaderboard_of,
    leaderboards,
    seen_test_set,
)
from genre_pred.track.registry import (
    CHALLENGER,
    CHAMPION,
    crown,
    drop_alias,
    fetch_version,
    history,
    log_candidate,
    register,
    registered_models,
    set_alias,
    version_at,
    versions,
)
from genre_pred.track.runs import StageRun, stage
from genre_pred.track.scoring import Refused, scoring_app
from genre_pred.track.store import lock, open_store

__all__ = [
    "BOARD",
    "CHALLENGER",
    "CHAMPION",
    "IDENTITY",
    "Maker",
    "Refused",
    "StageRun",
    "crown",
    "drop_alias",
    "fetch",
    "fetch_version",
    "history",
    "leaderboard_of",
    "leaderboards",
    "lock",
    "log_candidate",
    "open_store",
    "register",
    "registered",
    "registered_models",
    "scoring_app",
    "seen_test_set",
    "set_alias",
    "stage",
    "version_at",
    "versions",
]
