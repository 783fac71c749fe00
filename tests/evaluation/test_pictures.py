"""Pictures are written whole, the same bytes each time, and leave matplotlib alone."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from genre_pred.evaluation.plots import pictures
from genre_pred.evaluation.scoring.leaderboard import COLUMNS

GENRES = ["Electronic", "International / World", "Rock"]


def confusion(path):
    table = pd.DataFrame([[5, 1, 0], [0, 0, 0], [2, 2, 9]], index=GENRES, columns=GENRES)
    pictures.draw_confusion(table, path, "vggish_pca/svc_rbf, 19 validation clips")


def learning_curves(path):
    rows = [(e, s, 0.5 + e / 50, 2 / e) for e in (1, 2, 3) for s in ("train", "validation")]
    pictures.draw_learning_curves(
        pd.DataFrame(rows, columns=["epoch", "split", "accuracy", "loss"]), path
    )


def class_distribution(path):
    rows = [(genre, split, 7) for genre in GENRES for split in ("train", "validation", "test")]
    pictures.draw_class_distribution(
        pd.DataFrame(rows[:-1], columns=["genre", "split", "clips"]), path
    )


def genre_spectrograms(path):
    rng = np.random.default_rng(0)
    log_mels = {genre: rng.normal(size=(50, 64)).astype(np.float16) for genre in GENRES}
    pictures.draw_genre_spectrograms(log_mels, path, hop_seconds=0.01)


def board_of(approaches):
    board = pd.DataFrame({name: [np.nan] * len(approaches) for name in COLUMNS})
    board["model"] = [f"{approach}/{i}" for i, approach in enumerate(approaches)]
    board["approach"] = approaches
    board["validation_accuracy"] = np.linspace(0.6, 0.2, len(approaches))
    board["validation_low"] = board["validation_accuracy"] - 0.05
    board["validation_high"] = board["validation_accuracy"] + 0.05
    board["clips"], board["test_seen"], board["test_clips"] = 96, 2, 0
    board.loc[0, ["test_accuracy", "test_low", "test_high"]] = [0.55, 0.5, 0.6]
    return board.assign(protocol="grouped split", artists="grouped")


def leaderboard(path):
    board = board_of(["embedding", "finetune", "someone's own", "baseline", "baseline"])
    board.loc[1, "validation_accuracy"] = np.nan
    pictures.draw_leaderboard(board, path)


@pytest.mark.parametrize(
    "draw", [confusion, learning_curves, class_distribution, genre_spectrograms, leaderboard]
)
def test_same_table_same_bytes_and_nothing_left_behind(draw, tmp_path):
    before = dict(matplotlib.rcParams)
    draw(tmp_path / "deep" / "one.png")
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"font.size": 22, "axes.facecolor": "black"}):
        draw(tmp_path / "deep" / "two.png")
    one, two = ((tmp_path / "deep" / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["one.png", "two.png"]
    with Image.open(tmp_path / "deep" / "one.png") as image:
        assert set(image.info) <= {"dpi"}  # no dates, no versions
        pixels = np.asarray(image.convert("L"))
    assert min(pixels.shape) > 250
    assert (pixels < 128).mean() > 0.005  # something is drawn
    margin = np.concatenate([pixels[:3].ravel(), pixels[-3:].ravel(), pixels[:, :3].ravel()])
    assert margin.min() == 255  # and nothing is cut off


def test_a_leaderboard_of_baselines_only_is_drawn(tmp_path):
    pictures.draw_leaderboard(board_of(["baseline", "baseline"]), tmp_path / "baselines.png")
    assert (tmp_path / "baselines.png").stat().st_size > 1000


def test_nothing_to_draw_is_refused(tmp_path):
    board = board_of(["embedding"]).assign(validation_accuracy=np.nan)
    with pytest.raises(ValueError, match="no model"):
        pictures.draw_leaderboard(board, tmp_path / "x.png")
    with pytest.raises(ValueError, match="no spectrogram"):
        pictures.draw_genre_spectrograms({}, tmp_path / "x.png", hop_seconds=0.01)
    assert not list(tmp_path.iterdir())
