"""The benchmark's own arithmetic: no time is asserted."""

import json
from functools import partial
from operator import methodcaller

import numpy as np
import pytest
from benchmarks.contest import row, timed
from benchmarks.memory import Peak
from benchmarks.report import write_report
from benchmarks.svc import Searches, svc_rows
from benchmarks.workers import STATUS, WatchedMap, lasting_map

from genre_pred.classical.kernel_svc import KernelSVC

fast = partial(row, "patches", "8 songs", "them", [20.0, 30.0, 60.0], [2.0, 1.0, 3.0])


def test_a_row_sums_its_turns_up():
    found = fast(gflop=100.0, peak_gflops=200.0)
    assert (found.reference_seconds, found.seconds, found.repeats) == (30.0, 2.0, 3)
    assert found.ratio == 20.0  # of 10, 30, 20
    assert (found.reference_spread, found.spread) == ((20.0, 60.0), (1.0, 3.0))
    assert found.share_of_peak == 0.25


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ""),
        ({"lost": "other answers"}, ""),  # no line, nothing to miss
        ({"at_least": 20.0}, ""),
        ({"at_least": 21.0, "limit": "decoding"}, "20.0 times is below 21: decoding"),
        ({"at_least": 2.0, "lost": "other answers"}, "other answers"),
    ],
)
def test_a_row_says_why_it_misses_its_line(more, said):
    assert fast(**more).missed == said


@pytest.mark.parametrize(("warm", "first"), [(True, "ab"), (False, "")])
def test_ways_take_turns_at_going_first(warm, first):
    ran = []
    ways = {name: partial(ran.append, name) for name in "ab"}
    taken = timed(ways, 3, warm)
    assert "".join(ran) == first + "abbaab"
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 3, "b": 3}


def test_the_report_marks_what_is_missed_and_what_is_cold(tmp_path):
    rows = [fast(at_least=21.0, limit="decoding"), fast(at_least=2.0, warm=False), fast(note="so")]
    text = write_report(rows, [Peak("mel", "a worker", 2000, 512.3)], "a machine", tmp_path)
    assert (tmp_path / "benchmark.md").read_text() == text
    cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| patches")]
    assert [each[5] for each in cells] == ["3", "3, cold", "3"]
    assert [each[9] for each in cells] == ["NO", "yes", ""]
    assert "- patches: 20.0 times is below 21: decoding\n" in text
    assert "- patches: so\n" in text
    assert "| mel | a worker | 2,000 | 512 |" in text
    told = json.loads((tmp_path / "benchmark.json").read_text())
    assert [each["ratio"] for each in told] == [20.0] * 3
    assert {"step", "reference_seconds", "seconds"} <= told[0].keys()
    (peak,) = json.loads((tmp_path / "benchmark_memory.json").read_text())
    assert peak["clips"] == 2000


def test_the_search_for_C_is_compared_by_all_that_it_named_while_it_was_timed(params):
    fit, grid = svc_rows(params, 1 / 64, 1)
    assert (fit.step, grid.step) == ("svc_fit", "svc_grid")
    assert "100.00% at C = 1; chosen C: 1.0" in fit.note
    for c in ("0.1", "0.3", "1", "3", "10"):
        assert f"100.00% at C = {c}" in grid.note
    assert grid.lost == ""
    assert grid.at_least is None  # its line is of the whole table


def test_a_search_that_is_wrong_at_one_C_is_lost(params, monkeypatch):
    named = KernelSVC.predict_products

    def wrong_at_10(self, products):
        return named(self, products) if self.C < 10 else np.full(len(products.inner), -1)

    monkeypatch.setattr(KernelSVC, "predict_products", wrong_at_10)
    _, grid = svc_rows(params, 1 / 64, 1)
    assert grid.lost.startswith("only 0.00% of the predictions at C = 10 are equal")


def test_another_C_is_lost(params, monkeypatch):
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
