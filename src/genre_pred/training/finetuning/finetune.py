"""Fine-tuning: build a network, train it in every round, predict the held-out clips."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from genre_pred.config.sections import Finetune, Weights
from genre_pred.core.errors import UserError
from genre_pred.core.files import atomic_write
from genre_pred.core.patch_store import PatchStore, open_patches, stored_patches
from genre_pred.core.splits import Round
from genre_pred.core.tables import genres_of, predictions_table
from genre_pred.networks.trainable.catalogue import NETWORKS, PICTURES, PatchShape
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.networks.weights.loading import load_weights, weights_note
from genre_pred.training.calibration.clip_scores import calibrate
from genre_pred.training.finetuning.loop import (
    Examples,
    Training,
    clip_logits,
    train_network,
)
from genre_pred.training.finetuning.result import Finetuned, history_table
from genre_pred.training.finetuning.rows import represent, run_frozen_part


def front_end_of(name: str, settings: Finetune) -> str:
    """The front end of a network; a network that reads pictures takes finetune.pictures."""
    front_end = NETWORKS[name].front_end
    return settings.pictures if front_end == PICTURES else front_end


def open_network_patches(name: str, settings: Finetune, folder: Path) -> PatchStore:
    """Open the patches that a network reads.

    Args:
        name: In NETWORKS.
        settings: The section `finetune`.
        folder: The folder data/mel.

    Raises:
        UserError: If the collection has no patches of its front end.
    """
    front_end = front_end_of(name, settings)
    if not stored_patches(folder, [front_end]):
        stored = ", ".join(path.stem for path in sorted(folder.glob("*.npy")))
        raise UserError(
            f"finetune.networks names {name}, which needs {front_end}; this collection has "
            f"{stored or 'none'}: set finetune.pictures, or remove {name} from the list "
            "(finetune.networks=[] trains none)"
        )
    return open_patches(folder / front_end)


def build_network(
    name: str, shape: PatchShape, n_genres: int, settings: Finetune, start: Weights
) -> tuple[GenreNet, str]:
    """Build a network: its backbone with pretrained (or random) weights, the rest from the seed.

    Args:
        name: A name in NETWORKS.
        shape: The shape of a clip's patches.
        n_genres: Number of outputs.
        settings: The section `finetune`.
        start: The initial weights of its backbone, if it has one.

    Returns:
        The network, and a description of the weights that its backbone starts from.
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
        return weights_note(start.of(backbone), backbone, trained_whole=trained_whole)
    if settings.trainable == "all":
        return ""
    return f"its convolutions are random, because finetune.trainable was {settings.trainable}"


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
    """Train a network in every round, and predict the clips that the round holds out.

    Args:
        name: A name in NETWORKS.
        store: The patches of its front end.
        clips: clip_id, genre, artist.
        split: clip_id, split, fold.
        rounds: The trainings; the network of the last one is kept.
        settings: The section `finetune`.
        start: The initial weights of its backbone.
        work: A folder that survives a killed run.
        on_epoch: Called with the fold (-1 without folds) and the figures of each epoch.

    Returns:
        The network, its temperature (fitted on validation clips; with folds, cross-fitted) and
        its predictions.
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

    for number, current in enumerate(rounds, start=1):
        net, _ = build()
        trainings[current.fold] = train_network(
            net,
            examples,
            current.train,
            current.validation,
            settings,
            checkpoint=work / f"round{current.fold}.pt",
            on_epoch=partial(epoch_done, current.fold),
            prefix=f"round {number} of {len(rounds)}, " if len(rounds) > 1 else "",
        )
        if current.holdout:
            round_scores, round_clips = clip_logits(net, examples, current.holdout, settings)
            scores.append(round_scores)
            predicted += round_clips
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
    """Sums the seconds of a training over several runs; a file keeps the sum between them."""

    def __init__(self, path: Path) -> None:
        self._path, self._started = path, time.perf_counter()
        self._before = float(path.read_text()) if path.is_file() else 0.0

    def seconds(self) -> float:
        return self._before + time.perf_counter() - self._started

    def keep(self) -> None:
        """Store the seconds so far. A killed run repeats, and counts again, what follows."""
        with atomic_write(self._path) as temporary:
            temporary.write_text(f"{self.seconds()}\n")
