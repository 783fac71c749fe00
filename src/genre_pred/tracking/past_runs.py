"""What the runs so far have left: who made what is read, leaderboards, who has seen a test set."""

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
IDENTITY = 16  # characters of a digest that are enough to know a model; a tag holds 8,000
BOARD = "leaderboard/leaderboard.csv"
LOCAL_UI = "http://127.0.0.1:5000"  # where `make ui` listens


@dataclass(frozen=True)
class ProducingRun:
    """The finished run that wrote an output.

    Attributes:
        stage: As in dvc.yaml.
        digest: Of what it wrote, as dvc.lock has it.
        run_id: Its MLflow run.
        url: Where MLflow's page shows it; with a local store, while `make ui` runs.
        execution: The pipeline execution that it belongs to: a DVC experiment or a commit.
        commit: Which code was checked out.
        started: When, in UTC.
        metrics: All that it has logged.
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
    """The runs that made what a run has read, and what those have read.

    They are found by the digests, so also where a stage was restored from DVC's cache.

    Returns:
        By path, as data/mel, the newest finished run that wrote these bytes; without the paths of
        which no run is known.
    """
    found: dict[str, ProducingRun] = {}
    waiting = [mlflow.MlflowClient().get_run(run_id)]
    while waiting:
        for path, made in _inputs(waiting.pop()).items():
            wrote = f"tags.`out:{path}` = '{made}' and attributes.status = 'FINISHED'"
            if path not in found and (runs := _search(wrote, limit=1)):
                found[path] = _maker(runs[0], made)
                waiting += runs
    return found


@user_error_if_store_broken()
def seen_test_set(test_set: str) -> set[str]:
    """The identities of all models that have been scored on a test set so far."""
    runs = _search(f"tags.test_set = '{test_set}'")
    # Earlier runs have noted the identities in full.
    return {seen[:IDENTITY] for run in runs for seen in run.data.tags["test_seen_by"].split()}


@user_error_if_store_broken()
def leaderboards() -> pd.DataFrame:
    """Every row of the leaderboards of all finished runs of evaluate, the newest run first.

    Returns:
        As the stage has logged them, but test_seen as it is by now; and: validation_set and
        test_set (digests of the clips that judged, empty without), run (its DVC experiment or
        commit), changed (the settings that differed from that commit's, as JSON), started (a
        time). No row where there is no such run; runs of old that have logged no table are passed
        over.
    """
    client = mlflow.MlflowClient()
    tables, seen = [], dict[str, int]()
    for run in _search("tags.stage = 'evaluate' and attributes.status = 'FINISHED'"):
        table, tags = leaderboard_of(run.info.run_id), run.data.tags
        if table is None:
            continue
        table = _in_words_of_today(table)
        told = {key: tags.get(key, "") for key in ("validation_set", "test_set")}
        told["run"] = client.get_run(tags[PARENT]).info.run_name
        told["changed"] = tags.get(CHANGED, "{}")
        if judged_on := told["test_set"]:
            if judged_on not in seen:
                seen[judged_on] = len(seen_test_set(judged_on))
            table = table.assign(test_seen=seen[judged_on])
        started = pd.Timestamp(run.info.start_time, unit="ms")
        tables.append(table.assign(**told, started=started))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


@user_error_if_store_broken()
def leaderboard_of(run_id: str) -> pd.DataFrame | None:
    """The leaderboard that a run of evaluate has logged, with what each model costs, or None."""
    client = mlflow.MlflowClient()
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)  # one for each small file tells nothing
    logged = client.list_artifacts(run_id, str(Path(BOARD).parent))
    if BOARD not in {file.path for file in logged}:
        return None
    text = mlflow.artifacts.load_text(f"{client.get_run(run_id).info.artifact_uri}/{BOARD}")
    return pd.read_csv(StringIO(text), keep_default_na=False, na_values=[""])


def _in_words_of_today(table: pd.DataFrame) -> pd.DataFrame:
    """A leaderboard in which older runs name approaches and protocols as this version does."""
    return table.assign(
        approach=table["approach"].replace("floor", "baseline"),
        protocol=table["protocol"].str.replace("^publisher,", "official,", regex=True),
    )


def _inputs(run: Run) -> dict[str, str]:
    """The paths that a run has read, and their digests."""
    tags = run.data.tags.items()
    return {key.removeprefix("in:"): value for key, value in tags if key.startswith("in:")}


def _maker(run: Run, digest: str) -> ProducingRun:
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


def _search(wanted: str, limit: int = 10_000) -> list[Run]:
    """Runs of all experiments, the newest first."""
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    newest = ["attributes.start_time DESC"]
    return list(client.search_runs(experiments, wanted, max_results=limit, order_by=newest))
