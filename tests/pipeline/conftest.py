"""One repository, made and run once by DVC; each test works on a copy of it."""

import pytest
from filelock import FileLock
from small_repository import STAGES, Repository, ran


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Repository:
    """The repository after its first `dvc repro`; all worker processes of pytest share it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = shared / "finished" / "clone"
    with FileLock(shared / "finished.lock"):
        if not (shared / "finished.done").exists():
            made = Repository.made(folder)
            assert ran(made.run("dvc", "repro")) == STAGES
            made.commit("first run")
            (shared / "finished.done").touch()
    return Repository(folder)


@pytest.fixture
def repository(finished, tmp_path) -> Repository:
    """A copy for one test, with all computed."""
    return finished.copied(tmp_path / "copy" / "clone")
