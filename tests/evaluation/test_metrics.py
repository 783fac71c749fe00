"""Scores against hand-computed cases, and the checks on what may be scored."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.evaluation.scoring import metrics

GENRES = ["blues", "jazz", "rock"]
TRUTH = pd.DataFrame(
    {
        "clip_id": ["c1", "c2", "c3", "c4", "c5"],
        "genre": ["blues", "blues", "jazz", "rock", "rock"],
        "artist": ["a", "a", "b", "c", pd.NA],
    }
)
# predicted: blues, jazz, jazz, rock, blues (c5 is a tie of blues and rock)
PREDICTIONS = pd.DataFrame(
    {
        "clip_id": ["c1", "c2", "c3", "c4", "c5"],
        "split": "validation",
        "fold": -1,
        "blues": [0.8, 0.3, 0.1, 0.0, 0.4],
        "jazz": [0.1, 0.6, 0.7, 0.1, 0.2],
        "rock": [0.1, 0.1, 0.2, 0.9, 0.4],
    }
)


def test_score_of_five_clips_by_hand():
    scores = metrics.score(PREDICTIONS, TRUTH, GENRES)
    assert scores["n_clips"] == 5
    assert scores["accuracy"] == pytest.approx(3 / 5)
    # blues: tp 1 fp 1 fn 1 -> 1/2; jazz: tp 1 fp 1 fn 0 -> 2/3; rock: tp 1 fp 0 fn 1 -> 2/3
    assert scores["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 2 / 3) / 3)
    expected = -np.mean(np.log([0.8, 0.3, 0.7, 0.9, 0.4]))
    assert scores["log_loss"] == pytest.approx(expected)


def test_per_genre_by_hand():
    table = metrics.per_genre(PREDICTIONS, TRUTH, GENRES)
    assert list(table["genre"]) == GENRES
    np.testing.assert_allclose(table["precision"], [1 / 2, 1 / 2, 1])
    np.testing.assert_allclose(table["recall"], [1 / 2, 1, 1 / 2])
    np.testing.assert_allclose(table["f1"], [1 / 2, 2 / 3, 2 / 3])
    assert list(table["clips"]) == [2, 1, 2]


def test_confusion_has_true_rows_and_predicted_columns():
    table = metrics.confusion(PREDICTIONS, TRUTH, GENRES)
    assert table.to_numpy().tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert list(table.index) == list(table.columns) == GENRES
    assert (table.index.name, table.columns.name) == ("true", "predicted")


def test_hits_take_the_first_of_equals():
    hits = metrics.hits(PREDICTIONS, TRUTH)
    assert hits.to_dict() == {"c1": True, "c2": False, "c3": True, "c4": True, "c5": False}
    assert metrics.hits(PREDICTIONS, TRUTH, ["rock", "jazz", "blues"])["c5"]


def test_order_of_rows_and_columns_changes_nothing():
    shuffled = PREDICTIONS.sample(frac=1, random_state=3)
    shuffled = shuffled[["rock", "clip_id", "fold", "jazz", "blues", "split"]]
    truth = TRUTH.sample(frac=1, random_state=4)
    assert metrics.score(shuffled, truth, GENRES) == metrics.score(PREDICTIONS, TRUTH, GENRES)
    pd.testing.assert_frame_equal(
        metrics.confusion(shuffled, truth, GENRES), metrics.confusion(PREDICTIONS, TRUTH, GENRES)
    )


def test_a_genre_without_clips_is_not_averaged():
    without_jazz = PREDICTIONS[PREDICTIONS["clip_id"] != "c3"]
    scores = metrics.score(without_jazz, TRUTH, GENRES)
    assert scores["macro_f1"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    table = metrics.per_genre(without_jazz, TRUTH, GENRES).set_index("genre")
    assert table.loc["jazz", "clips"] == 0
    assert np.isnan(table.loc["jazz", "recall"]) and np.isnan(table.loc["jazz", "f1"])
    assert table.loc["jazz", "precision"] == 0  # c2 is taken for jazz


def test_calibration_error_by_hand():
    # two bins: confidence 0.9 and 0.8 (one hit of two), 0.4 (a hit)
    probabilities = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]])
    targets = np.array([0, 0, 0])
    expected = (2 / 3) * abs(1 / 2 - 0.85) + (1 / 3) * abs(1 - 0.4)
    assert metrics.calibration_error(probabilities, targets, n_bins=2) == pytest.approx(expected)


def test_calibration_error_of_certainty():
    certain = np.eye(4)
    assert metrics.calibration_error(certain, np.arange(4)) == 0
    assert metrics.calibration_error(certain, (np.arange(4) + 1) % 4) == 1


def test_confidence_bins_are_closed_above():
    bins = metrics.confidence_bins(np.array([0.0, 0.25, 0.26, 0.5, 1.0]), 4)
    assert bins.tolist() == [0, 0, 1, 1, 3]


def test_float32_probabilities_are_welcome():
    table = PREDICTIONS.astype(dict.fromkeys(GENRES, "float32"))
    assert metrics.score(table, TRUTH, GENRES)["log_loss"] == pytest.approx(
        metrics.score(PREDICTIONS, TRUTH, GENRES)["log_loss"], rel=1e-6
    )


@pytest.mark.parametrize(
    ("predictions", "truth", "genres", "message"),
    [
        (PREDICTIONS, TRUTH.iloc[:4], GENRES, "without truth: c5"),
        (pd.concat([PREDICTIONS, PREDICTIONS.iloc[:1]]), TRUTH, GENRES, "predicted twice: c1"),
        (PREDICTIONS, pd.concat([TRUTH, TRUTH.iloc[1:2]]), GENRES, "twice in the truth: c2"),
        (PREDICTIONS, TRUTH.replace("jazz", "polka"), GENRES, "unknown genres in the truth: polka"),
        (PREDICTIONS, TRUTH, ["blues", "jazz"], "unknown: rock"),
        (PREDICTIONS, TRUTH, [*GENRES, "folk"], "without a column of predictions: folk"),
        (PREDICTIONS.assign(rock=0.5), TRUTH, GENRES, "no probability distribution: c1, c2"),
        (PREDICTIONS.assign(rock=np.nan), TRUTH, GENRES, "no probability distribution: c1"),
        (PREDICTIONS.iloc[:0], TRUTH, GENRES, "no predictions"),
    ],
)
def test_refused_with_the_culprit_named(predictions, truth, genres, message):
    with pytest.raises(ValueError, match=message):
        metrics.score(predictions, truth, genres)
