"""One repository for each file of tests, made and run once; each test goes on from there."""

import shutil
import subprocess

import pytest
from small_repository import ROOT, SMALL, STAGES, Repository, ran


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
    made.change(**SMALL)
    made.run("git", "init", "-q")
    made.commit("start")
    assert ran(made.run("dvc", "repro")) == STAGES
    made.commit("first run")
    return made
