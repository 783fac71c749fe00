"""Unfinished work is found again by the very same work only."""

import pytest

from genre_pred.core import cache
from genre_pred.core.cache import user_cache, work_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENRE_PRED_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def reads(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("1")
    (tmp_path / "file").write_text("2")
    return [tmp_path / "folder", tmp_path / "file"]


def test_the_cache_lies_where_the_variable_says(tmp_path, monkeypatch):
    assert user_cache() == tmp_path / "cache"
    monkeypatch.delenv("GENRE_PRED_CACHE")
    assert user_cache().name == "genre-pred"


def test_the_same_work_finds_its_folder_again(tmp_path, reads):
    folder = work_folder("finetune", {"epochs": 3, "seed": 1}, reads)
    assert folder.is_dir()
    assert tmp_path / "cache" in folder.parents
    (folder / "checkpoint").write_text("kept")
    again = work_folder("finetune", {"seed": 1, "epochs": 3}, reads)
    assert (again / "checkpoint").read_text() == "kept"


def test_other_work_has_another_folder(reads, tmp_path, monkeypatch):
    asked = {"epochs": 3}
    folders = {work_folder("finetune", asked, reads)}
    folders.add(work_folder("finetune", {"epochs": 4}, reads))
    folders.add(work_folder("embed", asked, reads))
    folders.add(work_folder("finetune", asked, reads[:1]))
    reads[1].write_text("3")
    folders.add(work_folder("finetune", asked, reads))
    (reads[0] / "b").write_text("new")
    folders.add(work_folder("finetune", asked, reads))
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "other.py").write_text("changed = True")
    monkeypatch.setattr(cache, "PACKAGE", tmp_path / "code")
    folders.add(work_folder("finetune", asked, reads))
    assert len(folders) == 7
