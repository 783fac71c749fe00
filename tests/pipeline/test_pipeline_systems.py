"""What the pipeline ends with: every family of systems, of every kind of collection, a champion."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from small_repository import LIMIT, STAGES, ran

from genre_pred.apps.cli import main


def command(repository, *words: str, fails: bool = False) -> str:
    """Run `genre-pred` within a repository, in this process; its output."""
    with repository.entered():
        done = CliRunner().invoke(main, words)
    assert (done.exit_code != 0) == fails, done.output
    assert "Traceback" not in done.output
    return done.output


def promotion(repository) -> dict:
    return json.loads((repository.folder / "reports/promotion.json").read_text())


def test_a_run_ends_with_a_champion_and_a_closed_run_of_every_stage(finished):
    outcome = promotion(finished)
    assert "first champion" in outcome["reason"]
    assert finished.champion() == outcome["champion"]["version"]
    model = outcome["champion"]["model"]
    assert outcome["reason"].startswith(model)
    losses = finished.board()["validation_log_loss"]
    assert losses[model] == min(losses[each["model"]] for each in outcome["candidates"])
    stages = [run for run in finished.runs() if "stage" in run.data.tags]
    assert {run.data.tags["stage"] for run in stages} == set(STAGES)
    assert {run.info.status for run in finished.runs()} == {"FINISHED"}
    (parent,) = {run.data.tags["mlflow.parentRunId"] for run in stages}
    assert parent not in {run.info.run_id for run in stages}


def test_a_folder_of_ones_own_gets_a_champion_and_a_new_song_is_noticed(repository, tmp_path):
    music = tmp_path / "Böse Lieder & 'more'"
    for number in range(12):
        genre, pitch = (("low", 200), ("high", 2000))[number % 2]
        (music / genre).mkdir(parents=True, exist_ok=True)
        t = np.arange(4 * 8000) / 8000
        tone = 0.3 * np.sin(2 * np.pi * (pitch + 7 * number) * t)
        soundfile.write(music / genre / f"song {number}.wav", tone, 8000)
    repository.change(
        data={"source": "folder", "name": "mine", "path": str(music)},
        split={"method": "folds", "n_folds": 2},
    )
    assert ran(repository.run("dvc", "repro", "split")) == STAGES[:3]
    repository.run_stages(*STAGES[3:])
    version = repository.client().get_model_version_by_alias("genre-mine", "champion")
    assert version.tags["protocol"].startswith("2 folds, artists unknown, optimistic; no test")
    soundfile.write(music / "low" / "new.wav", 0.2 * np.sin(np.arange(32000) / 9), 8000)
    assert ran(repository.run("dvc", "repro", "split"))[:2] == ["download", "clean"]
    clips = pd.read_parquet(repository.folder / "data/clips.parquet")
    assert "low/new.wav" in set(clips["clip_id"])


@pytest.mark.slow
def test_every_family_of_systems_ends_in_a_row(repository):
    repository.change(
        mel={"front_ends": ["vggish", "efficientat", "mel128"]},
        embed={"backbones": ["vggish", "mn04"]},
        descriptors={"sets": ["mfcc", "fma"]},
        finetune={"networks": ["vggish", "s4_cnn"], "embed": True},
        classical={
            "features": ["vggish_stats", "mn04", "fma_spectral_contrast", "s4_cnn_finetuned"],
            "classifiers": ["naive_bayes", "knn"],
        },
        evaluate={"reproductions": ["mn04/knn"]},
    )
    repository.run_stages(*STAGES[3:])
    assert repository.models_on_the_board() >= {
        "vggish_stats/naive_bayes", "mn04/knn", "fma_spectral_contrast/knn", "s4_cnn_finetuned/knn",
        "finetune/vggish", "finetune/s4_cnn", "ensemble", "majority",
    }  # fmt: skip
    board = repository.board()
    assert board.loc["mn04/knn", "note"].startswith("reproduction")
    assert 0 <= board.loc["mn04/knn", "test_accuracy"] <= 1
    output = command(repository, "leaderboard", "--commands")
    assert "mn04/knn" in output
    assert "ensemble" in output


def test_what_others_computed_gets_a_champion_that_does_not_accept_sound(repository, tmp_path):
    rng = np.random.default_rng(0)
    n, place = 60, tmp_path / "theirs"
    (place / "features").mkdir(parents=True)
    genre = np.arange(n) % 3
    sides = np.array(["train"] * 30 + ["validation"] * 15 + ["test"] * 15)
    table = {"clip_id": [f"t{i}" for i in range(n)], "genre": np.array(list("abc"))[genre]}
    pd.DataFrame(table | {"split": sides}).to_csv(place / "clips.csv", index=False)
    values = rng.standard_normal((n, 6)) + 2 * np.eye(6)[genre]
    for name in ("theirs", "vggish"):  # which is also what an embedding of ours is called
        np.save(place / "features" / f"{name}.npy", values.astype(np.float32))
    pictures = (
        rng.integers(0, 60, (n, 32, 32)) + 60 * (np.arange(32) // 11 == genre[:, None])[..., None]
    )
    np.save(place / "spectrograms.npy", pictures.astype(np.uint8))
    repository.change(
        data={"source": "precomputed", "path": str(place)},
        classical={"features": ["theirs", "vggish", "spectrogram_stats"]},
        finetune={"networks": ["cnn_mel"], "pictures": "spectrograms", "trainable": "all"},
        promote={"approaches": ["descriptors", "finetune", "ensemble"]},
        evaluate={"ensemble": ["descriptors", "finetune"]},
    )
    repository.run_stages()
    assert repository.models_on_the_board() >= {
        "theirs/svc_rbf", "vggish/svc_rbf", "spectrogram_stats/svc_rbf", "finetune/cnn_mel",
        "ensemble",
    }  # fmt: skip
    assert repository.board().loc["theirs/svc_rbf", "validation_accuracy"] > 0.6
    asked = ("predict", "--model", "genre-theirs@champion", "README.md")
    assert "theirs" in command(repository, *asked, fails=True)
    repository.run_stages("promote")
    assert "is already the champion" in promotion(repository)["reason"]


def test_predict_answers_good_files_and_reports_bad_ones(repository, tmp_path):
    songs = sorted((repository.folder / "data/raw/fma_small").rglob("*.mp3"))
    good = max(songs, key=lambda path: path.stat().st_size)
    bad = tmp_path / "it's broken.mp3"
    bad.write_bytes(b"no music")
    done = subprocess.run(
        ["genre-pred", "predict", str(good), str(bad), "--json"],
        cwd=repository.folder, env=repository.env, capture_output=True, text=True, timeout=LIMIT,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    answered, failed = json.loads(done.stdout)["files"]
    assert sum(answered["probabilities"].values()) == pytest.approx(1)
    assert failed["file"] == str(bad)
    assert done.stderr.splitlines()[-1].startswith(f"error: {bad}: ")
    assert "Traceback" not in done.stderr


def test_rollback_and_forcing_are_kept_in_the_history(repository):
    first = repository.champion()
    other = "2" if first == "1" else "1"
    force = ("champion", "promote", "--force")
    assert "needs --reason" in command(repository, *force, fails=True)
    command(repository, *force, "--version", other, "--reason", "to try")
    assert repository.champion() == other
    command(repository, "champion", "rollback")
    assert repository.champion() == first
    output = command(repository, "champion", "history")
    events = [word for word in ("first:", "forced:", "rollback:") if word in output]
    assert events == ["first:", "forced:", "rollback:"]


def test_sync_sets_the_champion_again_when_the_store_is_lost(repository):
    before = promotion(repository)["champion"]["model"]
    (repository.folder / "mlflow.db").unlink()
    output = command(repository, "champion", "sync")
    assert f"{before} is the first champion" in output
    version = repository.client().get_model_version_by_alias("genre-demo", "champion")
    assert version.tags["model"] == before


def test_two_repositories_in_one_process_have_a_registry_each(repository, tmp_path):
    other = repository.copied(tmp_path / "other" / "clone")
    command(other, "champion", "promote", "--force", "--version", "2", "--reason", "other")
    command(repository, "champion", "promote", "--force", "--version", "1", "--reason", "own")
    assert (repository.champion(), other.champion()) == ("1", "2")
    assert "other" not in command(repository, "champion", "history")
    assert "MLFLOW_TRACKING_URI" not in other.env
