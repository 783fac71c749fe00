"""A small copy of this project, in which the pipeline runs as a user runs it."""

import os
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import mlflow
import pandas as pd
from ruamel.yaml import YAML

from genre_pred.core.pipeline import read_stage

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
VARIABLES = ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI", "PYTHONPATH")
# The columns of MLflow's database that hold absolute places of artifacts.
PLACES = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}


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
        for name in VARIABLES:
            self.env.pop(name, None)

    @classmethod
    def made(cls, folder: Path) -> "Repository":
        """Copy the project's files, with small settings, and commit them; nothing has run yet."""
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode()
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file() and not name.startswith(("dvc.lock", "reports", "docs")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        made = cls(folder)
        (folder.parent / "gitconfig").write_text("[user]\nname = a\nemail = a@example.com\n")
        made.change(**SMALL)
        made.run("git", "init", "-q")
        made.commit("start")
        return made

    def copied(self, folder: Path) -> "Repository":
        """Copy all of it, with what it has computed and what MLflow has remembered."""
        shutil.copytree(self.folder.parent, folder.parent, symlinks=True, dirs_exist_ok=True)
        with closing(sqlite3.connect(folder / "mlflow.db")) as store:
            for table, column in PLACES.items():
                store.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                    (self.folder.as_uri(), folder.as_uri()),
                )
            store.commit()
        return Repository(folder)

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command here; its output."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=LIMIT,
            check=False,
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, output[-4000:]
        return output

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Work in this repository with the environment of its commands, in this process."""
        before, place = dict(os.environ), Path.cwd()
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.env)
        try:
            yield
        finally:
            os.chdir(place)
            os.environ.clear()
            os.environ.update(before)

    def run_stages(self, *names: str) -> None:
        """Run stages in this process, without DVC: where DVC is not what is tested."""
        with self.entered():
            for name in names or STAGES:
                for path in read_stage(name).outputs:  # as DVC does before it runs a stage
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                runpy.run_path(f"stages/{name}.py")["main"]()

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def change(self, **sections: dict) -> None:
        """Change params.yaml."""
        yaml = YAML()
        params = yaml.load(self.folder / "params.yaml")
        for section, settings in sections.items():
            params[section].update(settings)
        yaml.dump(params, self.folder / "params.yaml")

    def runs(self, experiment: str = "genre-demo", **tags: str) -> list:
        """The MLflow runs that carry the tags."""
        client = self.client()
        found = client.get_experiment_by_name(experiment)
        wanted = " and ".join(f"tags.{key} = '{value}'" for key, value in tags.items())
        return client.search_runs([found.experiment_id], wanted, max_results=1000)

    def client(self) -> mlflow.MlflowClient:
        uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        return mlflow.MlflowClient(uri, uri)

    def board(self) -> pd.DataFrame:
        """The leaderboard, by model."""
        return pd.read_csv(self.folder / "reports/leaderboard.csv").set_index("model")

    def models_on_the_board(self) -> set[str]:
        board = self.board()
        return set(board.index[board["validation_accuracy"].notna()])

    def champion(self, model: str = "genre-demo") -> str:
        """The champion's version, read past any connection that MLflow keeps open."""
        found = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as store:
            ((version,),) = store.execute(found, (model, "champion"))
        return str(version)


def ran(output: str) -> list[str]:
    """The stages that a dvc command ran, in order."""
    return re.findall(r"Running stage '(\w+)'", output)
