"""What DVC makes of the pipeline: what runs again, experiments, the queue, killed runs."""

import os
import re
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from small_repository import LIMIT, ran

from genre_pred.core.patch_store import open_patches


def test_the_outputs_in_mlflow_carry_the_hashes_of_dvc_lock(finished):
    lock = YAML(typ="safe").load(finished.folder / "dvc.lock")["stages"]
    (run,) = finished.runs(stage="mel")
    assert run.data.tags["out:data/mel"] == lock["mel"]["outs"][0]["md5"]
    assert run.data.tags["in:data/clips.parquet"] == lock["clean"]["outs"][0]["md5"]


def test_a_run_logs_the_params_that_dvc_yaml_names(finished):
    (run,) = finished.runs(stage="promote")
    logged = run.data.params
    assert logged["clip.clip_seconds"] == "3.0"
    assert logged["promote.confidence"] == "0.95"
    assert logged["finetune.hidden"] == "16"
    assert "finetune.epochs" not in logged
    assert {key.removeprefix("in:") for key in run.data.tags if key.startswith("in:")} == {
        "data/clips.parquet", "data/split.parquet", "data/mel", "data/descriptors",
        "data/embeddings", "data/finetuned", "models/classical", "models/finetune",
        "reports/metrics.json",
    }  # fmt: skip


def test_a_second_run_has_nothing_to_do(repository):
    lock = (repository.folder / "dvc.lock").read_bytes()
    output = repository.run("dvc", "repro")
    assert ran(output) == []
    assert "up to date" in output
    assert (repository.folder / "dvc.lock").read_bytes() == lock


def test_a_changed_setting_re_runs_only_what_reads_it(repository):
    repository.change(compute={"workers": 2})
    assert "up to date" in repository.run("dvc", "status")
    repository.change(evaluate={"seed": 1})
    changed = re.findall(r"^(\w+):$", repository.run("dvc", "status"), re.MULTILINE)
    assert sorted(changed) == ["evaluate", "promote", "report"]
    repository.change(split={"method": "grouped"})
    affected = ["split", "finetune", "classical_train", "evaluate", "promote", "report"]
    assert ran(repository.run("dvc", "repro")) == affected


def test_bytecode_that_python_leaves_beside_the_code_changes_nothing(repository):
    cache = repository.folder / "src/genre_pred/core/__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "other.cpython-311.pyc").write_bytes(b"of another version")
    assert "up to date" in repository.run("dvc", "status")


def test_an_experiment_registers_a_challenger_and_leaves_the_champion(repository):
    before = repository.champion()
    output = repository.run("dvc", "exp", "run", "-S", "classical.svc_rbf.C=30", "-n", "strong")
    assert ran(output) == ["classical_train", "evaluate", "promote", "report"]
    assert repository.champion() == before
    (run,) = repository.runs(stage="classical_train", dvc_experiment="strong")
    assert run.data.params["classical.svc_rbf.C"] == "30.0"
    parent = repository.client().get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.info.run_name == "strong"
    assert "strong" in repository.run("dvc", "exp", "show", "--csv")


@pytest.mark.slow
def test_queued_experiments_share_the_store_and_run_the_code_that_was_queued(repository):
    stage = repository.folder / "stages/evaluate.py"
    code = stage.read_text()
    marked = code.replace("run.table(priced", 'run.tags({"queued_code": "yes"}); run.table(priced')
    assert marked != code
    stage.write_text(marked)
    for C in ("3", "5"):
        repository.run(
            "dvc", "exp", "run", "--queue", "-S", f"classical.svc_rbf.C={C}", "-n", f"q{C}"
        )
    stage.write_text(code)  # what runs must be what was queued
    repository.run("dvc", "queue", "start")
    states = ""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        states = repository.run("dvc", "queue", "status")
        if not re.search(r"Queued|Running", states.split("Worker status")[0]):
            break
        time.sleep(2)
    repository.run("dvc", "queue", "stop", "--kill")
    assert states.count("Success") == 2, states + repository.run("dvc", "queue", "logs", "q3")
    for name in ("q3", "q5"):
        (run,) = repository.runs(stage="evaluate", dvc_experiment=name)
        assert run.data.tags["queued_code"] == "yes"
        artifacts = repository.client().list_artifacts(run.info.run_id)
        assert "metrics.json" in {artifact.path for artifact in artifacts}
        assert run.info.artifact_uri.startswith((repository.folder / "mlartifacts").as_uri())


def test_the_plots_are_rendered(repository):
    repository.run("dvc", "plots", "show")
    page = (repository.folder / "dvc_plots/index.html").read_text()
    for name in ("leaderboard_csv", "learning_curves_csv", "calibration_csv", "confusion"):
        assert name in page
    assert "spectrograms.png" in page
    assert "test_accuracy" in repository.run("dvc", "metrics", "show", "--json")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "change", "begun"),
    [
        ("mel", {"dtype": "float16"}, "data/mel/.efficientat*"),
        ("finetune", {"seed": 2}, "round-1.pt"),
    ],
)
def test_a_killed_run_is_made_good_by_the_next(repository, stage, change, begun):
    repository.change(**{stage: change})
    running = subprocess.Popen(
        ["dvc", "repro", stage],
        cwd=repository.folder, env=repository.env, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    places = (repository.folder, repository.folder.parent / "user-cache/finetune")
    deadline = time.monotonic() + LIMIT
    while running.poll() is None and time.monotonic() < deadline:
        if list(places[0].glob(begun)) or list(places[1].rglob(begun)):
            break
        time.sleep(0.02)
    assert running.poll() is None, f"{stage} ended before it could be killed"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert stage in ran(repository.run("dvc", "repro"))
    assert "up to date" in repository.run("dvc", "status")
    store = open_patches(repository.folder / "data/mel/efficientat")
    assert np.abs(store.patches).max(axis=(1, 2, 3)).min() > 0
    history = pd.read_csv(repository.folder / "models/finetune/mn04/history.csv")
    assert sorted(set(history["epoch"])) == [1, 2]
    for folder in ("data", "models"):
        assert not list((repository.folder / folder).rglob(".*.part"))
    assert not list(places[1].rglob("*.pt"))
    statuses = {run.info.status for run in repository.runs()}
    assert "RUNNING" not in statuses
    assert "KILLED" in statuses
