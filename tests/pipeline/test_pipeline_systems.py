"""What the pipeline ends with: every family of systems, of every kind of collection, a champion."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
import soundfile
from small_repository import LIMIT, STAGES, ran


def test_a_run_ends_with_a_champion_and_a_closed_run_of_every_stage(repository):
    assert repository.champion() in {"1", "2"}
    told = json.loads((repository.folder / "reports/promotion.json").read_text())
    assert "first champion" in told["reason"]
    stages = [run for run in repository.runs() if "stage" in run.data.tags]
    assert {run.data.tags["stage"] for run in stages} == set(STAGES)
    assert {run.info.status for run in repository.runs()} == {"FINISHED"}
    (parent,) = {run.data.tags["mlflow.parentRunId"] for run in stages}
    assert parent not in {run.info.run_id for run in stages}


def test_a_folder_of_ones_own_gets_a_champion_and_a_new_song_is_noticed(repository, tmp_path):
    repository.settle()
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
    assert ran(repository.run("dvc", "repro")) == STAGES
    version = repository.client().get_model_version_by_alias("genre-mine", "champion")
    assert version.tags["protocol"].startswith("2 folds, artists unknown, optimistic; no test")
    soundfile.write(music / "low" / "new.wav", 0.2 * np.sin(np.arange(32000) / 9), 8000)
    assert ran(repository.run("dvc", "repro", "split"))[:2] == ["download", "clean"]
    clips = pd.read_parquet(repository.folder / "data/clips.parquet")
    assert "low/new.wav" in set(clips["clip_id"])


def test_every_family_of_systems_ends_in_a_row(repository):
    repository.settle()
    repository.run(
        "dvc", "exp", "run", "-n", "families",
        "-S", "mel.front_ends=[vggish,efficientat,mel128]",
        "-S", "embed.backbones=[vggish,mn04]",
        "-S", "descriptors.sets=[mfcc,fma]",
        "-S", "finetune.networks=[vggish,s4_cnn]",
        "-S", "finetune.embed=true",
        "-S", "classical.features=[vggish_stats,mn04,fma_spectral_contrast,s4_cnn_finetuned]",
        "-S", "classical.classifiers=[naive_bayes,knn]",
        "-S", "evaluate.reproductions=[mn04/knn]",
    )  # fmt: skip
    assert repository.models_on_the_board() >= {
        "vggish_stats/naive_bayes", "mn04/knn", "fma_spectral_contrast/knn", "s4_cnn_finetuned/knn",
        "finetune/vggish", "finetune/s4_cnn", "ensemble", "majority",
    }  # fmt: skip
    board = pd.read_csv(repository.folder / "reports/leaderboard.csv").set_index("model")
    assert board.loc["mn04/knn", "note"].startswith("reproduction")
    assert 0 <= board.loc["mn04/knn", "test_accuracy"] <= 1
    told = repository.run("genre-pred", "leaderboard", "--commands")
    assert "mn04/knn" in told
    assert "ensemble" in told


def test_what_others_computed_gets_a_champion_that_cannot_hear(repository, tmp_path):
    repository.settle()
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
    repository.run(
        "dvc", "exp", "run", "-n", "theirs",
        "-S", "data.source=precomputed", "-S", f"data.path='{place}'",
        "-S", "classical.features=[theirs,vggish,spectrogram_stats]",
        "-S", "finetune.networks=[cnn_mel]", "-S", "finetune.pictures=spectrograms",
        "-S", "finetune.trainable=all",
        "-S", "promote.approaches=[descriptors,finetune,ensemble]",
        "-S", "evaluate.ensemble=[descriptors,finetune]",
    )  # fmt: skip
    assert repository.models_on_the_board() >= {
        "theirs/svc_rbf", "vggish/svc_rbf", "spectrogram_stats/svc_rbf", "finetune/cnn_mel",
        "ensemble",
    }  # fmt: skip
    board = pd.read_csv(repository.folder / "reports/leaderboard.csv").set_index("model")
    assert board.loc["theirs/svc_rbf", "validation_accuracy"] > 0.6
    told = repository.run(
        "genre-pred", "predict", "--model", "genre-theirs@champion", "README.md", fails=True
    )
    assert "cannot hear sound" in told
    assert "Traceback" not in told
    again = repository.run("dvc", "repro")
    assert "is champion already" in again or "up to date" in again


def test_predict_answers_good_files_and_tells_of_bad_ones(repository, tmp_path):
    repository.settle()
    song = sorted((repository.folder / "data/raw/fma_small").rglob("*.mp3"))
    good = max(song, key=lambda path: path.stat().st_size)
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
    repository.settle()
    first = repository.champion()
    other = "2" if first == "1" else "1"
    assert "needs --reason" in repository.run(
        "genre-pred", "champion", "promote", "--force", fails=True
    )
    repository.run(
        "genre-pred", "champion", "promote", "--force", "--version", other, "--reason", "to try"
    )
    assert repository.champion() == other
    repository.run("genre-pred", "champion", "rollback")
    assert repository.champion() == first
    told = repository.run("genre-pred", "champion", "history")
    assert [word for word in ("first", "forced", "rollback") if word in told] == [
        "first", "forced", "rollback",
    ]  # fmt: skip


def test_sync_crowns_again_when_the_store_is_lost(repository):
    repository.settle()
    (repository.folder / "mlflow.db").unlink()
    told = repository.run("genre-pred", "champion", "sync")
    assert "first champion" in told
    assert repository.champion() in {"1", "2"}
