"""Queries on past runs: producers of an input, leaderboards, models scored on a test set."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities import Run
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR

from genre_pred.tracking.store import user_error_if_store_broken

PARENT = "mlflow.parentRunId"
CHANGED = "genre_pred.changed"
IDENTITY = 16  # characters of a digest that identify a model; a tag holds 8,000
BOARD = "leaderboard/leaderboard.csv"
LOCAL_UI = "http://127.0.0.1:5000"  # where `make ui` listens


@dataclass(frozen=True)
class ProducingRun:
    """The finished run that wrote an output.

    Attributes:
        stage: The stage's name in dvc.yaml.
        digest: The digest of the output, as in dvc.lock.
        run_id: The id of the MLflow run.
        url: The run's page in MLflow; with a local store, it needs `make ui`.
        execution: The pipeline execution that it belongs to: a DVC experiment or a commit.
        commit: The commit that was checked out.
        started: The start time, in UTC.
        metrics: All logged metrics.
    """

    stage: str
    digest: str
    run_id: str
    url: str
    execution: str
    commit: str
    started: pd.Timestamp
    metrics: Mapping[str, float]


def producers_of(run_id: str) -> dict[str, ProducingRun]:
    """The runs that made the inputs of a run, and their inputs in turn.

    They are found by digest, which also works for a stage that DVC restored from its cache.

    Returns:
        By path, such as data/mel, the newest finished run that wrote this content; paths without a
        known run are left out.
    """
    producers: dict[str, ProducingRun] = {}
    queue = [mlflow.MlflowClient().get_run(run_id)]
    while queue:
        for path, content in _inputs(queue.pop()).items():
            wrote = f"tags.`out:{path}` = '{content}' and attributes.status = 'FINISHED'"
            if path not in producers and (runs := _search(wrote, limit=1)):
                producers[path] = _producing_run(runs[0], content)
                queue += runs
    return producers


@user_error_if_store_broken()
def seen_test_set(test_set: str) -> set[str]:
    """The identities of all models that have been scored on a test set so far."""
    runs = _search(f"tags.test_set = '{test_set}'")
    # Runs of earlier versions have logged full digests.
    return {seen[:IDENTITY] for run in runs for seen in run.data.tags["test_seen_by"].split()}


@user_error_if_store_broken()
def leaderboards() -> pd.DataFrame:
    """The leaderboard rows of all finished evaluate runs, newest run first.

    Returns:
        The rows as logged, but with the current test_seen; and: validation_set and test_set
        (digests of the scoring clips, empty without), run (its DVC experiment or commit), changed
        (the settings that differed from that commit's, as JSON), started (a time). Runs of earlier
        versions that logged no table are skipped.
    """
    client = mlflow.MlflowClient()
    tables, seen = [], dict[str, int]()
    for run in _search("tags.stage = 'evaluate' and attributes.status = 'FINISHED'"):
        table, tags = leaderboard_of(run.info.run_id), run.data.tags
        if table is None:
            continue
        table = _with_current_names(table)
        facts = {key: tags.get(key, "") for key in ("validation_set", "test_set")}
        facts["run"] = client.get_run(tags[PARENT]).info.run_name
        facts["changed"] = tags.get(CHANGED, "{}")
        if test_set := facts["test_set"]:
            if test_set not in seen:
                seen[test_set] = len(seen_test_set(test_set))
            table = table.assign(test_seen=seen[test_set])
        started = pd.Timestamp(run.info.start_time, unit="ms")
        tables.append(table.assign(**facts, started=started))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


@user_error_if_store_broken()
def leaderboard_of(run_id: str) -> pd.DataFrame | None:
    """The leaderboard that an evaluate run has logged, with the cost of each model, or None."""
    client = mlflow.MlflowClient()
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)  # it would show one bar per small file
    logged = client.list_artifacts(run_id, str(Path(BOARD).parent))
    if BOARD not in {file.path for file in logged}:
        return None
    text = mlflow.artifacts.load_text(f"{client.get_run(run_id).info.artifact_uri}/{BOARD}")
    return pd.read_csv(StringIO(text), keep_default_na=False, na_values=[""])


def _with_current_names(table: pd.DataFrame) -> pd.DataFrame:
    """Replace the names of approaches and protocols of earlier versions by the current ones."""
    return table.assign(
        approach=table["approach"].replace("floor", "baseline"),
        protocol=table["protocol"].str.replace("^publisher,", "official,", regex=True),
    )


def _inputs(run: Run) -> dict[str, str]:
    """The paths of a run's inputs, and their digests."""
    tags = run.data.tags.items()
    return {key.removeprefix("in:"): value for key, value in tags if key.startswith("in:")}


def _producing_run(run: Run, digest: str) -> ProducingRun:
    client, info, tags = mlflow.MlflowClient(), run.info, run.data.tags
    server = mlflow.get_tracking_uri()
    server = server.rstrip("/") if server.startswith("http") else LOCAL_UI
    return ProducingRun(
        stage=tags["stage"],
        digest=digest,
        run_id=info.run_id,
        url=f"{server}/#/experiments/{info.experiment_id}/runs/{info.run_id}",
        execution=client.get_run(tags[PARENT]).info.run_name,
        commit=tags["commit"],
        started=pd.Timestamp(info.start_time, unit="ms"),
        metrics=dict(run.data.metrics),
    )


def _search(query: str, limit: int = 10_000) -> list[Run]:
    """Search the runs of all experiments, newest first."""
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    newest = ["attributes.start_time DESC"]
    return list(client.search_runs(experiments, query, max_results=limit, order_by=newest))
