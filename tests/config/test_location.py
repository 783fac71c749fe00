"""The workspace, from any folder in which a command is run."""

from pathlib import Path

import pytest

from genre_pred import tracking
from genre_pred.config.location import workspace
from genre_pred.config.workspace import ALL_CORES, INTERVALS, compute_settings, intervals
from genre_pred.tracking import model_names as named

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("below", ["", "docs", "src/genre_pred"])
def test_a_folder_below_belongs_to_the_workspace(monkeypatch, params, below):
    monkeypatch.chdir(ROOT / below)
    assert workspace() == ROOT
    assert compute_settings() == params.compute
    assert intervals() == params.evaluate
    assert tracking.store.repository_root() == ROOT


def test_files_of_another_project_are_not_a_workspace(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text("learning_rate: 0.1\n")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert workspace() is None
    assert compute_settings() == ALL_CORES
    assert intervals() == INTERVALS
    assert tracking.store.repository_root() == tmp_path


def test_the_collection_s_model_is_meant_in_a_folder_below_too(monkeypatch, params):
    mine = f"genre-{params.data.collection}"
    monkeypatch.setattr(named, "open_store", lambda: None)
    monkeypatch.setattr(named, "registered_models", lambda: ["genre-latest", mine])
    monkeypatch.chdir(ROOT / "docs")
    assert tracking.registered(None) == mine


def test_outside_the_latest_model_is_meant(tmp_path, monkeypatch):
    monkeypatch.setattr(named, "open_store", lambda: None)
    monkeypatch.setattr(named, "registered_models", lambda: ["genre-latest", "genre-other"])
    monkeypatch.chdir(tmp_path)
    assert tracking.registered(None) == "genre-latest"
