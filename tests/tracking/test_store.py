"""A damaged MLflow store: every command reports it in a sentence."""

import os

import mlflow
import pytest
from click.testing import CliRunner

from genre_pred import tracking
from genre_pred.apps.cli import main
from genre_pred.apps.web.standing import challenge_summary
from genre_pred.core.errors import UserError


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "song.mp3").write_bytes(b"no sound")
    return tmp_path


COMMANDS = (
    "predict song.mp3",
    "evaluate .",
    "serve --port 0",
    "app --no-browser",
    "leaderboard",
    "champion show",
    "champion history",
    "champion rollback",
    "champion promote",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_database_is_reported_in_a_sentence(workspace, command):
    (workspace / "mlflow.db").write_bytes(b"this is no database, but long enough to be one" * 100)
    told = CliRunner().invoke(main, command.split())
    assert told.exit_code == 1, told.exception
    assert "the MLflow store sqlite:///" in told.output
    assert "genre-pred champion sync" in told.output


def test_missing_artifacts_are_reported_in_a_sentence(workspace):
    client = tracking.model_registry.mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    client.create_registered_model("genre-x")
    gone = (workspace / "mlartifacts" / "gone").as_uri()
    version = client.create_model_version("genre-x", gone)
    client.set_registered_model_alias("genre-x", "champion", version.version)
    with pytest.raises(UserError, match=r"cannot be read .*champion sync"):
        tracking.fetch("genre-x")


def test_a_challenger_that_is_gone_leaves_the_page_of_the_champion(workspace):
    client = tracking.model_registry.mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    client.create_registered_model("genre-x")
    version = client.create_model_version("genre-x", (workspace / "gone").as_uri())
    client.set_registered_model_alias("genre-x", "challenger", version.version)
    told = challenge_summary("genre-x")
    assert "<td>none</td>" in told  # no champion
    assert "cannot be read" in told


def test_a_stage_reports_a_damaged_database(workspace, params):
    (workspace / "mlflow.db").write_bytes(b"this is no database, but long enough to be one" * 100)
    with (
        pytest.raises(UserError, match="the MLflow store sqlite:///"),
        tracking.record("split", params, [], [], []),
    ):
        pass


def test_a_second_workspace_in_one_process_has_a_store_of_its_own(tmp_path, monkeypatch, params):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    for name in ("one", "two", "one"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        with tracking.record("split", params, ["split"], [], []) as run:
            uri = f"sqlite:///{folder / 'mlflow.db'}"
            assert mlflow.get_tracking_uri() == uri
            assert mlflow.MlflowClient(uri).get_run(run.run_id).data.tags["stage"] == "split"
        assert "MLFLOW_TRACKING_URI" not in os.environ


def test_the_users_own_store_is_taken_and_left_as_it_is(tmp_path, monkeypatch, params):
    theirs = f"sqlite:///{tmp_path / 'theirs.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", theirs)
    monkeypatch.chdir(tmp_path)
    with tracking.record("split", params, ["split"], [], []):
        assert mlflow.get_tracking_uri() == theirs
    assert os.environ["MLFLOW_TRACKING_URI"] == theirs
    assert not (tmp_path / "mlflow.db").exists()
