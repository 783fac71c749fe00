"""The leaderboards of many runs merged into tables."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.evaluation.comparison.markdown import ESSENTIAL, OF_ALL_RUNS, table_of, with_marks
from genre_pred.evaluation.comparison.published import published_on
from genre_pred.evaluation.comparison.standings import narrowed, published_elsewhere, standings

RUN = {
    "collection": "fma-small",
    "protocol": "official, artists apart",
    "artists": "grouped",
    "validation_set": "v1",
    "test_set": "t1",
    "run": "first",
    "started": 1,
}
PUBLISHED = {"fma-small": published_on("fma-small"), "demo": published_on("demo")}


def row(model, validation=0.5, test=None, **changes):
    scores = {f"validation_{name}": validation for name in ("accuracy", "low", "high")}
    scores |= {f"test_{name}": test for name in ("accuracy", "low", "high", "macro_f1", "log_loss")}
    return {
        **RUN,
        "model": model,
        "approach": "embedding",
        **scores,
        "validation_macro_f1": 0.4,
        "validation_log_loss": 1.25,
        "clips": 800,
        "test_clips": 0 if test is None else 790,
        "test_seen": 3,
        "train_seconds": 75.0,
        "clip_seconds": 0.081,
        "megabytes": 4.0,
        "note": None,
        "command": f"dvc exp run -S {model}",
    } | changes


def lay(*rows):
    return standings(pd.DataFrame(rows), PUBLISHED)


def test_the_best_validation_stands_first_and_what_could_not_be_trained_last():
    failed = row("c", np.nan, note="n/a: too few clips")
    (found,) = lay(failed, row("a", 0.5), row("b", 0.7, 0.6))
    assert [*found.board["model"]] == ["b", "a", "c"]
    assert found.words == (
        "official, artists apart; 800 validation clips, 790 test clips seen by 3 models; "
        "intervals over artists"
    )


@pytest.mark.parametrize("key", ["collection", "protocol", "artists", "validation_set", "test_set"])
def test_collections_and_protocols_are_not_ranked_together(key):
    other = "demo" if key == "collection" else "other"
    found = lay(row("a", 0.5), row("a", 0.9, **{key: other}))
    assert [len(standing.board) for standing in found] == [1, 1]


def test_a_collection_without_test_clips_has_its_own_table():
    (found,) = lay(row("a", test_set=np.nan), row("b", test_set=np.nan))
    assert len(found.board) == 2 and found.test_clips == 0


def test_a_repeated_model_has_one_row_from_its_newest_run():
    (found,) = lay(row("a"), row("a", run="later", started=2), row("a", run="old", started=0))
    assert [*found.board["run"]] == ["later"]


def test_other_figures_keep_their_row_but_not_the_same_ones_by_another_command():
    other = row("a", run="knn=9", command="dvc exp run -S x", started=2, validation_low=0.1)
    (found,) = lay(row("a"), row("a", 0.6, run="C=10"), other)
    assert [*found.board["run"]] == ["C=10", "knn=9"]


def test_a_repeated_failure_has_one_row():
    (found,) = lay(row("a", np.nan, note="n/a: few"), row("a", np.nan, note="n/a: fewer", run="b"))
    assert [*found.board["run"]] == ["first"]


def test_the_row_with_a_test_score_is_kept():
    newer = row("a", run="not chosen", started=2)
    (found,) = lay(row("a", test=0.4), newer)
    assert [*found.board["test_accuracy"]] == [0.4]
    (found,) = lay(row("a", test=0.4), newer, row("a", 0.6, run="better", started=3))
    assert [*found.board["run"]] == ["better", "first"]


def test_published_figures_stand_beside_their_model_and_the_others_below():
    found = lay(row("vggish_pca/svc_rbf", 0.6), row("mine"))
    board = found[0].board.set_index("model")
    assert board.loc["vggish_pca/svc_rbf", "published"] == 56.75
    assert board.loc["vggish_pca/svc_rbf", "by"] == "S1 Genre_Pred; publisher's split, test"
    assert np.isnan(board.loc["mine", "published"])
    others = published_elsewhere(found, PUBLISHED["fma-small"])
    assert others["model"].iloc[0] == "BYOL-A + dense head"
    assert len(others) == len(PUBLISHED["fma-small"]) - 1


def test_of_two_published_figures_the_better_stands_beside_the_model_the_other_below():
    twice = published_on("fma-small").iloc[[0]]
    worse = twice.assign(accuracy=1.0, by="another")
    published = {"fma-small": pd.concat([twice, worse], ignore_index=True)}
    found = standings(pd.DataFrame([row(twice["model"].iloc[0])]), published)
    assert found[0].board["published"].iloc[0] == twice["accuracy"].iloc[0]
    assert [*published_elsewhere(found, published["fma-small"])["by"]] == ["another"]


def test_a_table_is_narrowed_to_an_approach_and_so_many_rows():
    baseline = row("baseline", 0.9, approach="baseline")
    (found,) = lay(row("a", 0.5), row("b", 0.6), baseline)
    assert [*narrowed(found.board, "embedding", 1)["model"]] == ["b"]
    assert [*narrowed(found.board, None, None)["model"]] == ["baseline", "b", "a"]
    quoted = PUBLISHED["fma-small"]
    assert [*narrowed(quoted, "descriptors", 1)["accuracy"]] == [49.0]
    assert narrowed(quoted, "baseline", None).empty


@pytest.mark.parametrize(
    ("protocol", "artists", "words"),
    [
        (
            "stratified, artists unknown, optimistic",
            "unknown, optimistic",
            "stratified, artists unknown, optimistic; 800 validation clips; intervals over clips",
        ),
        (
            "5 folds, artists unknown, optimistic; no test clips: chosen and scored on the same "
            "clips, optimistic",
            "partly unknown, optimistic",
            "5 folds, artists unknown; no test clips: chosen and scored on the same clips, "
            "optimistic; 800 validation clips; intervals over artists, or clips where they are "
            "unknown",
        ),
        (
            "official, fault-filtered (artists apart by its lists)",
            "apart by the publisher's lists",
            "official, fault-filtered (artists apart by its lists); 800 validation clips; "
            "intervals over clips",
        ),
        (
            "stratified, artists shared, optimistic",
            "not grouped, optimistic",
            "stratified, artists shared, optimistic; 800 validation clips; intervals over artists",
        ),
    ],
)
def test_the_heading_has_no_repetition(protocol, artists, words):
    (found,) = lay(row("a", protocol=protocol, artists=artists))
    assert found.words == words


def test_as_markdown_a_row_tells_score_clips_price_and_source():
    (found,) = lay(row("vggish/svc_rbf", 0.5, 0.45, note="untrained | weights"), row("b", 0.4))
    header, _, first, second = table_of(found.board, OF_ALL_RUNS).splitlines()
    cells = dict(zip(header.split(" | "), first.split(" | "), strict=True))
    told = {name.strip(" |"): cell.strip() for name, cell in cells.items()}
    assert told["validation %"] == "50.0 [50.0, 50.0]" and told["test %"] == "45.0 [45.0, 45.0]"
    assert (told["macro F1 %"], told["log-loss"], told["clips"]) == ("40.0", "1.250", "800 + 790")
    assert (told["training"], told["clips/s"], told["size MB"]) == ("1.2 min", "12.3", "4.0")
    assert (told["published %"], told["run"]) == ("54.8", "first")
    assert told["by"] == "S1 Genre_Pred; publisher's split, test"
    assert "untrained \\| weights" in first
    assert " 800 |" in second and "54.8" not in second


def test_notes_are_footnotes_that_the_validation_score_points_to():
    notes = ["untrained weights", None, "mean of a + b; untrained weights", "n/a: too few clips"]
    scores = [0.9, 0.8, 0.7, np.nan]
    rows = [
        row(f"m{n}", s, note=note) for n, (s, note) in enumerate(zip(scores, notes, strict=True))
    ]
    (found,) = lay(*rows)
    board, footnotes = with_marks(found.board)
    assert footnotes == ["¹ untrained weights", "² mean of a + b", "³ n/a: too few clips"]
    shown = [ESSENTIAL["validation %"](told).split(" [")[0] for _, told in board.iterrows()]
    assert shown == ["90.0¹", "80.0", "70.0¹,²", "n/a³"]
    assert ESSENTIAL["test %"](board.iloc[0]) == "-"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.081, "12.3"), (0.002, "500"), (4.0, "0.2"), (np.nan, "-")]
)
def test_clips_per_second_are_told_where_they_are_known(seconds, words):
    assert ESSENTIAL["clips/s"](pd.Series(row("a", clip_seconds=seconds))) == words
    assert ESSENTIAL["clips/s"](pd.Series(row("a")).drop("clip_seconds")) == "-"
