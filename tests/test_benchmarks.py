"""The arithmetic and reports of the benchmarks; no time is asserted."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import chain
from operator import methodcaller
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from benchmarks.__main__ import main, steps
from benchmarks.machine import commit
from benchmarks.memory import Peak
from benchmarks.report import fma_small, write_report
from benchmarks.songs import Songs, write_songs
from benchmarks.sound import network_rows
from benchmarks.svc import Searches, svc_rows
from benchmarks.timing import below, row, timed
from benchmarks.workers import STATUS, WatchedMap, lasting_map
from click.testing import CliRunner

from genre_pred.networks.backbones.precision import DTYPES
from genre_pred.training.classical.kernel_svc import KernelSVC

fast = partial(row, "patches", "8 songs", "them", [20.0, 30.0, 60.0], [2.0, 1.0, 3.0])


def test_a_row_sums_its_turns_up():
    found = fast(gflop=100.0, peak_gflops=200.0)
    assert (found.reference_seconds, found.seconds, found.repeats) == (30.0, 2.0, 3)
    assert (found.ratio, found.ratio_spread) == (20.0, (10.0, 30.0))  # of 10, 30, 20
    assert (found.reference_spread, found.spread) == ((20.0, 60.0), (1.0, 3.0))
    assert found.share_of_peak == 0.25


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ""),
        ({"lost": "other answers"}, "other answers"),  # with or without a line
        ({"at_least": 20.0}, ""),
        ({"at_least": 21.0, "limit": "decoding"}, "20.0 times is below 21: decoding"),
        ({"at_least": 2.0, "lost": "other answers"}, "other answers"),
    ],
)
def test_a_row_explains_a_missed_target(more, said):
    assert fast(**more).missed == said


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        (0.9, ""),
        (0.95, ""),
        (0.5, "its cosine is 0.50000, below 0.9"),
        (float("nan"), "its cosine is nan, below 0.9"),
    ],
)
def test_low_agreement_and_nan_are_reported(found, lost):
    assert below("its cosine", found, 0.9) == lost


def test_the_preparation_is_not_timed(monkeypatch):
    clock = []
    monkeypatch.setattr("benchmarks.timing.time.perf_counter", lambda: sum(clock))
    taken = timed({"a": partial(clock.append, 1)}, 2, before=partial(clock.append, 10))
    assert taken == {"a": [1, 1]}
    assert clock == [1, 10, 1, 10, 1]


@pytest.mark.parametrize(("warm", "first"), [(True, "ab"), (False, "")])
def test_ways_take_turns_at_going_first(warm, first):
    ran = []
    ways = {name: partial(ran.append, name) for name in "ab"}
    taken = timed(ways, 3, warm)
    assert "".join(ran) == first + "abbaab"
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 3, "b": 3}


def test_the_report_marks_what_is_missed_and_what_is_cold(tmp_path):
    rows = [fast(at_least=21.0, limit="decoding"), fast(at_least=2.0, warm=False), fast(note="so")]
    peaks = [Peak("mel", "a worker", 2000, 512.3)]
    text = write_report(rows, peaks, {"commit": "abc1234", "form": "full"}, tmp_path, "benchmark")
    assert (tmp_path / "benchmark.md").read_text() == text
    assert "- commit: abc1234\n" in text
    assert "- form: full\n" in text
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| patches")]
    assert [each[5] for each in cells] == ["3", "3, cold", "3"]
    assert [each[6] for each in cells] == ["**20.0** (10.0-30.0)"] * 3
    assert [each[9] for each in cells] == ["NO", "yes", ""]
    assert "- patches: 20.0 times is below 21: decoding\n" in text
    assert "- patches: so\n" in text
    assert "| mel | a worker | 2,000 | 512 |" in text
    told = json.loads((tmp_path / "benchmark.json").read_text())
    assert [each["ratio"] for each in told] == [20.0] * 3
    assert {"step", "reference_seconds", "seconds"} <= told[0].keys()
    assert (told[0]["commit"], told[0]["form"]) == ("abc1234", "full")
    (peak,) = json.loads((tmp_path / "benchmark_memory.json").read_text())
    assert (peak["clips"], peak["commit"]) == (2000, "abc1234")
    write_report(rows, [], {"commit": "of another run"}, tmp_path, "benchmark")
    assert not (tmp_path / "benchmark_memory.json").exists()


def test_FMA_small_is_extrapolated_from_complete_rows(tmp_path):
    timed_rows = {
        "patches_stored": (1.0, 32, ""), "vggish_embedding": (2.0, 16, "bfloat16"),
        "vggish_embedding_float32": (4.0, 16, "float32"), "mn04_embedding": (1.0, 16, "bfloat16"),
        "train_all": (4.0, 8, "bfloat16"), "train_fc": (0.8, 8, "bfloat16"),
        "svc_grid": (2.0, 0, ""), "descriptors_fma": (3.2, 16, ""),
    }  # fmt: skip
    rows = [
        row(step, "songs", "them", [8.0], [seconds], clips=clips, precision=precision)
        for step, (seconds, clips, precision) in timed_rows.items()
    ]
    told = dict(fma_small({each.step: each for each in rows}))
    assert told["mel: patches of VGGish"] == "4 min"  # 8000 / 32 s
    assert told["embed, VGGish in bfloat16"] == "12 min"  # 8000 * (2 / 16 - 1 / 32) s
    assert told["embed, VGGish in float32"] == "29 min"
    assert told["finetune, VGGish in bfloat16, all layers, an epoch"] == "53 min"  # 6400 / 2 s
    assert told["S1's way, an epoch"] == "1 h 47 min"  # 6400 s
    assert told["svc_rbf, 5 C of one fold, on one core"] == "8 s"  # of half the table
    assert "| S1's way, an epoch | 1 h 47 min |" in write_report(rows, [], {}, tmp_path, "b")
    assert "FMA-small" not in write_report(rows[1:], [], {}, tmp_path, "b")


@pytest.mark.parametrize("quicker", list(DTYPES))
def test_targets_apply_to_the_faster_precision(monkeypatch, quicker, params):
    """On a processor that only imitates bfloat16 nobody would ask for it."""
    asked = []
    peak = {dtype: 2.0 if name == quicker else 1.0 for name, dtype in DTYPES.items()}
    monkeypatch.setattr("benchmarks.__main__.peak_gflops", lambda _: peak)
    for name in ("patches_rows", "peaks", "svc_rows", "embedding_rows", "training_rows"):
        rows = [fast(clips=1)] * 2 if name == "patches_rows" else []
        monkeypatch.setattr(
            f"benchmarks.__main__.{name}", lambda *said, rows=rows: asked.append(said[1:]) or rows
        )
    list(steps(Songs(pd.DataFrame({"clip_id": ["0"]}), Path(), params, 1), quick=True))
    precisions = [word for said in asked for word in said if isinstance(word, list)]
    assert precisions == [[quicker], [quicker]]


def test_an_embedding_s_target_applies_to_the_first_precision(tmp_path, params, monkeypatch):
    def clocked(ways, *_, **__):
        """Do each once, as if torchvggish took 30 s and all others 1 s."""
        for way in ways.values():
            way()
        return {name: [30.0 if name == "torchvggish" else 1.0] for name in ways}

    monkeypatch.setattr("benchmarks.sound.timed", clocked)
    clips = write_songs(tmp_path / "songs", 1)
    peak = dict.fromkeys(DTYPES.values(), 0.5)
    songs = Songs(clips, tmp_path, params, 1)
    first, other = network_rows(songs, "mn04", ["bfloat16", "float32"], peak)
    assert (first.step, first.precision, first.at_least) == ("mn04_embedding", "bfloat16", 15.0)
    assert (other.step, other.precision) == ("mn04_embedding_float32", "float32")
    assert other.at_least is None
    assert first.lost == other.lost == ""
    assert "cosine to float32 at least 1.00000" in other.note
    assert first.gflop == other.gflop > 0.1
    at_best = 30 / (1 + first.gflop / 0.5)  # patches as they are, the network at the peak
    assert f"at the cores' peak, the ratio would be {at_best:.1f};" in first.limit


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Run the command, with rows of which one misses its line, in a folder with a full report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmarks.__main__.read_params", lambda: None)
    monkeypatch.setattr("benchmarks.__main__.seconds_to_start", lambda _: 1.0)
    found = [fast(at_least=21.0, limit="decoding"), fast(at_least=2.0)]

    def run(*words, rows=found):
        peaks = [] if words else [Peak("mel", "a worker", 2000, 512.3)]
        monkeypatch.setattr("benchmarks.__main__.measured", lambda *_: chain(rows, peaks))
        return CliRunner().invoke(main, words)

    run()
    return run


def test_a_missed_target_ends_the_full_run_with_an_error(bench):
    done = bench()
    assert done.exit_code == 1
    missed = "Missed targets: patches. See reports/benchmark.md for the reasons."
    assert done.output.rstrip().endswith(missed)
    assert "| patches |" in done.output
    assert bench(rows=[fast(at_least=2.0)]).exit_code == 0


def test_a_run_that_is_stopped_keeps_what_it_has_measured(bench):
    def stopped():
        yield fast(at_least=2.0)
        raise KeyboardInterrupt

    assert bench("--quick", rows=stopped()).exit_code == 1
    (row,) = json.loads(Path("reports/benchmark_quick.json").read_text())
    assert row["step"] == fast(at_least=2.0).step


def test_the_quick_run_keeps_the_full_report_and_checks_no_target(bench):
    reports = Path("reports")
    before = {path: path.read_text() for path in reports.iterdir()}
    assert {path.name for path in before} == {
        "benchmark.json", "benchmark.md", "benchmark_memory.json"
    }  # fmt: skip
    assert bench("--quick").exit_code == 0
    assert {path: path.read_text() for path in before} == before
    new = sorted(path.name for path in set(reports.iterdir()) - set(before))
    assert new == ["benchmark_quick.json", "benchmark_quick.md"]
    told = (reports / "benchmark_quick.md").read_text()
    assert "- form: quick: one turn with few songs" in told
    assert "NO" not in told


def test_the_quick_run_fails_if_results_disagree(bench):
    assert bench("--quick", rows=[fast(lost="its answers differ")]).exit_code == 1


def test_the_commit_is_from_git_or_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() == "unknown"
    git = partial(subprocess.run, check=True, capture_output=True)
    git(["git", "init"])
    Path("code").write_text("1")
    git(["git", "add", "code"])
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    git(["git", *who, "commit", "-m", "First"])
    clean = commit()
    assert len(clean) >= 7
    Path("code").write_text("2")
    assert commit() == f"{clean}-dirty"


def test_the_searches_are_compared_by_their_predictions(params):
    fit, grid = svc_rows(params, 1 / 64, 1)
    assert (fit.step, grid.step) == ("svc_fit", "svc_grid")
    assert "100.00% at C = 1; chosen C: 1.0" in fit.note
    for c in ("0.1", "0.3", "1", "3", "10"):
        assert f"100.00% at C = {c}" in grid.note
    assert grid.lost == ""
    assert grid.at_least is None  # its line is of the whole table


def test_a_search_with_wrong_predictions_is_reported(params, monkeypatch):
    named = KernelSVC.predict_products

    def wrong_at_10(self, products):
        return named(self, products) if self.C < 10 else np.full(len(products.inner), -1)

    monkeypatch.setattr(KernelSVC, "predict_products", wrong_at_10)
    _, grid = svc_rows(params, 1 / 64, 1)
    assert grid.lost.startswith("only 0.00% of the predictions at C = 10 are equal")


def test_another_chosen_C_is_reported(params, monkeypatch):
    monkeypatch.setattr("benchmarks.svc.best_settings", lambda *_: {"classify__C": 7.0})
    monkeypatch.setattr(Searches, "equal", lambda self: dict.fromkeys(self.several, 1.0))
    _, grid = svc_rows(params, 1 / 64, 1)
    assert grid.lost.startswith("chosen C: 7.0 instead of ")


@pytest.mark.skipif(not STATUS.is_file(), reason="no Linux: peaks are not told")
def test_workers_stay_and_their_memory_is_watched(params):
    params = params.model_copy(update={"compute": params.compute.model_copy(update={"workers": 2})})
    with lasting_map(params) as each:
        watched = WatchedMap(each)
        assert list(watched(abs, range(-20, 0))) == list(range(20, 0, -1))
        before = watched.megabytes
        list(watched(methodcaller("zfill", 30_000_000), ["0"]))
    assert watched.megabytes > before + 25


def test_a_separate_process_does_not_outlive_a_killed_benchmark():
    code = """
import os, time
from benchmarks.workers import apart

if __name__ == "__main__":
    with apart() as process:
        print(process.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    for _ in range(200):
        if not psutil.pid_exists(child):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it waits for ever")
