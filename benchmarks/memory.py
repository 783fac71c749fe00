"""How much memory the stages' processes need, on few clips and on ten times as many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from benchmarks.songs import CLIP, Songs
from benchmarks.workers import STATUS, WatchedMap, lasting_map
from genre_pred.embed import BACKBONES, load_backbone, store_embeddings
from genre_pred.finetuning.finetune import build_network
from genre_pred.finetuning.training import Examples, optimizer_for, train_epoch
from genre_pred.mel import store_patches
from genre_pred.params import Mel, Params

GENRES, STEPS = 8, 3
MEL = Mel(front_ends=("vggish", "efficientat"), dtype="float16")


@dataclass(frozen=True)
class Peak:
    """What a step took at most.

    Attributes:
        step: Its name.
        of: Which process.
        clips: How many clips it had.
        megabytes: 1e6 bytes, resident.
    """

    step: str
    of: str
    clips: int
    megabytes: float


def peaks(songs: Songs, counts: Sequence[int], counts_of_vggish: Sequence[int]) -> Iterator[Peak]:
    """Run each step on so many clips, in workers of its own as a stage has them.

    Args:
        songs: Whose files are repeated.
        counts: How many clips.
        counts_of_vggish: The same for VGGish's embeddings, each 150 ms on two cores; at most the
            largest of counts.
    """
    if not STATUS.is_file():  # no Linux
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
        yield from _embedding("mn04", store, clips, params)
        yield _finetuning(store, clips, params)
    for clips in counts_of_vggish:
        part = store / f"first {clips}.npy"
        stored = np.load(store / "vggish.npy", mmap_mode="r")
        np.save(part, stored[:clips])
        yield from _embedding("vggish", store, clips, params, part)


def _embedding(
    name: str, store: Path, clips: int, params: Params, patches: Path | None = None
) -> Iterator[Peak]:
    net, _ = load_backbone(name, params.weights)
    weights = store / f"{name}.safetensors"
    save_file(net.state_dict(), weights)
    patches = patches or store / f"{BACKBONES[name].front_end}.npy"
    with lasting_map(params) as each:
        watched = WatchedMap(each)
        store_embeddings(name, weights, patches, "bfloat16", store / f"{name} of.npy", watched)
    yield Peak(f"embed, {name}", "a worker", clips, watched.megabytes)
    yield Peak(f"embed, {name}", "the stage", clips, watched.own_megabytes)


def _finetuning(store: Path, clips: int, params: Params) -> Peak:
    """Of a process that has trained all of VGGish for some steps on rows of all of the store."""
    with lasting_map(params) as each:
        watched = WatchedMap(each)
        list(watched(partial(_train, params), [store / "vggish.npy"]))
    return Peak(f"finetune, all layers, {STEPS} steps", "the stage", clips, watched.megabytes)


def _train(params: Params, store: Path) -> None:
    settings = params.finetune.model_copy(
        update={"trainable": "all", "precision": "bfloat16", "batch_size": 8}
    )
    patches = np.load(store, mmap_mode="r")
    net, _ = build_network("vggish", patches.shape[1:], GENRES, settings, params.weights)
    clip_ids = np.arange(len(patches)).astype(str).astype(object)
    examples = Examples(patches, clip_ids, np.arange(len(patches)) % GENRES)
    optimizer = optimizer_for(net.trained_part("all"), settings)
    rows = np.linspace(0, len(patches) - 1, STEPS * 8).astype(int)
    train_epoch(net, optimizer, examples, rows, settings, torch.Generator().manual_seed(0), 0)


def _repeated(clips: pd.DataFrame, count: int) -> pd.DataFrame:
    rows = np.arange(count) % len(clips)
    return clips.iloc[rows].assign(clip_id=[str(number) for number in range(count)])
