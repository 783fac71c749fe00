"""A step of fine-tuning VGGish: songs of 31 patches each."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import reference
from benchmarks.contest import Row, row, timed, times_faster
from benchmarks.songs import Songs
from benchmarks.workers import apart
from genre_pred.compute.memory import keep_memory
from genre_pred.finetuning.finetune import build_network, run_frozen_part
from genre_pred.finetuning.training import Examples, optimizer_for, train_epoch
from genre_pred.nets.genre_net import GenreNet
from genre_pred.nets.precision import DTYPES

LAYERS = {"all": "all layers", "fc": "the linear layers only"}
LINES = {"all": (2.8, 3.4), "fc": (15.0, 21.0)}  # at least, aim
LEAST_COSINE = 0.99  # of the first step's gradient to that in float32
LIMITS = {
    "all": "torch.compile was tried, and was slower; the limit is 4.4",
    "fc": "the convolutions run before; the prototype came to 21",
}


def training_rows(
    songs: Songs,
    precisions: Sequence[str],
    batch_size: int,
    storing: float,
    peak_gflops: Mapping[torch.dtype, float],
) -> Iterator[Row]:
    """A step over all layers, and one over the linear ones, which bears its share of the caching.

    Ours keeps its memory, as the stage does; the reference, in a process of its own, does not.

    Args:
        songs: What is learnt from.
        precisions: Of the networks; bfloat16, whose lines are told, must learn as float32 does.
        batch_size: How many of them.
        storing: Seconds that a song's patches take once; only told.
        peak_gflops: 1e9 operations a second, by precision.
    """
    keep_memory()
    few = songs._replace(clips=songs.clips.head(batch_size))
    patches = np.load(few.patches("vggish"), mmap_mode="r")
    ours = {
        f"train_{trainable}{suffix}": _step(few, patches, trainable, precision)
        for trainable in LINES
        for precision, suffix in (("bfloat16", ""), ("float32", "_float32"))
        if precision in precisions
    }
    with apart() as process:
        ways: dict[str, Callable[[], object]] = {
            "S1": lambda: process.submit(reference.training_step, tuple(few.paths)).result()
        }
        taken = timed(ways | {name: step.run for name, step in ours.items()}, songs.repeats)
    epochs = songs.params.finetune.epochs
    for name, step in ours.items():
        trainable = step.trainable
        with FlopCounterMode(display=False) as counted:
            step.run()
        lines: dict[str, Any] = {}
        if step.precision == "bfloat16":
            lines = dict(zip(("at_least", "aim"), LINES[trainable], strict=True))
            lines["limit"] = LIMITS[trainable]
        work, seconds = f"a step over {len(few.clips)} songs, {LAYERS[trainable]}", taken[name]
        note = f"{step.precision}, patches stored before in {storing:.3f} s a song, once"
        if step.cached:
            alone = times_faster(taken["S1"], seconds)
            work += f", with 1/{epochs} of what the caching takes for {epochs} epochs"
            note += f"; convolution features cached in {step.cached:.1f} s; "
            note += f"the step alone: {alone:.1f} times"
            seconds = [each + step.cached / epochs for each in seconds]
        plain = ours.get(f"{name}_float32")
        if plain:
            # Of 72 million weights, float32 would lose the third digit.
            pair = step.gradient.double(), plain.gradient.double()
            cosine = float(torch.cosine_similarity(*pair, dim=0))
            note += f"; the first gradient's cosine to float32 {cosine:.4f}"
            if cosine < LEAST_COSINE:
                lines["lost"] = f"its gradient's cosine to float32 is {cosine:.4f}"
        yield row(
            name,
            work,
            "S1's way: all layers, patches from the files each step",
            taken["S1"],
            seconds,
            gflop=counted.get_total_flops() / 1e9 + step.cached_gflop / epochs,
            megabytes=step.read.nbytes / 1e6,
            peak_gflops=peak_gflops[DTYPES[step.precision]],
            note=f"{note}; weights: {step.loaded}",
            **lines,
        )


class _Step(NamedTuple):
    """What runs it.

    Attributes:
        trainable: Which layers learn.
        precision: Of the network.
        gradient: Of the first step, (n_weights,), from the same start for every precision.
        run: Does it.
        read: What it reads.
        cached: Seconds that this took to make; 0 where it is the patches.
        cached_gflop: 1e9 operations of that.
        loaded: Which weights it began with.
    """

    trainable: str
    precision: str
    gradient: torch.Tensor
    run: Callable[[], object]
    read: np.ndarray
    cached: float
    cached_gflop: float
    loaded: str


def _step(songs: Songs, patches: np.ndarray, trainable: str, precision: str) -> _Step:
    """An epoch of one batch, as the training loop runs it."""
    settings = songs.params.finetune.model_copy(
        update={"trainable": trainable, "precision": precision, "batch_size": len(patches)}
    )
    net: GenreNet
    shape, start = patches.shape[1:], songs.params.weights
    net, loaded = build_network("vggish", shape, reference.GENRES, settings, start)
    begun = time.perf_counter()
    frozen = run_frozen_part(net, patches, settings, songs.folder / f"{trainable} {precision}.npy")
    cached = 0.0 if frozen is patches else time.perf_counter() - begun
    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        net.freeze(torch.from_numpy(np.array(patches[:1])), trainable)
    gflop = counted.get_total_flops() * len(patches) / 1e9
    targets = np.arange(len(patches)) % reference.GENRES
    examples = Examples(frozen, songs.clips["clip_id"].to_numpy(dtype=object), targets)
    trained = net.trained_part(trainable)
    optimizer = optimizer_for(trained, settings)
    shuffle, rows = torch.Generator().manual_seed(0), np.arange(len(patches))

    def run() -> dict[str, float]:
        return train_epoch(net, optimizer, examples, rows, settings, shuffle, 0)

    torch.manual_seed(0)
    run()
    gradient = torch.cat(
        [weights.grad.flatten() for weights in trained if weights.grad is not None]
    )
    return _Step(trainable, precision, gradient, run, frozen, cached, gflop, loaded)
