"""The pipeline as a user runs it: DVC, MLflow and the registry on a small demo collection.

One repository is made and run once; the tests go on from there, each to the state that it needs.
"""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import soundfile
from ruamel.yaml import YAML

from genre_pred.audio.patches import open_patches

ROOT = Path(__file__).parents[1]
SMALL = {
    "demo": {"artists_per_genre": 3, "clips_per_artist": 1},
    "clip": {"clip_seconds": 3.0},
    "clean": {"max_rejected": 0.25},
    # A small network: each registered classifier holds its weights.
    "mel": {"front_ends": ["efficientat"]},
    "embed": {"backbones": ["mn04"]},
    "classical": {
        "features": ["mn04", "mfcc"],
        "classifiers": ["svc_rbf", "logistic_regression"],
    },
    "finetune": {"networks": ["mn04"], "trainable": "head", "epochs": 2, "hidden": 16},
    "evaluate": {"n_resamples": 200},
}
STAGES = list(YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"])
LIMIT = 900  # seconds for any one command, on a busy machine


class Repository:
    """A clone of this project with small settings and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GENRE_PRED_CACHE": str(folder.parent / "user-cache"),
            "DVC_SITE_CACHE_DIR": str(folder.parent / "site-cache"),
            "GIT_CONFIG_GLOBAL": str(folder.parent / "gitconfig"),
        }
        for name in ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI", "PYTHONPATH"):
            self.env.pop(name, None)

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command here; its output."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=LIMIT,
            check=False,
        )  # fmt: skip
        told = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, told[-4000:]
        return told

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def set(self, **sections: dict) -> None:
        """Change params.yaml."""
        yaml = YAML()
        params = yaml.load(self.folder / "params.yaml")
        for section, settings in sections.items():
            params[section].update(settings)
        yaml.dump(params, self.folder / "params.yaml")

    def runs(self, **tags: str) -> list:
        """The MLflow runs that carry the tags."""
        client = self.client()
        experiment = client.get_experiment_by_name("genre-demo")
        wanted = " and ".join(f"tags.{key} = '{value}'" for key, value in tags.items())
        return client.search_runs([experiment.experiment_id], wanted, max_results=1000)

    def client(self) -> mlflow.MlflowClient:
        uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        return mlflow.MlflowClient(uri, uri)

    def champion(self) -> str:
        """The champion's version, read past any connection that MLflow keeps open."""
        found = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as store:
            ((version,),) = store.execute(found, ("genre-demo", "champion"))
        return str(version)


def ran(told: str) -> list[str]:
    """The stages that a dvc command ran, in order."""
    return re.findall(r"Running stage '(\w+)'", told)


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Repository:
    folder = tmp_path_factory.mktemp("pipeline") / "clone"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("dvc.lock", "reports")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    made = Repository(folder)
    (folder.parent / "gitconfig").write_text("[user]\nname = a\nemail = a@example.com\n")
    made.set(**SMALL)
    made.run("git", "init", "-q")
    made.commit("start")
    assert ran(made.run("dvc", "repro")) == STAGES
    made.commit("first run")
    return made


def settle(repository: Repository) -> None:
    """Bring a repository back to its last commit, with everything computed."""
    repository.run("git", "checkout", "-q", ".")
    repository.run("dvc", "repro")


def test_a_run_ends_with_a_champion_and_a_closed_run_of_every_stage(repository):
    assert repository.champion() in {"1", "2"}
    told = json.loads((repository.folder / "reports/promotion.json").read_text())
    assert "first champion" in told["reason"]
    stages = [run for run in repository.runs() if "stage" in run.data.tags]
    assert {run.data.tags["stage"] for run in stages} == set(STAGES)
    assert {run.info.status for run in repository.runs()} == {"FINISHED"}
    (parent,) = {run.data.tags["mlflow.parentRunId"] for run in stages}
    assert parent not in {run.info.run_id for run in stages}


def test_the_outputs_in_mlflow_carry_the_hashes_of_dvc_lock(repository):
    lock = YAML(typ="safe").load(repository.folder / "dvc.lock")["stages"]
    run = repository.runs(stage="mel")[-1]
    assert run.data.tags["out:data/mel"] == lock["mel"]["outs"][0]["md5"]
    assert run.data.tags["in:data/clips.parquet"] == lock["clean"]["outs"][0]["md5"]


def test_a_second_run_has_nothing_to_do(repository):
    settle(repository)
    lock = (repository.folder / "dvc.lock").read_bytes()
    told = repository.run("dvc", "repro")
    assert ran(told) == []
    assert "up to date" in told
    assert (repository.folder / "dvc.lock").read_bytes() == lock


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        ({"compute": {"workers": 1}}, []),
        ({"evaluate": {"seed": 1}}, ["evaluate", "promote", "report"]),
        (
            {"split": {"method": "grouped"}},
            ["split", "finetune", "classical_train", "evaluate", "promote", "report"],
        ),
    ],
)
def test_a_changed_setting_re_runs_only_what_reads_it(repository, change, affected):
    settle(repository)
    repository.set(**change)
    assert ran(repository.run("dvc", "repro")) == affected


def test_an_experiment_registers_a_challenger_and_leaves_the_champion(repository):
    settle(repository)
    before = repository.champion()
    told = repository.run("dvc", "exp", "run", "-S", "classical.svc_rbf.C=30", "-n", "strong")
    assert ran(told) == ["classical_train", "evaluate", "promote", "report"]
    assert repository.champion() == before
    (run,) = repository.runs(stage="classical_train", dvc_experiment="strong")
    assert run.data.params["classical.svc_rbf.C"] == "30.0"
    parent = repository.client().get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.info.run_name == "strong"
    assert "strong" in repository.run("dvc", "exp", "show", "--csv")
    settle(repository)
    assert repository.run("git", "status", "--porcelain") == ""


def test_queued_experiments_share_the_store_and_run_the_code_that_was_queued(repository):
    settle(repository)
    stage = repository.folder / "stages/evaluate.py"
    code = stage.read_text()
    marked = code.replace(
        'run.tags({"test_set"', 'run.tags({"queued_code": "yes"}); run.tags({"test_set"'
    )
    assert marked != code
    stage.write_text(marked)
    for C in ("3", "5"):
        repository.run(
            "dvc", "exp", "run", "--queue", "-S", f"classical.svc_rbf.C={C}", "-n", f"q{C}"
        )
    stage.write_text(code)  # what runs must be what was queued
    repository.run("dvc", "queue", "start")
    states = ""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        states = repository.run("dvc", "queue", "status")
        if not re.search(r"Queued|Running", states.split("Worker status")[0]):
            break
        time.sleep(2)
    repository.run("dvc", "queue", "stop", "--kill")
    assert states.count("Success") == 2, states + repository.run("dvc", "queue", "logs", "q3")
    for name in ("q3", "q5"):
        (run,) = repository.runs(stage="evaluate", dvc_experiment=name)
        assert run.data.tags["queued_code"] == "yes"
        artifacts = repository.client().list_artifacts(run.info.run_id)
        assert "metrics.json" in {artifact.path for artifact in artifacts}
        assert run.info.artifact_uri.startswith((repository.folder / "mlartifacts").as_uri())


def test_the_plots_are_rendered(repository):
    settle(repository)
    repository.run("dvc", "plots", "show")
    page = (repository.folder / "dvc_plots/index.html").read_text()
    for name in ("leaderboard_csv", "learning_curves_csv", "calibration_csv", "confusion"):
        assert name in page
    assert "test_accuracy" in repository.run("dvc", "metrics", "show", "--json")


def test_a_folder_of_ones_own_gets_a_champion_and_a_new_song_is_noticed(repository, tmp_path):
    settle(repository)
    music = tmp_path / "Böse Lieder & 'more'"
    for number in range(12):
        genre, pitch = (("low", 200), ("high", 2000))[number % 2]
        (music / genre).mkdir(parents=True, exist_ok=True)
        t = np.arange(4 * 8000) / 8000
        tone = 0.3 * np.sin(2 * np.pi * (pitch + 7 * number) * t)
        soundfile.write(music / genre / f"song {number}.wav", tone, 8000)
    repository.set(
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


def models_on_the_board(repository: Repository) -> set[str]:
    board = pd.read_csv(repository.folder / "reports/leaderboard.csv")
    return set(board.loc[board["validation_accuracy"].notna(), "model"])


def test_every_family_of_systems_ends_in_a_row(repository):
    settle(repository)
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
    assert models_on_the_board(repository) >= {
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
    settle(repository)
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
    assert models_on_the_board(repository) >= {
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
    settle(repository)
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
    settle(repository)
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


@pytest.mark.parametrize(
    ("stage", "change", "begun"),
    [
        ("mel", {"dtype": "float16"}, "data/mel/.efficientat*"),
        ("finetune", {"seed": 2}, "round-1.pt"),
    ],
)
def test_a_killed_run_is_made_good_by_the_next(repository, stage, change, begun):
    settle(repository)
    repository.set(**{stage: change})
    running = subprocess.Popen(
        ["dvc", "repro", stage],
        cwd=repository.folder, env=repository.env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    places = (repository.folder, repository.folder.parent / "user-cache/finetune")
    deadline = time.monotonic() + LIMIT
    while running.poll() is None and time.monotonic() < deadline:
        if list(places[0].glob(begun)) or list(places[1].glob(f"*/{begun}")):
            break
        time.sleep(0.02)
    assert running.poll() is None, f"{stage} ended before it could be killed"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert stage in ran(repository.run("dvc", "repro"))
    assert "up to date" in repository.run("dvc", "status")
    store = open_patches(repository.folder / "data/mel/efficientat")
    assert np.abs(store.patches).max(axis=(1, 2, 3)).min() > 0
    history = pd.read_csv(repository.folder / "models/finetune/mn04/history.csv")
    assert sorted(set(history["epoch"])) == [1, 2]
    for folder in ("data", "models"):
        assert not list((repository.folder / folder).rglob(".*.part"))
    assert not list(places[1].rglob("*.pt"))
    assert "RUNNING" not in {run.info.status for run in repository.runs()}


def test_sync_crowns_again_when_the_store_is_lost(repository):
    settle(repository)
    (repository.folder / "mlflow.db").unlink()
    told = repository.run("genre-pred", "champion", "sync")
    assert "first champion" in told
    assert repository.champion() in {"1", "2"}
