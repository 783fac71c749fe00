"""Networks trained on the sound itself, and what a training leaves behind."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from genre_pred.arrays import RowsFile, rows_of
from genre_pred.audio.patches import PatchStore
from genre_pred.clips import genres_of, predictions_table, write_table
from genre_pred.files import written_whole
from genre_pred.finetuning.training import (
    Examples,
    Training,
    clip_logits,
    device_for,
    train_network,
)
from genre_pred.nets.genre_net import GenreNet
from genre_pred.nets.networks import NETWORKS, PICTURES, PatchShape
from genre_pred.nets.weights import load_weights, note_on
from genre_pred.params import Finetune, Weights
from genre_pred.progress import bar
from genre_pred.scores import calibrate
from genre_pred.split import Round

TIMED_ROWS = 8


def front_end_of(name: str, settings: Finetune) -> str:
    """What a network hears: its own front end or, on pictures, the one that the settings name."""
    front_end = NETWORKS[name].front_end
    return settings.pictures if front_end == PICTURES else front_end


def build_network(
    name: str, shape: PatchShape, n_genres: int, settings: Finetune, start: Weights
) -> tuple[GenreNet, str]:
    """Build a network: its backbone with pretrained (or random) weights, the rest drawn by seed.

    Args:
        name: In NETWORKS.
        shape: Of a clip's patches.
        n_genres: Number of outputs.
        settings: The section `finetune`.
        start: What its backbone starts from, where it has one.

    Returns:
        The network, and a line that says which weights its backbone has.
    """
    backbone = NETWORKS[name].backbone
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = NETWORKS[name].build(shape, settings.hidden, n_genres)
    if backbone is None:
        return net, f"none: learns from scratch (seed {settings.seed})"
    return net, load_weights(net.backbone, backbone, start.of(backbone), start.seed)


def _note(name: str, settings: Finetune, start: Weights) -> str:
    backbone = NETWORKS[name].backbone
    if backbone:
        trained_whole = settings.trainable == "all"
        return note_on(start.of(backbone), backbone, trained_whole=trained_whole)
    if settings.trainable == "all":
        return ""
    return f"its convolutions are random, because finetune.trainable was {settings.trainable}"


@dataclass(frozen=True)
class Finetuned:
    """What training left: a network with its temperature, predictions and learning curves.

    Attributes:
        seconds: That it took, with what an earlier run had finished before it was killed.
        represented: (n_rows, size) what its head reads of every row of the store, if asked for.
    """

    name: str
    net: GenreNet
    weights: str
    note: str
    best_epoch: int
    temperature: float
    predictions: pd.DataFrame
    history: pd.DataFrame
    seconds: float
    represented: np.ndarray | None = None

    def summary(self) -> dict[str, object]:
        """What is told of it beside its weights."""
        return {
            "network": self.name,
            "weights": self.weights,
            "note": self.note,
            "best_epoch": self.best_epoch,
            "temperature": self.temperature,
        }


def finetune(
    name: str,
    store: PatchStore,
    clips: pd.DataFrame,
    split: pd.DataFrame,
    rounds: Sequence[Round],
    settings: Finetune,
    start: Weights,
    work: Path,
    on_epoch: Callable[[int, dict[str, float]], None],
) -> Finetuned:
    """Train a network in every round, and predict in each what it has not seen.

    Args:
        name: In NETWORKS.
        store: The patches of its front end.
        clips: clip_id, genre, artist.
        split: clip_id, split, fold.
        rounds: The trainings; the network of the last one is kept.
        settings: The section `finetune`.
        start: What its backbone starts from.
        work: A folder that survives a killed run.
        on_epoch: Is given the fold (-1 without) and each epoch's figures.

    Returns:
        The network, its temperature (chosen on validation; with folds, cross-fitted) and its
        predictions.
    """
    clock = _Clock(work / "seconds.txt")
    genres = genres_of(clips)
    target_of = {g: i for i, g in enumerate(genres)}
    targets = clips.set_index("clip_id")["genre"].map(target_of)
    clip_ids = store.index["clip_id"].to_numpy(dtype=object)
    shape = store.patches.shape[1:]
    build = partial(build_network, name, shape, len(genres), settings, start)
    net, weights = build()
    frozen = run_frozen_part(net, store.patches, settings, work / "frozen.npy")
    clock.keep()
    examples = Examples(frozen, clip_ids, targets.loc[clip_ids].to_numpy())
    trainings: dict[int, Training] = {}
    scores, predicted = [], []

    def epoch_done(fold: int, figures: dict[str, float]) -> None:
        clock.keep()
        on_epoch(fold, figures)

    for number, each in enumerate(rounds, start=1):
        net, _ = build()
        trainings[each.fold] = train_network(
            net,
            examples,
            each.train,
            each.validation,
            settings,
            checkpoint=work / f"round{each.fold}.pt",
            on_epoch=partial(epoch_done, each.fold),
            named=f"round {number} of {len(rounds)}, " if len(rounds) > 1 else "",
        )
        if each.predicted:
            of_round, ids = clip_logits(net, examples, each.predicted, settings)
            scores.append(of_round)
            predicted += ids
    facts = clips[["clip_id", "artist"]].merge(split, on="clip_id").set_index("clip_id")
    where = facts.loc[predicted].reset_index()
    probabilities, temperature = calibrate(
        np.concatenate(scores), targets.loc[predicted].to_numpy(), where
    )
    represented = (
        represent(net, frozen, settings, work / "represented.npy") if settings.embed else None
    )
    return Finetuned(
        name,
        net.cpu().eval(),
        weights,
        _note(name, settings, start),
        trainings[rounds[-1].fold].best_epoch,
        temperature,
        predictions_table(predicted, probabilities, genres, where["split"], where["fold"]),
        history_table(trainings),
        clock.seconds(),
        represented,
    )


class _Clock:
    """Counts the seconds of a training over the runs that it takes, in a file between them."""

    def __init__(self, path: Path) -> None:
        self._path, self._started = path, time.perf_counter()
        self._before = float(path.read_text()) if path.is_file() else 0.0

    def seconds(self) -> float:
        return self._before + time.perf_counter() - self._started

    def keep(self) -> None:
        """What comes after this, a killed run has not finished: it is done and counted again."""
        with written_whole(self._path) as temporary:
            temporary.write_text(f"{self.seconds()}\n")


def write_finetuned(trained: Finetuned, folder: Path) -> None:
    """Write network.safetensors, predictions.parquet, history.csv and network.json."""
    with written_whole(folder / "network.safetensors") as temporary:
        save_file(trained.net.state_dict(), temporary)
    write_table(trained.predictions, folder / "predictions.parquet")
    write_table(trained.history, folder / "history.csv")
    with written_whole(folder / "network.json") as temporary:
        temporary.write_text(json.dumps(trained.summary(), indent=2) + "\n")


@torch.inference_mode()
def represent(net: GenreNet, frozen: np.ndarray, settings: Finetune, path: Path) -> np.ndarray:
    """Run all but the head over every row, one by one as in prediction.

    Args:
        net: Trained.
        frozen: As run_frozen_part gives it.
        settings: What was trained.
        path: Where the result is kept (.npy).

    Returns:
        (n_rows, size) float32, memory-mapped.
    """
    net = net.to(device_for(settings)).eval()

    def read_by_the_head(batch: torch.Tensor) -> torch.Tensor:
        return net.represent(batch, settings.trainable).flatten(1)

    return _of_each_row(read_by_the_head, frozen, settings, path, "what it makes of each clip")


@torch.inference_mode()
def run_frozen_part(
    net: GenreNet, patches: np.ndarray, settings: Finetune, path: Path
) -> np.ndarray:
    """Run what is not trained once over all rows, and keep it in a file.

    Args:
        net: The network, untrained.
        patches: (n_rows, n_patches, frames, n_mels).
        settings: What is trained; with `all`, nothing is frozen and the patches come back.
        path: Where the result is kept (.npy); what is there already is used.

    Returns:
        (n_rows, ...) float32, memory-mapped.
    """
    if settings.trainable == "all":
        return patches
    if path.is_file():
        return np.load(path, mmap_mode="r")
    net = net.to(device_for(settings)).eval()
    freeze = partial(net.freeze, trainable=settings.trainable)
    return _of_each_row(freeze, patches, settings, path, "frozen part")


def _of_each_row(
    run: Callable[[torch.Tensor], torch.Tensor],
    array: np.ndarray,
    settings: Finetune,
    path: Path,
    doing: str,
) -> np.ndarray:
    n_rows, device = len(array), device_for(settings)
    with written_whole(path) as temporary, RowsFile(temporary, n_rows, "float32") as file:
        for row in bar(range(n_rows), doing=doing, unit="clip"):
            # One at a time, as in prediction: the last digits depend on the size of a batch.
            batch = torch.from_numpy(rows_of(array, [row]).astype(np.float32)).to(device)
            file.write(row, run(batch).cpu().numpy())
    return np.load(path, mmap_mode="r")


@torch.inference_mode()
def seconds_per_clip(net: GenreNet, store: PatchStore) -> float:
    """How long a network takes from a clip's patches to its genres, on the device that it is on.

    Measured on a few rows, one at a time, after one that warms it up.

    Args:
        net: Trained, ready to predict.
        store: The patches that it hears.
    """
    device = next(net.parameters()).device
    rows, started = [0, *range(min(len(store.patches), TIMED_ROWS))], 0.0
    for row in rows:
        net(torch.from_numpy(store.patches[row : row + 1].astype(np.float32)).to(device)).cpu()
        started = started or time.perf_counter()
    rows_per_clip = len(store.patches) / store.index["clip_id"].nunique()
    return (time.perf_counter() - started) / (len(rows) - 1) * rows_per_clip


def history_table(rounds: dict[int, Training]) -> pd.DataFrame:
    """The learning curves of all rounds: fold, epoch, split, accuracy, loss."""
    return pd.DataFrame(
        [
            {
                "fold": fold,
                "epoch": int(row["epoch"]),
                "split": split,
                "accuracy": row[f"{split}_accuracy"],
                "loss": row[f"{split}_loss"],
            }
            for fold, training in rounds.items()
            for row in training.history
            for split in ("train", "validation")
            if f"{split}_loss" in row
        ]
    )
