"""What MLflow keeps, damaged: a sentence from every command that asks for a classifier."""

import pytest
from click.testing import CliRunner

from genre_pred import track
from genre_pred.cli import main
from genre_pred.faults import Fault


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "song.mp3").write_bytes(b"no sound")
    return tmp_path


@pytest.mark.parametrize("command", [["predict", "song.mp3"], ["serve", "--port", "0"]])
def test_a_database_that_is_none_is_a_sentence(workspace, command):
    (workspace / "mlflow.db").write_bytes(b"this is no database, but long enough to be one" * 100)
    told = CliRunner().invoke(main, command)
    assert told.exit_code == 1, told.exception
    assert "what MLflow keeps in sqlite:///" in told.output
    assert "genre-pred champion sync" in told.output


def test_artifacts_that_are_gone_are_a_sentence(workspace):
    client = track.registry.mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    client.create_registered_model("genre-x")
    gone = (workspace / "mlartifacts" / "gone").as_uri()
    version = client.create_model_version("genre-x", gone)
    client.set_registered_model_alias("genre-x", "champion", version.version)
    with pytest.raises(Fault, match=r"cannot be read .*champion sync"):
        track.fetch("genre-x")
