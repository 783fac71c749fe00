"""The report: its content, missing content, no loaded resources, escaping."""

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genre_pred.core.splits import artists_apart, protocol
from genre_pred.core.tables import genres_of, write_table
from genre_pred.evaluation.scoring.evaluate import evaluate_models, genre_table
from genre_pred.evaluation.scoring.prediction_sets import Coverage
from genre_pred.evaluation.scoring.trained_models import read_models
from genre_pred.reporting.findings import CoverageSection
from genre_pred.reporting.page import SECTIONS, render
from genre_pred.reporting.reading import read_findings
from genre_pred.tracking import ProducingRun

N = 60  # clips
HOSTILE = ['<script>alert("x")</script>', "R&B 'n' \"soul\"", "</style>"]


class Run:
    """A stand-in for the open MLflow run of the stage."""

    def __init__(self, producers=(), changed=()):
        self._makers, self._changed = dict(producers), dict(changed)

    def producers(self):
        return self._makers

    def origin(self):
        return "0123456789abcdef", self._changed


def left_by_the_stages(folder, params, *, genres=("blues", "jazz", "rock"), artists=True,
                       sound=True, network=True, test=True, n_clips=N):  # fmt: skip
    """The folders data/, models/ and reports/ of a made-up collection."""
    rng = np.random.default_rng(3)
    ids = [f"clip{i:02d}" for i in range(n_clips)]
    clips = pd.DataFrame(
        {"clip_id": ids, "genre": [genres[i % len(genres)] for i in range(n_clips)]}
    )
    clips["path"] = [f"data/raw/{name} & co.mp3" if sound else pd.NA for name in ids]
    clips["artist"] = [f"artist {i // 5}" if artists else pd.NA for i in range(n_clips)]
    clips = clips.astype("string").assign(
        split=pd.NA, sample_rate=8000, n_samples=80_000 if sound else 0, rms_db=-20.0, content=ids
    )
    sides = np.repeat(["train", "validation", "test"], n_clips // 3)
    split = pd.DataFrame({"clip_id": ids, "split": sides if test else "validation", "fold": -1})
    rejected = pd.DataFrame(
        {"clip_id": ["x"], "path": ["<b>.mp3"], "reason": ["the file is empty"]}
    )
    write_table(clips, folder / "data" / "clips.parquet")
    write_table(split, folder / "data" / "split.parquet")
    write_table(rejected, folder / "data" / "rejected.csv")

    known = sorted(genres)
    targets = np.array([known.index(genre) for genre in clips["genre"]])

    def predictions(accuracy):
        table = split[split["split"] != "train"].copy()
        right = targets[table.index]
        named = np.where(rng.random(len(table)) < accuracy, right, (right + 1) % len(known))
        probabilities = np.full((len(table), len(known)), 0.2 / (len(known) - 1))
        probabilities[np.arange(len(table)), named] = 0.8
        return table.join(pd.DataFrame(probabilities, table.index, known)).reset_index(drop=True)

    models, rows = folder / "models", []
    for features, approach, accuracy in (
        ("mfcc", "descriptors", 0.9),
        ("nothing", "baseline", 0.3),
    ):
        classifier = "knn" if features == "mfcc" else "majority"
        name = f"{features}/knn" if features == "mfcc" else classifier
        rows.append((name, features, classifier, approach, "descriptors", "", 1.0, "", "", ""))
        path = models / "classical" / features / f"{classifier}.parquet"
        write_table(predictions(accuracy), path)
    columns = "model features classifier approach kind origin temperature chosen note reason"
    write_table(pd.DataFrame(rows, columns=columns.split()), models / "classical" / "models.csv")
    if network:
        own = models / "finetune" / "vggish"
        write_table(predictions(0.6), own / "predictions.parquet")
        note = "untrained weights: this shows the machinery, not what VGGish can do"
        told = {"network": "vggish", "temperature": 1.0, "weights": "random", "note": note}
        (own / "network.json").write_text(json.dumps(told))
        history = [(-1, e, s, e / 10, 3 / e) for e in (1, 2) for s in ("train", "validation")]
        named = ["fold", "epoch", "split", "accuracy", "loss"]
        write_table(pd.DataFrame(history, columns=named), own / "history.csv")

    settings = params.evaluate.model_copy(
        update={"ensemble": ("descriptors", "finetune"), "n_resamples": 200}
    )
    reports, data = folder / "reports", folder / "data"
    verdict = evaluate_models(
        read_models(models, data), clips, known, settings,
        candidates=("descriptors", "finetune"),
        protocol=protocol(clips, split, params.split), grouped=artists_apart(clips, split),
    )  # fmt: skip
    write_table(
        verdict.board.drop(columns=["train_seconds", "test_seen"]), reports / "leaderboard.csv"
    )
    write_table(genre_table(verdict.best, clips, genres_of(clips)), reports / "genres.csv")
    (reports / "metrics.json").write_text(json.dumps(verdict.metrics))
    return verdict


def promoted(folder, **changes):
    champion = {"version": "1", "model": "mfcc/knn", "approach": "descriptors", "note": ""}
    stood = [("1", "mfcc/knn"), ("2", "finetune/vggish")]
    figures = ("difference", "low", "high", "lower_one_sided", "p_mcnemar", "smallest_detectable")
    told = {
        "champion": champion,
        "candidates": [{"version": v, "model": m, "identity": "x"} for v, m in stood],
        "test_seen": 7,
        "overtaken_by": "",
        "reason": "mfcc/knn is the first champion.",
        **dict.fromkeys(figures),
        "clips": 0,
        "protocol": "official",
    }
    (folder / "reports" / "promotion.json").write_text(json.dumps(told | changes))


def findings_of(folder, params, run=None):
    return read_findings(
        params, folder / "data", folder / "models", folder / "reports", run or Run()
    )


def words_of(page):
    """What a reader sees, in one line; style and charts left out."""
    page = re.sub(r"<(style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


class Page(HTMLParser):
    """The elements of a page; it fails where they do not nest."""

    VOID = ("meta", "br", "link", "img")

    def __init__(self, text):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag


@pytest.fixture
def told(tmp_path, params):
    """A workspace whose champion it has trained itself, and what evaluate found there."""
    verdict = left_by_the_stages(tmp_path, params)
    promoted(tmp_path)
    return tmp_path, verdict


def test_the_verdict_names_the_champion_its_score_its_protocol_and_its_lead(told, params):
    folder, verdict = told
    page = words_of(render(findings_of(folder, params)))
    best = verdict.metrics["descriptors"]
    pair = verdict.metrics["finetune_minus_descriptors"]
    assert "mfcc/knn (descriptors, version 1) is champion of genre-demo" in page
    assert "under the protocol “official, artists apart”" in page
    score = f"Its accuracy on 20 test clips is {best['test_accuracy'] * 100:.1f} %"
    assert score in page
    assert f"{-pair['accuracy'] * 100:.1f} points higher than that of finetune/vggish" in page


@pytest.mark.parametrize(("lead", "words"), [(0.0, "equal to"), (0.0004, "about equal to")])
def test_equal_accuracies_are_reported_without_points(told, params, lead, words):
    folder, _ = told
    path = folder / "reports/metrics.json"
    metrics = json.loads(path.read_text())
    metrics["finetune_minus_descriptors"]["accuracy"] = -lead
    path.write_text(json.dumps(metrics))
    page = words_of(render(findings_of(folder, params)))
    assert f", {words} that of finetune/vggish (95 % interval of the difference: " in page
    assert "points higher than" not in page


def test_every_section_stands_in_its_order_and_can_be_linked_to(told, params):
    page = Page(render(findings_of(told[0], params)))
    headings = [attrs["id"] for tag, attrs in page.elements if tag == "h2"]
    assert headings == list(SECTIONS)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    links = {attrs["href"] for tag, attrs in page.elements if tag == "a"}
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


def test_the_figures_are_those_of_the_tables(told, params):
    folder, verdict = told
    page = words_of(render(findings_of(folder, params)))
    row = verdict.board.set_index("model").loc["mfcc/knn"]
    low, high = row["validation_low"] * 100, row["validation_high"] * 100
    assert f"mfcc/knn champion descriptors {row['validation_accuracy'] * 100:.1f} " in page
    assert f"[{low:.1f}, {high:.1f}]" in page
    assert "finetune/vggish candidate" in page
    assert "<b>.mp3 the file is empty" in page
    assert "7 models have been scored on these so far" in page
    assert "blues 7 7 6 20" in page  # train, validation, test, all
    assert "all 20 20 20 60" in page


def test_the_hardest_clips_and_confused_genres_are_those_of_the_champion(told, params):
    found = findings_of(told[0], params)
    look = found.models[0]
    assert (look.model, look.split) == ("mfcc/knn", "test")
    wrong = look.confusion.to_numpy().sum() - np.trace(look.confusion.to_numpy())
    assert look.confused["clips"].sum() == wrong
    assert look.hardest["probability"][:wrong].tolist() == pytest.approx([0.1] * wrong)
    assert len(look.hardest) == 12
    assert look.hardest["probability"].is_monotonic_increasing
    path = look.hardest["path"][0].replace("&", "&amp;")
    assert path in render(found)


def test_foreign_text_is_escaped(tmp_path, params):
    left_by_the_stages(tmp_path, params, genres=HOSTILE)
    promoted(tmp_path, reason="<i>why</i>", overtaken_by="<img src=x onerror=y>")
    page = render(findings_of(tmp_path, params, Run(changed={"data.path": "<u>"})))
    elements = {tag for tag, _ in Page(page).elements}
    assert not elements & {"script", "u", "img", "link", "iframe", "object"}
    assert "<i>why" not in page and "onerror=y>" not in page
    # The page's own style, and that of each chart.
    assert page.count("</style>") == 1 + page.count("<svg ")
    assert "&lt;script&gt;" in page and "R&amp;B" in page and "&lt;u&gt;" in page


def test_the_page_loads_no_resources(told, params):
    page = render(findings_of(told[0], params))
    for tag, attrs in Page(page).elements:
        assert "src" not in attrs and tag != "link"
        assert not any(name.startswith("on") for name in attrs)
        for name in ("href", "xlink:href"):
            assert tag == "a" or attrs.get(name, "#").startswith("#")
    assert "@import" not in page
    assert not re.findall(r"url\((?!#)", page)


def test_charts_and_tables_have_text_alternatives(told, params):
    elements = Page(render(findings_of(told[0], params))).elements
    charts = [attrs for tag, attrs in elements if tag == "svg"]
    assert len(charts) == 4 + 2  # the best of each approach; accuracy and loss
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in charts)
    tags = [tag for tag, _ in elements]
    assert tags.count("caption") == tags.count("table")


def test_the_page_is_the_same_again(told, params):
    assert render(findings_of(told[0], params)) == render(findings_of(told[0], params))


def test_without_a_test_split_the_page_reports_validation(tmp_path, params):
    left_by_the_stages(tmp_path, params, artists=False, test=False)
    promoted(tmp_path)
    page = words_of(render(findings_of(tmp_path, params)))
    assert "Its accuracy on 60 validation clips is" in page
    assert "there are no test clips to score the chosen models" in page
    assert "artists are unknown, so that an artist may be on two sides" in page
    assert "The scores are optimistic" in page


def test_missing_content_is_explained_in_a_sentence(tmp_path, params):
    left_by_the_stages(tmp_path, params, network=False, sound=False)
    page = words_of(render(findings_of(tmp_path, params)))
    for sentence in (
        "genre-demo has no champion yet.",
        "The best model on validation is mfcc/knn",
        "No network was fine-tuned.",
        "too few to calibrate: 4 artists (20 clips), 50 are needed.",
        "The MLflow store has no run that made these outputs.",
        "their times are unknown",
        "it holds precomputed features, no audio",
        "models trained on it cannot predict audio files",
    ):
        assert sentence in page


def test_without_candidates_the_verdict_is_the_reason(tmp_path, params):
    left_by_the_stages(tmp_path, params)
    reason = "Only reproductions were trained: there is no candidate for champion."
    promoted(tmp_path, champion=None, candidates=[], reason=reason)
    page = words_of(render(findings_of(tmp_path, params)))
    assert f"genre-demo has no champion. {reason} The best model on validation is" in page
    assert "candidate" not in words_of(page).split("Leaderboard")[2].split("Champion and")[0]


def test_a_champion_of_another_run_keeps_its_paired_test(told, params):
    folder, _ = told
    reason = "mfcc/knn is 1.0 point worse than champion version 9 (a/b) on 20 test clips."
    promoted(
        folder, reason=reason, difference=-0.01, low=-0.2, high=0.1, lower_one_sided=-0.15,
        p_mcnemar=0.5, smallest_detectable=0.24, clips=20,
        champion={"version": "9", "model": "a/b", "approach": "embedding", "note": "old"},
    )  # fmt: skip
    page = words_of(render(findings_of(folder, params)))
    assert f"it was not trained by this run. {reason}" in page
    assert "difference of accuracy −1.0" in page
    assert "one-sided interval; above 0, the challenger becomes champion −15.0" in page
    assert "mfcc/knn candidate" in page


def test_published_figures_stand_beside_their_models_or_apart(tmp_path, params):
    fma = params.model_copy(update={"data": params.data.model_copy(update={"name": "fma-small"})})
    left_by_the_stages(tmp_path, fma)
    promoted(tmp_path)
    page = words_of(render(findings_of(tmp_path, fma)))
    assert "53.4 S1 Genre_Pred; publisher's split, test" in page  # of finetune/vggish
    assert "BYOL-A + dense head 64.3" in page


def test_costs_and_lineage_are_those_of_the_runs(told, params, monkeypatch):
    folder, verdict = told
    board = verdict.board.assign(train_seconds=90.0, clip_seconds=0.08)
    monkeypatch.setattr("genre_pred.tracking.leaderboard_of", lambda run_id: board)
    maker = ProducingRun(
        stage="evaluate", digest="d" * 32, run_id="r" * 32, execution="ortho-leas",
        url="http://127.0.0.1:5000/#/experiments/1/runs/r", commit="c" * 40,
        started=pd.Timestamp("2026-11-21 17:39"), metrics={"seconds": 4.4},
    )  # fmt: skip
    run = Run({"reports/leaderboard.csv": maker}, {"classical.svc_rbf.C": 10})
    page = render(findings_of(folder, params, run))
    words = words_of(page)
    assert "mfcc/knn 1.5 min 0.0 12.5" in words
    assert "evaluate rrrrrrrr ortho-leas cccccccc dddddddd 2026-11-21 17:39 4.4 s" in words
    assert 'href="http://127.0.0.1:5000/#/experiments/1/runs/r"' in page
    assert "classical.svc_rbf.C=10" in words and "0123456789abcdef" in words


def test_coverage_is_reported_with_its_interval(told, params):
    tried = Coverage(0.875, 0.8, 0.94, clips=96, mean_size=1.62)
    sets = CoverageSection("mfcc/knn", 0.9, tried, "Calibrated out of fold.")
    page = words_of(render(replace(findings_of(told[0], params), coverage=sets)))
    assert "nominal coverage of the true genre is 90.0 %. Calibrated out of fold." in page
    assert "96 87.5 % [80.0 %, 94.0 %] 1.6" in page


def test_without_a_champion_the_sets_are_those_of_the_best_on_validation(tmp_path, params):
    verdict = left_by_the_stages(tmp_path, params)
    losses = verdict.board.set_index("model")["validation_log_loss"]
    best = losses[[model.name for model in verdict.best.values()]].idxmin()
    told = tmp_path / "reports" / "metrics.json"
    metrics = json.loads(told.read_text())
    for order in (list(metrics), list(reversed(metrics))):
        told.write_text(json.dumps({approach: metrics[approach] for approach in order}))
        promise = findings_of(tmp_path, params).coverage
        assert promise.model == best
        assert "4 artists (20 clips), 50 are needed" in promise.note


def test_the_coverage_of_calibrated_sets_is_measured_on_test(tmp_path, params):
    left_by_the_stages(tmp_path, params, n_clips=900)
    promoted(tmp_path)
    found = findings_of(tmp_path, params)
    assert (found.coverage.model, found.coverage.note) == ("mfcc/knn", "")
    sets = found.coverage.observed
    assert sets.clips == 300
    assert 0.8 < sets.low < sets.share < sets.high <= 1
    page = words_of(render(found))
    shares = [f"{share * 100:.1f} %" for share in (sets.share, sets.low, sets.high)]
    assert "300 {} [{}, {}] {:.1f}".format(*shares, sets.mean_size) in page


def test_the_model_card_explains_unknown_for_audio_collections(told, tmp_path, params):
    line = "Music far from the training music is marked “unknown”."
    assert line in words_of(render(findings_of(told[0], params)))
    left_by_the_stages(tmp_path / "theirs", params, sound=False)
    assert line not in words_of(render(findings_of(tmp_path / "theirs", params)))


def test_the_model_card_gives_licences(told, params):
    page = words_of(render(findings_of(told[0], params)))
    assert "demo Composed by rules" in page
    assert "vggish Randomly initialised" in page
    start = params.weights.model_copy(update={"vggish": "audioset"})
    page = words_of(render(findings_of(told[0], params.model_copy(update={"weights": start}))))
    assert "Apache-2.0" in page


def test_so_many_genres_make_no_matrix(tmp_path, params):
    left_by_the_stages(tmp_path, params, genres=[f"genre {i:02d}" for i in range(30)])
    promoted(tmp_path)
    page = words_of(render(findings_of(tmp_path, params)))
    assert "30 genres are too many for a readable matrix" in page


def test_the_stage_leaves_its_page_to_git_no_more_than_the_promotion():
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()
    assert {"/reports/report.html", "/reports/report_inputs.csv"} <= set(ignored)
