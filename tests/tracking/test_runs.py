"""The MLflow runs of the stages, read back from a real store."""

import json
import socket
import subprocess
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner

from genre_pred import tracking
from genre_pred.apps.cli import main
from genre_pred.core.errors import UserError
from genre_pred.core.files import digest

SETTINGS = Path(__file__).parents[2] / "params.yaml"
MEL, EMBEDDINGS = Path("data/mel"), Path("data/embeddings")


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    """A repository whose params.yaml is committed, with a store of its own."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SETTINGS.read_text())
    me = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    for words in (["init", "-q"], ["add", "params.yaml"], [*me, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], check=True)
    yield tmp_path
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def write(path, text):
    path.mkdir(parents=True, exist_ok=True)
    (path / "table").write_text(text)
    return path


def run_stage(params, name, reads=(), writes=(), metrics=None, board=None, tags=None):
    with tracking.record(name, params, ["evaluate"], reads, writes) as run:
        run.metrics(metrics or {})
        run.tags(tags or {})
        if board is not None:
            run.table(board, tracking.BOARD)
        return run.ancestry()


def board_of(*models, **changes):
    columns = [f"{side}_{name}" for side in ("validation", "test")
               for name in ("accuracy", "low", "high", "macro_f1", "log_loss")]  # fmt: skip
    told = {"approach": "embedding", "clips": 8, "test_clips": 8, "test_seen": 1,
            "protocol": "official", "artists": "grouped", "train_seconds": 2.0,
            "clip_seconds": 0.3, "megabytes": 1.0, "note": None, "collection": "demo",
            "command": "dvc exp run -S 'classical.classifiers=[knn]'"}  # fmt: skip
    rows = [dict.fromkeys(columns, 0.5) | {"model": model} | told | changes for model in models]
    return pd.DataFrame(rows)


def test_what_made_an_input_is_found_by_its_bytes_through_all_stages(params):
    write(MEL, "patches"), write(EMBEDDINGS, "embeddings")
    run_stage(params, "mel", writes=[MEL], metrics={"patches": 10})
    run_stage(params, "embed", reads=[MEL], writes=[EMBEDDINGS], metrics={"size": 128})
    found = run_stage(params, "evaluate", reads=[EMBEDDINGS])
    assert set(found) == {"data/mel", "data/embeddings"}
    assert found["data/mel"]["patches"] == 10 and found["data/embeddings"]["size"] == 128
    assert found["data/mel"]["seconds"] > 0


def test_a_run_names_the_runs_that_made_its_inputs_and_where_it_stands(params):
    write(MEL, "patches"), write(EMBEDDINGS, "embeddings")
    run_stage(params, "mel", writes=[MEL])
    run_stage(params, "embed", reads=[MEL], writes=[EMBEDDINGS], metrics={"size": 128})
    changed = SETTINGS.read_text().replace("n_folds: 5 ", "n_folds: 7 ")
    Path("params.yaml").write_text(changed)
    with tracking.record("report", params, ["evaluate"], [EMBEDDINGS], []) as run:
        producers, (commit, differs) = run.producers(), run.origin()
    assert set(producers) == {"data/mel", "data/embeddings"}
    made = producers["data/embeddings"]
    assert (made.stage, made.metrics["size"], made.commit) == ("embed", 128, commit)
    assert made.digest.endswith(".dir") and made.execution == commit[:8]
    assert made.url.startswith("http://127.0.0.1:5000/#/experiments/")
    assert made.url.endswith(f"/runs/{made.run_id}")
    assert differs == {"split.n_folds": 7}


def test_the_newest_run_with_equal_bytes_is_the_producer(params):
    write(MEL, "patches")
    run_stage(params, "mel", writes=[MEL], metrics={"patches": 1})
    run_stage(params, "mel", writes=[MEL], metrics={"patches": 2})
    assert run_stage(params, "evaluate", reads=[MEL])["data/mel"]["patches"] == 2
    write(MEL, "others")
    assert run_stage(params, "evaluate", reads=[MEL]) == {}


def test_a_failed_run_is_no_producer(params):
    write(MEL, "patches")
    with pytest.raises(UserError), tracking.record("mel", params, [], [], [MEL]) as run:
        run.tags({"out:data/mel": digest(MEL)})
        raise UserError("no")
    assert run_stage(params, "evaluate", reads=[MEL]) == {}


def test_leaderboards_are_those_of_finished_evaluations_newest_first(params, monkeypatch, capsys):
    run_stage(params, "evaluate")  # of old: it has logged no table
    run_stage(params, "mel", board=board_of("not of evaluate"))
    tags = {"test_set": "t", "validation_set": "v", "test_seen_by": "one"}
    run_stage(params, "evaluate", board=board_of("a", "b"), tags=tags)
    monkeypatch.setenv("DVC_EXP_NAME", "ortho-leas")
    run_stage(params, "evaluate", board=board_of("c"))
    with pytest.raises(UserError), tracking.record("evaluate", params, [], [], []) as run:
        run.table(board_of("of a failed run"), tracking.BOARD)
        raise UserError("no")
    capsys.readouterr()
    rows = tracking.leaderboards()
    assert [*rows["model"]] == ["c", "a", "b"]
    assert [*rows["test_set"]] == ["", "t", "t"] and [*rows["validation_set"]] == ["", "v", "v"]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    assert [*rows["run"]] == ["ortho-leas", commit[:8], commit[:8]]
    assert rows["validation_accuracy"].dtype == float
    assert capsys.readouterr().err == ""


def test_the_names_of_version_0_1_are_those_of_today(params):
    old = {"approach": "floor", "protocol": "publisher, artists apart"}
    run_stage(params, "evaluate", board=board_of("a", **old))
    run_stage(params, "evaluate", board=board_of("b", protocol="official, artists apart"))
    rows = tracking.leaderboards().set_index("model")
    assert rows.loc["a", "approach"] == "baseline"
    assert set(rows["protocol"]) == {"official, artists apart"}
    shown = CliRunner().invoke(main, ["leaderboard", "--approach", "floor"]).output
    assert "a" in shown.split() and "b" not in shown.split()


def parent_of(params):
    with tracking.record("mel", params, [], [], []) as run:
        return run.parent


def test_one_commit_and_one_params_file_share_a_parent_run(params, monkeypatch):
    first = parent_of(params)
    assert parent_of(params) == first
    other = params.model_copy(update={"mel": params.mel.model_copy(update={"dtype": "float16"})})
    assert parent_of(other) != first
    monkeypatch.setenv("DVC_EXP_NAME", "ortho-leas")
    assert parent_of(params) != first


def test_a_repaired_stage_makes_its_parent_run_finished(params):
    client = mlflow.MlflowClient
    with pytest.raises(UserError), tracking.record("mel", params, [], [], []) as run:
        raise UserError("no")
    assert client().get_run(run.parent).info.status == "FAILED"
    run_stage(params, "embed")
    assert client().get_run(run.parent).info.status == "FAILED"
    run_stage(params, "mel")
    assert client().get_run(run.parent).info.status == "FINISHED"


def test_a_run_that_version_0_1_left_running_is_closed(params):
    parent = parent_of(params)
    client = mlflow.MlflowClient()
    gone = subprocess.Popen(["true"])
    gone.wait()
    experiment = client.get_run(parent).info.experiment_id
    host = socket.gethostname()
    of_old = {"genre_pred.execution": f"{host}:{gone.pid}:0:"}
    execution = client.create_run(experiment, tags=of_old).info.run_id
    tags = {"stage": "mel", "mlflow.parentRunId": execution}
    orphan = client.create_run(experiment, tags=tags).info.run_id
    run_stage(params, "mel")
    assert {client.get_run(run).info.status for run in (orphan, execution)} == {"KILLED"}


def test_without_a_run_there_is_no_row():
    tracking.store.open_experiment("genre-demo")
    assert tracking.leaderboards().empty


def test_a_run_remembers_the_settings_that_differ_from_its_commit(params):
    text = SETTINGS.read_text()
    Path("params.yaml").write_text(text.replace("clip_seconds: 6.0", "clip_seconds: 9.0"))
    run_stage(params, "evaluate", board=board_of("a"))
    assert [json.loads(changed) for changed in tracking.leaderboards()["changed"]] == [
        {"clip.clip_seconds": 9.0}
    ]


def test_a_test_set_was_seen_by_each_model_once_also_where_older_runs_told_more_of_it(params):
    full = "0123456789abcdef0123456789abcdef"
    run_stage(params, "evaluate", tags={"test_set": "t", "test_seen_by": full})
    short = f"{full[: tracking.IDENTITY]} fedcba9876543210"
    run_stage(params, "evaluate", tags={"test_set": "t", "test_seen_by": short})
    assert len(tracking.seen_test_set("t")) == 2


def shown(*words):
    result = CliRunner().invoke(main, ["leaderboard", *words])
    return result.exit_code, result.output


def test_without_a_run_the_leaderboard_names_the_next_command():
    assert shown()[0] == 1 and "dvc repro" in shown()[1]
    tracking.store.open_experiment("genre-demo")
    assert "no leaderboard yet: run dvc repro" in shown()[1]


def test_the_leaderboard_shows_all_runs_and_their_commands(params):
    text = SETTINGS.read_text()
    run_stage(params, "evaluate", board=board_of("vggish/knn"))
    Path("params.yaml").write_text(text.replace("n_neighbors: 5 ", "n_neighbors: 9 "))
    run_stage(params, "evaluate", board=board_of("vggish/knn", validation_accuracy=0.6))
    code, output = shown("--commands")
    assert code == 0
    assert "demo: official; 8 validation clips, 8 test clips seen by 1 model" in output
    assert "60.0 [50.0, 50.0]" in output
    words = "dvc exp run -S classical.knn.n_neighbors=9 -S 'classical.classifiers=[knn]'"
    assert words in output.splitlines()
    assert "dvc exp run" not in shown()[1]
    assert shown("--top", "1")[1].count("vggish/knn") == 1
    markdown = shown("--markdown")[1]
    assert "## demo" in markdown and "```sh\n# each command assumes the committed" in markdown
    assert shown("--approach", "nothing")[0] == 1
    code, output = shown("--collection", "nothing")
    assert code == 1 and "there are runs on demo" in output


def test_published_figures_are_quoted_below_their_collection(params):
    run_stage(params, "evaluate", board=board_of("vggish/knn", collection="fma-small"))
    table, below = shown()[1].split("Published accuracies, quoted")
    assert "vggish/knn" in table and "BYOL-A" in below and "vggish/knn" in below
    table, below = shown("--wide")[1].split("Published accuracies, quoted")
    assert (
        "S1 Genre_Pred; publisher's split, test" in table
        and "BYOL-A" in below
        and "vggish/knn" not in below
    )
    assert "Published accuracies" not in shown("--approach", "baseline")[1]


def test_an_approach_and_a_number_narrow_what_is_quoted_too(params):
    run_stage(params, "evaluate", board=board_of("vggish/knn", collection="fma-small"))
    quoted = shown("--approach", "finetune")[1]
    assert "finetune/vggish" in quoted and "BYOL-A" not in quoted and "vggish/knn" not in quoted
    below = shown("--top", "2")[1].split("Published accuracies, quoted")[1]
    assert "BYOL-A" in below and "vggish_pca/svc_rbf" in below and "vggish/svc_rbf" not in below
    code, output = shown("--approach", "nosuch")
    assert code == 1 and "there are descriptors, embedding, finetune" in output


def test_a_test_set_tells_by_how_many_it_was_seen_till_now(params):
    for n, seen_by in enumerate(("one two", "two three")):
        board = board_of("vggish/knn", validation_accuracy=0.5 + n / 10, test_seen=2)
        tags = {"test_set": "t", "test_seen_by": seen_by}
        run_stage(params, "evaluate", board=board, tags=tags)
    assert [*tracking.leaderboards()["test_seen"]] == [3, 3]
    assert shown()[1].count("seen by 3 models") == 1


def test_the_table_goes_whole_to_a_file_and_in_full_to_csv(params, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    run_stage(params, "evaluate", board=board_of("vggish/knn", note="untrained " * 20))
    output = shown("--csv", str(tmp_path / "all.csv"))[1]
    assert "vggish/knn  50.0¹ [50.0, 50.0]" in output and "untrained " * 20 in f"{output} "
    table = pd.read_csv(tmp_path / "all.csv")
    assert (table["model"][0], table["collection"][0]) == ("vggish/knn", "demo")
    assert {"command", "published", "run", "note"} <= {*table}
    first = (tmp_path / "all.csv").read_bytes()
    shown("--csv", str(tmp_path / "all.csv"))
    assert (tmp_path / "all.csv").read_bytes() == first
    (tmp_path / "other.csv").write_text("clip_id,genre\n")
    told = CliRunner().invoke(main, ["leaderboard", "--csv", str(tmp_path / "other.csv")])
    assert told.exit_code == 2 and "was not written by this command" in told.stderr
    assert (tmp_path / "other.csv").read_text() == "clip_id,genre\n"


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_a_row_is_no_wider_than_the_terminal(params, monkeypatch, columns):
    model = "fma_mfcc_contrast_chroma_centroid_tonnetz/logistic_regression"
    monkeypatch.setattr("genre_pred.apps.cli.terminal.room", lambda: columns)
    board = board_of(model, "finetune/vggish", collection="fma-small", note="long " * 50)
    run_stage(params, "evaluate", board=board)
    output = shown()[1]
    assert max(map(len, output.splitlines())) <= columns
    assert "logistic_regression" in output and "50.0–50.0" in output
