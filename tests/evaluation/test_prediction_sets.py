"""The coverage of prediction sets, on clips drawn from known probabilities."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.evaluation.scoring.prediction_sets import GenreSets, calibrate_sets, coverage_on
from genre_pred.training.calibration.temperature import softmax

GENRES = ["a", "b", "c", "d", "e", "f"]


def drawn(n, seed, sharpness=1.5, flattery=1.0, clips_each=1):
    """Clips whose genres are drawn from the probabilities, which are then told too sure."""
    rng = np.random.default_rng(seed)
    scores = sharpness * rng.normal(size=(n, len(GENRES)))
    targets = (rng.random((n, 1)) > softmax(scores).cumsum(axis=1)).sum(axis=1)
    clip_ids = [f"{seed}-{number}" for number in range(n)]
    table = pd.DataFrame(softmax(scores, 1 / flattery), columns=GENRES)
    table.insert(0, "clip_id", clip_ids)
    artists = [f"artist {number // clips_each}" for number in range(n)]
    genres = [GENRES[target] for target in targets]
    return table, pd.DataFrame({"clip_id": clip_ids, "genre": genres, "artist": artists})


def covered(sets, predictions, truth):
    return coverage_on(
        sets, predictions, truth, GENRES, confidence=0.95, n_resamples=500,
        rng=np.random.default_rng(0),
    )  # fmt: skip


@pytest.mark.parametrize("flattery", [1.0, 4.0, 0.3])
def test_coverage_is_nominal_for_badly_calibrated_models(flattery):
    # A single pair of 5,000 strays by 0.6 % as a rule: four of them, by 0.3 %.
    found = [
        covered(
            calibrate_sets(*drawn(5000, seed, flattery=flattery), GENRES, 0.9),
            *drawn(5000, seed + 100, flattery=flattery),
        )
        for seed in range(4)
    ]
    assert np.mean([it.share for it in found]) == pytest.approx(0.9, abs=0.01)
    for it in found:
        assert it.low < it.share < it.high
        assert it.high - it.low < 0.02
        assert it.clips == 5000
        assert 1 < it.mean_size < len(GENRES)


def test_coverage_is_nominal_on_average_over_small_calibrations():
    judged = drawn(2000, 3)
    shares = [
        covered(calibrate_sets(*drawn(100, seed), GENRES, 0.9), *judged).share
        for seed in range(10, 60)
    ]
    assert np.mean(shares) == pytest.approx(0.9, abs=0.015)


def test_the_single_best_is_always_there_and_enough_for_a_model_that_errs_less():
    predictions, truth = drawn(2000, 4, sharpness=12)
    sets = calibrate_sets(predictions, truth, GENRES, 0.8)
    chosen = sets.members(predictions[GENRES].to_numpy())
    assert chosen.sum(axis=1).tolist() == [1] * 2000
    assert sets.members(np.array([[0.4, 0.4, 0.2, 0, 0, 0]])).tolist()[0] == [True] + [False] * 5


def test_by_hand():
    # 100 clips: the true genre has 0.01, 0.02, ... 1.00; up to 0.5 it is not the best.
    share = np.arange(1, 101) / 100
    predictions = pd.DataFrame({"clip_id": np.arange(100).astype(str), "a": share, "b": 1 - share})
    truth = pd.DataFrame({"clip_id": predictions["clip_id"], "genre": "a"})
    sets = calibrate_sets(predictions, truth, ["a", "b"], 0.9)
    assert sets == GenreSets(0.9, 100, pytest.approx(0.1))  # ceil(101 * 0.9) = 91: the 10th lowest
    assert sets.members(np.array([[0.95, 0.05], [0.85, 0.15]])).tolist() == [
        [True, False], [True, True]
    ]  # fmt: skip


def test_a_coverage_that_the_clips_cannot_show_takes_all_genres():
    sets = calibrate_sets(*drawn(100, 5), GENRES, 0.995)
    assert sets.members(np.eye(6)).all()


def test_too_few_clips_give_no_threshold():
    sets = calibrate_sets(*drawn(99, 6), GENRES, 0.9)
    assert sets.why_not == "too few to calibrate: 99 clips, 100 are needed"
    with pytest.raises(ValueError, match="too few"):
        sets.members(np.eye(6))
    assert calibrate_sets(*drawn(100, 6), GENRES, 0.9).why_not == ""


def test_where_artists_are_known_they_are_counted():
    few = calibrate_sets(*drawn(392, 7, clips_each=8), GENRES, 0.9)
    assert few.why_not == ("too few to calibrate: 49 artists (392 clips), 50 are needed")
    enough = calibrate_sets(*drawn(400, 7, clips_each=8), GENRES, 0.9)
    assert (enough.why_not, enough.clips, enough.artists) == ("", 400, 50)
    predictions, truth = drawn(392, 7, clips_each=8)
    truth.loc[0, "artist"] = None
    assert calibrate_sets(predictions, truth, GENRES, 0.9).artists is None
    predictions, truth = drawn(400, 7, clips_each=8)  # of all clips half were predicted
    sets = calibrate_sets(predictions[::2], truth, GENRES, 0.9)
    assert (sets.clips, sets.artists) == (200, 50)
