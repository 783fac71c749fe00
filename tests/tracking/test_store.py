"""What MLflow keeps, damaged: a sentence from every command that asks it for something."""

import pytest
from click.testing import CliRunner

from genre_pred import tracking
from genre_pred.apps.cli import main
from genre_pred.apps.web.standing import contest
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
def test_a_database_that_is_none_is_a_sentence(workspace, command):
    (workspace / "mlflow.db").write_bytes(b"this is no database, but long enough to be one" * 100)
    told = CliRunner().invoke(main, command.split())
    assert told.exit_code == 1, told.exception
    assert "what MLflow keeps in sqlite:///" in told.output
    assert "genre-pred champion sync" in told.output


def test_artifacts_that_are_gone_are_a_sentence(workspace):
    client = tracking.registry.mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    client.create_registered_model("genre-x")
    gone = (workspace / "mlartifacts" / "gone").as_uri()
    version = client.create_model_version("genre-x", gone)
    client.set_registered_model_alias("genre-x", "champion", version.version)
    with pytest.raises(UserError, match=r"cannot be read .*champion sync"):
        tracking.fetch("genre-x")


def test_a_challenger_that_is_gone_leaves_the_page_of_the_champion(workspace):
    client = tracking.registry.mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    client.create_registered_model("genre-x")
    version = client.create_model_version("genre-x", (workspace / "gone").as_uri())
    client.set_registered_model_alias("genre-x", "challenger", version.version)
    told = contest("genre-x")
    assert "nobody" in told  # is champion
    assert "cannot be read" in told


def test_a_stage_tells_of_a_damaged_database(workspace, params):
    (workspace / "mlflow.db").write_bytes(b"this is no database, but long enough to be one" * 100)
    with (
        pytest.raises(UserError, match="what MLflow keeps in sqlite:///"),
        tracking.stage("split", params, [], [], []),
    ):
        pass
