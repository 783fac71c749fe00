"""Promotion, rollback and history in a real registry, with stored predictions."""

import subprocess
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from filelock import FileLock, Timeout

from genre_pred import tracking
from genre_pred.config.params import read_params
from genre_pred.core.errors import UserError
from genre_pred.inference.classifier_folder import Spec, save_classifier
from genre_pred.registry import champion
from genre_pred.registry.candidates import RegisteredCandidate
from genre_pred.registry.rules import NotComparable

PARAMS = read_params(Path(__file__).parents[2] / "params.yaml")
NAME = "genre-test"
N_CLIPS = 120
SPEC = Spec(
    model="mfcc/svc_rbf", approach="embedding", collection="test", genres=["a", "b"],
    clip=PARAMS.clip.model_dump(), store_dtype="float32", features="mfcc", network=None, hidden=0,
    descriptor_rate=22050, precision="float32", temperature=1.0, weights="", note="",
    protocol="official, artists apart", grouped=True, validation_log_loss=0.5,
)  # fmt: skip


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    experiment = tracking.store.open_experiment("genre-test")
    with mlflow.start_run(experiment_id=experiment):
        yield
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def held_out(n_right: int, contents: range = range(N_CLIPS), genres=("a", "b")) -> pd.DataFrame:
    """Predictions of clips in artists of four; the first n_right are right."""
    numbers = np.array(contents)
    right = numbers < n_right
    is_first = numbers % 2 == 0
    first = np.where(right == is_first, 0.9, 0.1)
    return pd.DataFrame(
        {
            "clip_id": [f"clip{i}" for i in numbers],
            "content": [f"content{i}" for i in numbers],
            "genre": np.where(is_first, *genres),
            "artist": [f"artist{i // 4}" for i in numbers],
            "split": "test",
            "fold": -1,
            genres[0]: first,
            genres[1]: 1 - first,
        }
    )


def candidate(folder: Path, name: str, table: pd.DataFrame, **changes) -> RegisteredCandidate:
    """A registered classifier that has the given held-out predictions."""
    place = folder / name
    trained_on = changes.pop("trained_on", ["learnt"])
    spec = replace(SPEC, model=name, **changes)
    told = {"trained_on": trained_on, "held_out": table, "novelty_detector": None}
    save_classifier(place, spec, files={}, **told)
    uri = tracking.log_candidate(place, name, ["a", "b"], "")
    run = mlflow.active_run()
    version = tracking.register(NAME, uri, run.info.run_id, {"model": name, "digest": name})
    return RegisteredCandidate.of(place, version)


def settle(*candidates: RegisteredCandidate, may_promote: bool = True):
    return champion.decide_champion(NAME, candidates, pd.DataFrame(), PARAMS, may_promote)


def at(alias: str) -> str | None:
    version = tracking.version_at(NAME, alias)
    return str(version.version) if version else None


def test_the_first_champion_has_the_lower_validation_log_loss(tmp_path):
    worse = candidate(tmp_path, "worse", held_out(100), validation_log_loss=0.9)
    better = candidate(tmp_path, "better", held_out(60), validation_log_loss=0.4)
    decision = settle(worse, better)
    assert decision.promote
    assert (at("champion"), at("challenger")) == (better.version, worse.version)
    assert "better is the first champion" in decision.reason


def test_a_better_one_takes_the_place_and_an_equal_one_does_not(tmp_path):
    old = candidate(tmp_path, "old", held_out(60))
    settle(old)
    equal = candidate(tmp_path, "equal", held_out(60))
    decision = settle(equal)
    assert not decision.promote
    assert at("champion") == old.version
    better = candidate(tmp_path, "better", held_out(110))
    decision = settle(better)
    assert decision.promote
    assert decision.difference == pytest.approx(50 / 120)
    assert at("champion") == better.version
    assert [event["how"] for event in tracking.history(NAME)] == ["first", "challenge"]


def test_the_champion_is_not_compared_with_itself(tmp_path):
    old = candidate(tmp_path, "old", held_out(60))
    settle(old)
    decision = settle(old)
    assert not decision.promote
    assert "is already the champion" in decision.reason
    assert len(tracking.history(NAME)) == 1


def test_an_experiment_registers_a_challenger_only(tmp_path):
    old = candidate(tmp_path, "old", held_out(60))
    settle(old, may_promote=False)  # there was none: the first is crowned even so
    better = candidate(tmp_path, "better", held_out(110))
    decision = settle(better, may_promote=False)
    assert not decision.promote
    assert "genre-pred champion promote" in decision.reason
    assert (at("champion"), at("challenger")) == (old.version, better.version)
    assert champion.challenge_champion(NAME, None, PARAMS).promote
    assert (at("champion"), at("challenger")) == (better.version, None)


def test_only_clips_that_neither_was_trained_on_count(tmp_path):
    seen = [f"content{i}" for i in range(60)]
    old = candidate(tmp_path, "old", held_out(120, range(60, 120)), trained_on=seen)
    settle(old)
    decision = settle(candidate(tmp_path, "new", held_out(120)))
    assert decision.clips == 60


def test_other_genres_cannot_be_compared(tmp_path):
    settle(candidate(tmp_path, "old", held_out(60)))
    other = candidate(tmp_path, "other", held_out(110, genres=("a", "c")), genres=["a", "c"])
    decision = settle(other)
    assert not decision.promote
    assert "different genres" in decision.reason
    assert at("challenger") == other.version
    with pytest.raises(NotComparable):
        champion.challenge_champion(NAME, None, PARAMS)


def test_the_champion_predicts_clips_that_it_lacks(tmp_path):
    old = candidate(tmp_path, "old", held_out(60, range(100)))
    settle(old)
    tracking.set_alias(NAME, "challenger", candidate(tmp_path, "new", held_out(110)).version)
    with pytest.raises(NotComparable, match="has no predictions of 20 of the clips"):
        champion.challenge_champion(NAME, None, PARAMS)


def test_with_folds_the_held_out_predictions_count_though_the_final_model_saw_all(tmp_path):
    everything = [f"content{i}" for i in range(N_CLIPS)]
    folds = held_out(60).assign(split="validation", fold=0)
    settle(candidate(tmp_path, "old", folds, trained_on=everything))
    better = held_out(110).assign(split="validation", fold=0)
    decision = settle(candidate(tmp_path, "new", better, trained_on=everything))
    assert decision.promote
    assert "chosen and scored on the same clips, optimistic" in decision.protocol


def test_rollback_goes_back_and_forcing_takes_a_version_that_exists(tmp_path):
    old = candidate(tmp_path, "old", held_out(110))
    settle(old)
    with pytest.raises(UserError, match="no previous champion"):
        champion.rollback(NAME)
    new = candidate(tmp_path, "new", held_out(60))
    with pytest.raises(UserError, match="no version 9"):
        champion.force(NAME, "9", "why not")
    champion.force(NAME, new.version, "the label wants it")
    assert at("champion") == new.version
    assert champion.rollback(NAME) == old.version
    assert at("champion") == old.version
    assert [event["why"] for event in tracking.history(NAME)][1:] == [
        "the label wants it",
        f"rolled back from version {new.version}",
    ]


def test_without_a_challenger_there_is_no_comparison(tmp_path):
    settle(candidate(tmp_path, "old", held_out(60)))
    with pytest.raises(UserError, match="no challenger"):
        champion.challenge_champion(NAME, None, PARAMS)


def test_a_failed_stage_is_FAILED_and_an_interrupted_one_KILLED(tmp_path):
    mlflow.end_run()
    params = PARAMS.model_copy(update={"data": PARAMS.data.model_copy(update={"name": "test"})})
    with pytest.raises(UserError), tracking.record("mel", params, ["mel"], [], []):
        raise UserError("no")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("genre-test").experiment_id
    (run,) = client.search_runs([experiment], "tags.stage = 'mel'")
    assert run.info.status == "FAILED"
    assert run.data.params["mel.dtype"] == "float32"
    parent = client.get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.info.status == "FAILED"
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = run.data.tags["genre_pred.process"].split(":")[0]
    tags = {"genre_pred.process": f"{host}:{gone.pid}:0", "stage": "mel"}
    tags["mlflow.parentRunId"] = parent.info.run_id
    orphan = client.create_run(experiment, tags=tags).info.run_id
    with tracking.record("clean", params, ["clean"], [], []) as stage:
        stage.metrics({"clips": 3})
    assert client.get_run(orphan).info.status == "KILLED"
    assert client.get_run(stage.run_id).data.metrics["clips"] == 3
    assert client.get_run(stage.run_id).info.status == "FINISHED"


def test_repeated_rollbacks_go_back_through_the_history(tmp_path):
    versions = []
    for number in range(3):
        it = candidate(tmp_path, f"m{number}", held_out(60))
        settle(it) if number == 0 else champion.force(NAME, it.version, "to try")
        versions.append(it.version)
    champion.force(NAME, versions[2], "again")  # no new reign
    assert champion.rollback(NAME) == versions[1]
    assert champion.rollback(NAME) == versions[0]
    with pytest.raises(UserError, match="no previous champion"):
        champion.rollback(NAME)


def test_a_version_that_was_rolled_back_returns_only_by_hand(tmp_path):
    old = candidate(tmp_path, "old", held_out(60))
    settle(old)
    better = candidate(tmp_path, "better", held_out(110))
    assert settle(better).promote
    champion.rollback(NAME)
    decision = settle(better)
    assert not decision.promote
    assert "was rolled back" in decision.reason
    assert at("champion") == old.version
    assert champion.challenge_champion(NAME, None, PARAMS).promote
    assert at("champion") == better.version


def test_a_worse_experiment_does_not_replace_the_challenger(tmp_path):
    old = candidate(tmp_path, "old", held_out(60))
    settle(old)
    strong = candidate(tmp_path, "strong", held_out(110), validation_log_loss=0.2)
    settle(strong, may_promote=False)
    settle(candidate(tmp_path, "weak", held_out(61), validation_log_loss=0.9), may_promote=False)
    settle(old)
    assert at("challenger") == strong.version


def test_changes_of_the_champion_are_locked(tmp_path, monkeypatch):
    old = candidate(tmp_path, "old", held_out(60))
    settle(old)
    new = candidate(tmp_path, "new", held_out(110))
    tracking.set_alias(NAME, "challenger", new.version)
    monkeypatch.setattr(tracking.store, "LOCK_SECONDS", 0.1)
    changes = [
        lambda: champion.force(NAME, new.version, "to try"),
        lambda: champion.rollback(NAME),
        lambda: champion.challenge_champion(NAME, None, PARAMS),
    ]
    with FileLock(tmp_path / ".registry.lock"):
        for change in changes:
            with pytest.raises(Timeout):
                change()
    assert at("champion") == old.version
