"""A small copy of this project, in which the pipeline runs as a user runs it."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mlflow
import pandas as pd
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
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
    "compute": {"workers": 1},  # two such repositories run side by side
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

    def settle(self) -> None:
        """Bring it back to its last commit, with everything computed."""
        self.run("git", "checkout", "-q", ".")
        self.run("dvc", "repro")

    def change(self, **sections: dict) -> None:
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

    def models_on_the_board(self) -> set[str]:
        board = pd.read_csv(self.folder / "reports/leaderboard.csv")
        return set(board.loc[board["validation_accuracy"].notna(), "model"])

    def champion(self) -> str:
        """The champion's version, read past any connection that MLflow keeps open."""
        found = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as store:
            ((version,),) = store.execute(found, ("genre-demo", "champion"))
        return str(version)


def ran(told: str) -> list[str]:
    """The stages that a dvc command ran, in order."""
    return re.findall(r"Running stage '(\w+)'", told)
