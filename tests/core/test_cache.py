"""The folder of unfinished work is reused only by the same work."""

from dataclasses import replace

import pytest

from genre_pred.core.cache import user_cache, work_folder
from genre_pred.core.pipeline import Stage


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENRE_PRED_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def stage(tmp_path):
    """A stage that reads a folder and a file, and runs a script and a folder of code."""
    for name in ("folder/a", "file", "script.py", "code/one.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    inputs, code = ("folder", "file"), ("script.py", "code")
    places = [tuple(tmp_path / name for name in names) for names in (inputs, code)]
    return Stage("finetune", ("finetune",), *places, ())


def test_the_cache_is_the_folder_of_the_environment_variable(tmp_path, monkeypatch):
    assert user_cache() == tmp_path / "cache"
    monkeypatch.delenv("GENRE_PRED_CACHE")
    assert user_cache().name == "genre-pred"


def test_the_same_work_is_given_the_same_folder(tmp_path, stage):
    folder = work_folder(stage, {"epochs": 3, "seed": 1})
    assert folder.is_dir()
    assert tmp_path / "cache" in folder.parents
    (folder / "checkpoint").write_text("kept")
    again = work_folder(stage, {"seed": 1, "epochs": 3})
    assert (again / "checkpoint").read_text() == "kept"


def test_other_work_has_another_folder(stage, tmp_path):
    asked = {"epochs": 3}
    folders = [work_folder(stage, asked)]
    folders.append(work_folder(stage, {"epochs": 4}))
    folders.append(work_folder(replace(stage, name="embed"), asked))
    folders.append(work_folder(replace(stage, inputs=stage.inputs[:1]), asked))
    for change in ("file", "folder/b", "script.py", "code/one.py", "code/deeper/two.py"):
        (tmp_path / change).parent.mkdir(exist_ok=True)
        (tmp_path / change).write_text("changed")
        folders.append(work_folder(stage, asked))
    assert len(set(folders)) == 9


def test_code_that_the_stage_does_not_run_changes_nothing(stage, tmp_path):
    before = work_folder(stage, {})
    (tmp_path / "code" / "__pycache__").mkdir()
    (tmp_path / "code" / "__pycache__" / "one.pyc").write_bytes(b"compiled")
    (tmp_path / "elsewhere.py").write_text("changed")
    assert work_folder(stage, {}) == before
