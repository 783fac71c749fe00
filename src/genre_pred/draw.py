"""The pictures of an experiment, and the tables behind DVC's plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from genre_pred.audio.front_ends import FRONT_ENDS
from genre_pred.audio.patches import PatchStore
from genre_pred.clips import write_table
from genre_pred.evaluate import Verdict, judging_split, on_judging_split
from genre_pred.judge import pictures
from genre_pred.judge.metrics import confusion, reliability
from genre_pred.judge.tables import align


def draw_verdict(
    verdict: Verdict, truth: pd.DataFrame, genres: Sequence[str], folder: Path
) -> None:
    """Draw the leaderboard, and the confusion matrix and calibration of each approach's best.

    Writes leaderboard.png, confusion_APPROACH.png and .csv, calibration.csv.
    """
    pictures.draw_leaderboard(verdict.board, folder / "leaderboard.png")
    curves = []
    for model in verdict.best.values():
        assert model.predictions is not None
        judged = on_judging_split(model.predictions)
        title = f"{model.name}, {judging_split(model.predictions)}"
        counts = confusion(judged, truth, genres)
        pictures.draw_confusion(counts, folder / f"confusion_{model.approach}.png", title)
        aligned = align(judged, truth, genres)
        named = pd.DataFrame(
            {
                "actual": [genres[i] for i in aligned.targets],
                "predicted": [genres[i] for i in aligned.probabilities.argmax(axis=1)],
            }
        )
        write_table(named, folder / f"confusion_{model.approach}.csv")
        curves.append(reliability(judged, truth, genres).assign(model=model.name))
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
    """Draw how many clips each genre has on each side."""
    sides = clips.merge(split[["clip_id", "split"]], on="clip_id", suffixes=("_published", ""))
    counts = sides.groupby(["genre", "split"], as_index=False).size()
    counts = counts.rename(columns={"size": "clips"})
    pictures.draw_class_distribution(counts, folder / "classes.png")


def draw_spectrograms(clips: pd.DataFrame, store: PatchStore, front_end: str, folder: Path) -> None:
    """Draw the spectrogram of each genre's first clip."""
    log_mels = {}
    for genre, clip_id in clips.groupby("genre")["clip_id"].first().items():
        patches = store.patches[store.rows_of([clip_id])[0]]
        log_mels[str(genre)] = patches.reshape(-1, patches.shape[-1])  # (frames, n_mels)
    spec = FRONT_ENDS[front_end]
    hop_seconds = spec.hop_length / spec.sample_rate
    pictures.draw_genre_spectrograms(log_mels, folder / "spectrograms.png", hop_seconds)
