"""The plots of an experiment, and the tables for DVC's plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from genre_pred.core.patch_store import PatchStore
from genre_pred.core.tables import genres_of, write_table
from genre_pred.evaluation.plots import pictures
from genre_pred.evaluation.scoring.alignment import align
from genre_pred.evaluation.scoring.evaluate import Evaluation, on_scoring_split, scoring_split
from genre_pred.evaluation.scoring.metrics import confusion, reliability


def draw_experiment(
    evaluation: Evaluation,
    clips: pd.DataFrame,
    split: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame],
    folder: Path,
) -> None:
    """Write the content of reports/plots: the plots, and the tables for DVC's plots.

    Args:
        evaluation: The scored models.
        clips: clip_id, genre, artist.
        split: clip_id, split, fold.
        histories: By network: fold, epoch, split, accuracy, loss.
        folder: The folder to write to.
    """
    draw_evaluation(evaluation, clips, genres_of(clips), folder)
    draw_histories(histories, folder)
    draw_classes(clips, split, folder)


def draw_evaluation(
    evaluation: Evaluation, truth: pd.DataFrame, genres: Sequence[str], folder: Path
) -> None:
    """Draw the leaderboard, and the confusion matrix and calibration of each approach's best.

    Writes leaderboard.png, confusion_APPROACH.png and .csv, calibration.csv.
    """
    pictures.draw_leaderboard(evaluation.board, folder / "leaderboard.png")
    curves = []
    for model in evaluation.best.values():
        assert model.predictions is not None
        scored = on_scoring_split(model.predictions)
        title = f"{model.name}, {scoring_split(model.predictions)}"
        counts = confusion(scored, truth, genres)
        pictures.draw_confusion(counts, folder / f"confusion_{model.approach}.png", title)
        aligned = align(scored, truth, genres)
        named = pd.DataFrame(
            {
                "actual": [genres[i] for i in aligned.targets],
                "predicted": [genres[i] for i in aligned.probabilities.argmax(axis=1)],
            }
        )
        write_table(named, folder / f"confusion_{model.approach}.csv")
        curves.append(reliability(scored, truth, genres).assign(model=model.name))
    write_table(pd.concat(curves, ignore_index=True), folder / "calibration.csv")


def draw_histories(histories: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Draw each network's learning curves, averaged over folds, and write learning_curves.csv."""
    tables = [pd.DataFrame(columns=["epoch", "split", "accuracy", "loss", "network"])]
    for network, history in histories.items():
        curve = history.groupby(["epoch", "split"], as_index=False)[["accuracy", "loss"]].mean()
        pictures.draw_learning_curves(curve, folder / f"learning_curves_{network}.png")
        tables.append(curve.assign(network=network))
    write_table(pd.concat(tables, ignore_index=True), folder / "learning_curves.csv")


def draw_classes(clips: pd.DataFrame, split: pd.DataFrame, folder: Path) -> None:
    """Draw the number of clips of each genre and split."""
    sides = clips.merge(split[["clip_id", "split"]], on="clip_id", suffixes=("_published", ""))
    counts = sides.groupby(["genre", "split"], as_index=False).size()
    counts = counts.rename(columns={"size": "clips"})
    pictures.draw_class_distribution(counts, folder / "classes.png")


def draw_spectrograms(
    clips: pd.DataFrame, store: PatchStore, frames_per_second: float, path: Path
) -> None:
    """Draw the log-mel spectrogram of the first clip of each genre."""
    log_mels = {}
    for genre, clip_id in clips.groupby("genre")["clip_id"].first().items():
        patches = store.patches[store.rows_of([clip_id])[0]]
        log_mels[str(genre)] = patches.reshape(-1, patches.shape[-1])  # (frames, n_mels)
    pictures.draw_genre_spectrograms(log_mels, path, 1 / frames_per_second)
