"""Peak memory of the stages' processes, with few clips and with ten times as many."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from benchmarks.songs import CLIP, Songs
from benchmarks.workers import STATUS, WatchedMap, lasting_map
from genre_pred.audio.logmel.clips_to_patches import store_patches
from genre_pred.config.params import Params
from genre_pred.config.sections import Finetune, Mel
from genre_pred.networks.embedding.patches_to_embeddings import (
    BACKBONES,
    load_backbone,
    store_embeddings,
)
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.training.finetuning.finetune import build_network
from genre_pred.training.finetuning.loop import Examples, optimizer_for, train_epoch, train_network

GENRES, BATCH, STEPS = 8, 8, 3
MEL = Mel(front_ends=("vggish", "efficientat", "mel128"), dtype="float16")


@dataclass(frozen=True)
class Peak:
    """The peak memory of a process.

    Attributes:
        step: The name of the step.
        of: The process.
        clips: Number of clips.
        megabytes: Peak resident memory in 1e6 bytes.
    """

    step: str
    of: str
    clips: int
    megabytes: float


def peaks(
    songs: Songs, precision: str, counts: Sequence[int], counts_of_vggish: Sequence[int]
) -> Iterator[Peak]:
    """Measure each step with several numbers of clips, in separate workers as in a stage.

    Args:
        songs: The songs, whose files are repeated.
        precision: The precision of the networks.
        counts: Numbers of clips.
        counts_of_vggish: Numbers of clips for VGGish's embeddings, which take 150 ms each on two
            cores; at most the largest of counts.
    """
    if not STATUS.is_file():  # not Linux
        return
    params = songs.params
    for clips in counts:
        store = songs.folder / f"store of {clips}"
        store.mkdir()
        with lasting_map(params) as each:
            watched = WatchedMap(each)
            store_patches(_repeated(songs.clips, clips), CLIP, MEL, store, watched)
            yield Peak("mel", "a worker", clips, watched.megabytes)
            yield Peak("mel", "the stage", clips, watched.own_megabytes)
        yield from _embedding("mn04", store, clips, params, precision)
        step = f"finetune, cnn_mel, {precision}, an epoch with validation"
        yield _finetuning(step, clips, params, partial(_epoch, precision), store / "mel128.npy")
    # The largest network, for a few steps only: an epoch would take half an hour.
    step = f"finetune, vggish, {precision}, {STEPS} steps"
    yield _finetuning(step, BATCH * STEPS, params, partial(_steps, precision), store / "vggish.npy")
    for clips in counts_of_vggish:
        part = store / f"first {clips}.npy"
        stored = np.load(store / "vggish.npy", mmap_mode="r")
        np.save(part, stored[:clips])
        del stored  # otherwise its mapped pages count as memory of the stage
        yield from _embedding("vggish", store, clips, params, precision, part)


def _embedding(
    name: str,
    store: Path,
    clips: int,
    params: Params,
    precision: str,
    patches: Path | None = None,
) -> Iterator[Peak]:
    net, _ = load_backbone(name, params.weights)
    weights = store / f"{name}.safetensors"
    save_file(net.state_dict(), weights)
    patches = patches or store / f"{BACKBONES[name].front_end}.npy"
    with lasting_map(params) as each:
        watched = WatchedMap(each)
        store_embeddings(name, weights, patches, precision, store / f"{name} of.npy", watched)
    step = f"embed, {name}, {precision}"
    yield Peak(step, "a worker", clips, watched.megabytes)
    yield Peak(step, "the stage", clips, watched.own_megabytes)


def _finetuning(
    step: str, clips: int, params: Params, train: Callable[[Params, Path], None], store: Path
) -> Peak:
    with lasting_map(params) as each:
        watched = WatchedMap(each)
        list(watched(partial(train, params), [store]))
    return Peak(step, "a separate process", clips, watched.megabytes)


def _epoch(precision: str, params: Params, store: Path) -> None:
    """Train all layers for an epoch on every row of the store, and validate on every row."""
    net, examples, settings = _training_setup("cnn_mel", precision, params, store)
    clip_ids = list(examples.clip_ids)
    train_network(
        net,
        examples,
        clip_ids,
        clip_ids,
        settings,
        checkpoint=store.with_name("epoch.pt"),
        on_epoch=lambda _: None,
    )


def _steps(precision: str, params: Params, store: Path) -> None:
    """Train all layers for some steps on rows spread over the store."""
    net, examples, settings = _training_setup("vggish", precision, params, store)
    optimizer = optimizer_for(net.trained_part("all"), settings)
    rows = np.linspace(0, len(examples.patches) - 1, STEPS * BATCH).astype(int)
    train_epoch(net, optimizer, examples, rows, settings, torch.Generator().manual_seed(0), 0)


def _training_setup(
    name: str, precision: str, params: Params, store: Path
) -> tuple[GenreNet, Examples, Finetune]:
    changes = {"trainable": "all", "precision": precision, "batch_size": BATCH, "epochs": 1}
    settings = params.finetune.model_copy(update=changes)
    patches = np.load(store, mmap_mode="r")
    net, _ = build_network(name, patches.shape[1:], GENRES, settings, params.weights)
    clip_ids = np.arange(len(patches)).astype(str).astype(object)
    return net, Examples(patches, clip_ids, np.arange(len(patches)) % GENRES), settings


def _repeated(clips: pd.DataFrame, count: int) -> pd.DataFrame:
    rows = np.arange(count) % len(clips)
    return clips.iloc[rows].assign(clip_id=[str(number) for number in range(count)])
