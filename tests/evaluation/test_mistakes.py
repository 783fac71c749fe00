"""The hardest clips and confused genres, on clips counted by hand."""

import pandas as pd
import pytest

from genre_pred.evaluation.comparison.mistakes import hardest_clips, most_confused

GENRES = ["blues", "jazz", "rock"]
TRUTH = pd.DataFrame(
    {"clip_id": list("abcd"), "path": [f"{name}.mp3" for name in "abcd"],
     "genre": ["blues", "jazz", "rock", "rock"]}
)  # fmt: skip
PREDICTIONS = pd.DataFrame(
    [("a", 0.7, 0.2, 0.1), ("b", 0.5, 0.1, 0.4), ("c", 0.6, 0.1, 0.3), ("d", 0.0, 0.9, 0.1)],
    columns=["clip_id", *GENRES],
)


def test_the_hardest_clips_come_first_with_what_was_named_instead():
    hardest = hardest_clips(PREDICTIONS, TRUTH, GENRES, 3)
    assert hardest["clip_id"].tolist() == ["b", "d", "c"]
    assert hardest["path"].tolist() == ["b.mp3", "d.mp3", "c.mp3"]
    assert hardest["probability"].tolist() == pytest.approx([0.1, 0.1, 0.3])
    assert hardest["predicted"].tolist() == ["blues", "jazz", "blues"]
    assert hardest["confidence"].tolist() == pytest.approx([0.5, 0.9, 0.6])


def test_pairs_are_ordered_by_clips_then_by_share_of_the_genre():
    counts = pd.DataFrame([[5, 2, 0], [2, 1, 0], [1, 0, 0]], index=GENRES, columns=GENRES)
    pairs = most_confused(counts, 5)
    assert pairs["genre"].tolist() == ["jazz", "blues", "rock"]
    assert pairs["predicted"].tolist() == ["blues", "jazz", "blues"]
    assert pairs["clips"].tolist() == [2, 2, 1]
    assert pairs["share"].tolist() == pytest.approx([2 / 3, 2 / 7, 1.0])
    assert len(most_confused(counts, 1)) == 1


def test_a_perfect_model_has_no_confused_genres():
    counts = pd.DataFrame([[3, 0], [0, 4]], index=GENRES[:2], columns=GENRES[:2])
    assert most_confused(counts, 5).empty
