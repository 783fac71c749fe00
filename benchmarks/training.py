"""A step of fine-tuning VGGish: songs of 31 patches each."""

import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import reference
from benchmarks.contest import Row, row, timed
from benchmarks.songs import Songs
from genre_pred.finetuning.finetune import build_network, run_frozen_part
from genre_pred.finetuning.training import Examples, optimizer_for, train_epoch
from genre_pred.nets.genre_net import GenreNet

LAYERS = {"all": "all layers", "fc": "the linear layers only"}
LINES = {"all": (2.8, 3.4), "fc": (15.0, 21.0)}  # at least, aim
LIMITS = {
    "all": "torch.compile was tried, and was slower; the limit is 4.4",
    "fc": "the convolutions run before; the prototype came to 21",
}


def training_rows(
    songs: Songs, batch_size: int, peak_gflops: Mapping[torch.dtype, float]
) -> Iterator[Row]:
    """A step over all layers, and one over the linear ones on cached convolution features."""
    few = songs._replace(clips=songs.clips.head(batch_size))
    patches = np.load(few.patches("vggish"), mmap_mode="r")
    ours = {trainable: _step(few, patches, trainable) for trainable in LINES}
    ways: dict[str, Callable[[], object]] = {"S1": reference.training_step(few.paths)}
    taken = timed(ways | {name: step.run for name, step in ours.items()}, songs.repeats)
    for trainable, step in ours.items():
        with FlopCounterMode(display=False) as counted:
            step.run()
        at_least, aim = LINES[trainable]
        note = "bfloat16, patches stored before"
        if step.read is not patches:
            epochs = songs.params.finetune.epochs
            whole = median(taken["S1"]) / (median(taken[trainable]) + step.cached / epochs)
            note += f", convolution features cached in {step.cached:.1f} s: with that, over "
            note += f"{epochs} epochs, {whole:.1f} times"
        yield row(
            f"train_{trainable}",
            f"a step over {len(few.clips)} songs, {LAYERS[trainable]}",
            "S1's way: all layers, patches from the files each step",
            taken["S1"],
            taken[trainable],
            at_least=at_least,
            aim=aim,
            limit=LIMITS[trainable],
            gflop=counted.get_total_flops() / 1e9,
            megabytes=step.read.nbytes / 1e6,
            peak_gflops=peak_gflops[torch.bfloat16],
            note=f"{note}; weights: {step.loaded}",
        )


class _Step(NamedTuple):
    """What runs it, what it reads, seconds to make that, and which weights it began with."""

    run: Callable[[], object]
    read: np.ndarray
    cached: float
    loaded: str


def _step(songs: Songs, patches: np.ndarray, trainable: str) -> _Step:
    """An epoch of one batch, as the training loop runs it."""
    settings = songs.params.finetune.model_copy(
        update={"trainable": trainable, "precision": "bfloat16", "batch_size": len(patches)}
    )
    net: GenreNet
    shape, start = patches.shape[1:], songs.params.weights
    net, loaded = build_network("vggish", shape, reference.GENRES, settings, start)
    begun = time.perf_counter()
    frozen = run_frozen_part(net, patches, settings, songs.folder / f"{trainable}.npy")
    cached = time.perf_counter() - begun
    targets = np.arange(len(patches)) % reference.GENRES
    examples = Examples(frozen, songs.clips["clip_id"].to_numpy(dtype=object), targets)
    optimizer = optimizer_for(net.trained_part(trainable), settings)
    shuffle, rows = torch.Generator().manual_seed(0), np.arange(len(patches))

    def run() -> object:
        return train_epoch(net, optimizer, examples, rows, settings, shuffle, 0)

    return _Step(run, frozen, cached, loaded)
