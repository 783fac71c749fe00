"""The leaderboard: order, scores on test, protocol."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.evaluation.comparison.markdown import to_markdown
from genre_pred.evaluation.scoring.leaderboard import (
    COLUMNS,
    Entry,
    artists_in_words,
    best_of,
    leaderboard,
)

GENRES = ["blues", "jazz"]
N_CLIPS = 40
TRUTH = pd.DataFrame(
    {
        "clip_id": [f"c{i:02d}" for i in range(N_CLIPS)],
        "genre": ["blues", "jazz"] * (N_CLIPS // 2),
        "artist": [f"artist {i // 4}" for i in range(N_CLIPS)],
    }
)


def predictions_of(n_wrong, sureness=0.8, n_test=20):
    """Wrong on the first n_wrong validation clips, right on all test clips."""
    is_blues = (TRUTH["genre"] == "blues").to_numpy()
    named = is_blues ^ (np.arange(N_CLIPS) < n_wrong)
    table = pd.DataFrame({"clip_id": TRUTH["clip_id"], "split": "validation", "fold": -1})
    table.loc[table.index >= N_CLIPS - n_test, "split"] = "test"
    table["blues"] = np.where(named, sureness, 1 - sureness)
    table["jazz"] = 1 - table["blues"]
    return table


def entry(model, approach="embedding", megabytes=1.0, note=""):
    return Entry(model, approach, f"make {model}", 12.0, megabytes, note)


def board_of(entries, predictions, truth=TRUTH, score_test_of=(), grouped=True):
    return leaderboard(
        entries,
        predictions,
        truth,
        GENRES,
        confidence=0.95,
        n_resamples=1000,
        seed=1,
        score_test_of=score_test_of,
        protocol="grouped split",
        grouped=grouped,
        test_seen=3,
    )


@pytest.fixture
def board():
    return board_of(
        [
            entry("e/bad"),
            entry("e/good"),
            entry("f/net", "finetune", 80.0),
            entry("baseline", "baseline"),
            entry("e/qda", note="n/a: collinear"),
        ],
        {
            "e/bad": predictions_of(10),
            "e/good": predictions_of(2, sureness=0.9),
            "f/net": predictions_of(4),
            "baseline": predictions_of(12, sureness=0.6),
        },
        score_test_of=["e/good", "f/net"],
    )


def test_rows_are_sorted_and_hold_the_scores(board):
    assert tuple(board.columns) == COLUMNS
    assert list(board["model"]) == ["e/good", "f/net", "e/bad", "baseline", "e/qda"]
    np.testing.assert_allclose(board["validation_accuracy"], [0.9, 0.8, 0.5, 0.4, np.nan])
    good = board.iloc[0]
    assert good["validation_log_loss"] == pytest.approx(-(18 * np.log(0.9) + 2 * np.log(0.1)) / 20)
    assert good["validation_calibration_error"] == pytest.approx(0.0, abs=1e-12)
    assert good["validation_low"] < 0.9 <= good["validation_high"] <= 1
    assert (good["clips"], good["test_clips"]) == (20, 20)
    assert good["command"] == "make e/good"
    assert set(board["test_seen"]) == {3}
    assert set(board["artists"]) == {"grouped"}
    assert set(board["protocol"]) == {"grouped split"}


def test_only_the_chosen_are_scored_on_test(board):
    rows = board.set_index("model")
    assert rows.loc[["e/good", "f/net"], "test_accuracy"].tolist() == [1, 1]
    test_columns = [name for name in COLUMNS if name.startswith("test_") and "seen" not in name]
    others = rows.loc[["e/bad", "baseline"], test_columns].drop(columns="test_clips")
    assert others.isna().all(axis=None)
    assert rows.loc["e/bad", "test_clips"] == 0


def test_a_model_that_could_not_be_trained_stays_as_a_row(board):
    last = board.iloc[-1]
    assert last["note"] == "n/a: collinear"
    assert np.isnan(last["validation_accuracy"]) and last["clips"] == 0


def test_best_of_an_approach_is_chosen_on_validation_only(board):
    assert best_of(board, "embedding") == "e/good"
    assert best_of(board, "finetune") == "f/net"
    # a perfect test score of the worst changes nothing
    swayed = board.assign(test_accuracy=[0.0, 0.0, 1.0, 1.0, 1.0])
    assert best_of(swayed.sample(frac=1, random_state=0), "embedding") == "e/good"
    with pytest.raises(ValueError, match="descriptors"):
        best_of(board, "descriptors")
    with pytest.raises(ValueError, match="embedding"):
        best_of(board[board["model"] == "e/qda"], "embedding")


def test_ties_go_to_log_loss_then_size_then_name():
    entries = [entry("d", megabytes=2.0), entry("c"), entry("b"), entry("a", megabytes=9.0)]
    tables = {name: predictions_of(4) for name in "bcd"}
    tables["a"] = predictions_of(4, sureness=0.75)
    board = board_of(entries, tables)
    # 80 % are right: being 80 % sure fits better than being 75 % sure
    assert list(board["model"]) == ["b", "c", "d", "a"]
    assert best_of(board, "embedding") == "b"


def test_cross_validation_has_no_test_scores():
    folds = predictions_of(5, n_test=0).assign(fold=np.arange(N_CLIPS) % 5)
    board = board_of([entry("m")], {"m": folds}, score_test_of=["m"])
    assert board.loc[0, "clips"] == 40
    assert np.isnan(board.loc[0, "test_accuracy"]) and board.loc[0, "test_clips"] == 0


def test_order_of_rows_and_models_changes_nothing(board):
    def shuffled(table, seed):
        return table.sample(frac=1, random_state=seed)

    entries = [entry("f/net", "finetune", 80.0), entry("e/bad")]
    tables = {"f/net": shuffled(predictions_of(4), 0), "e/bad": shuffled(predictions_of(10), 1)}
    again = board_of(entries, tables, shuffled(TRUTH, 2), score_test_of=["f/net"])
    expected = board[board["model"].isin(["f/net", "e/bad"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, expected)


@pytest.mark.parametrize(
    ("artists", "grouped", "words"),
    [
        (["x", "y"], True, "grouped"),
        (["x", "y"], False, "not grouped, optimistic"),
        (["x", None], True, "partly unknown, optimistic"),
        ([None, None], True, "apart by the publisher's lists"),
        ([None, None], False, "unknown, optimistic"),
    ],
)
def test_artists_in_words(artists, grouped, words):
    truth = pd.DataFrame({"clip_id": ["1", "2"], "artist": artists})
    assert artists_in_words(truth, grouped) == words


def test_refusals_name_the_model():
    tables = {"a": predictions_of(1), "b": predictions_of(2)}
    with pytest.raises(ValueError, match="without an entry: b"):
        board_of([entry("a")], tables)
    with pytest.raises(ValueError, match="entered twice: a"):
        board_of([entry("a"), entry("a")], tables)
    with pytest.raises(ValueError, match="says why: c"):
        board_of([entry("a"), entry("b"), entry("c")], tables)
    tables["b"] = tables["b"].iloc[1:]
    with pytest.raises(
        ValueError, match="a and b were not scored on the same validation clips.*c00"
    ):
        board_of([entry("a"), entry("b")], tables)
    tables["b"] = tables["b"].assign(split="test")
    with pytest.raises(ValueError, match="b has no validation predictions"):
        board_of([entry("a"), entry("b")], tables)


def test_markdown_is_a_table_with_its_protocol(board):
    lines = to_markdown(board).splitlines()
    assert len({len(line) for line in lines[:7]}) == 1  # columns line up
    assert "90.0 [" in lines[2] and "| 100.0 [" in lines[2]
    assert "n/a" in lines[6] and "n/a: collinear" in lines[6]
    assert "12 s" in lines[2]
    assert "80.0" in lines[3]
    assert lines[-1].startswith(
        "Protocol: grouped split; 20 validation clips, 20 test clips seen by 3 models; "
        "intervals over artists."
    )


def test_markdown_escapes_what_would_break_a_cell(board):
    text = to_markdown(board.assign(note="a|b\nc", train_seconds=[1.0, 90.0, 7200.0, 59.9, np.nan]))
    assert text.count("a\\|b c") == 5
    for duration in ("1.0 s", "1.5 min", "2.0 h", "60 s"):
        assert duration in text
