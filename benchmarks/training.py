"""Benchmark of a step of fine-tuning VGGish, with songs of 31 patches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import reference
from benchmarks.songs import Songs
from benchmarks.timing import Row, Way, below, row, timed, times_faster
from benchmarks.workers import apart
from genre_pred.core.parallel.memory import LARGEST, keep_memory
from genre_pred.networks.backbones.precision import DTYPES
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.training.finetuning.finetune import build_network
from genre_pred.training.finetuning.loop import Examples, optimizer_for, train_epoch
from genre_pred.training.finetuning.rows import run_frozen_part

LAYERS = {"all": "all layers", "fc": "the linear layers only"}
TARGETS = {"all": (2.8, 3.4), "fc": (15.0, 21.0)}  # at least, aim
LEAST_COSINE = 0.99  # of the first step's gradient to that in float32
TRIED = {
    "all": "torch.compile was tried, and was slower",
    "fc": "the convolutions run beforehand; the prototype reached 21",
}


def training_rows(
    songs: Songs,
    precisions: Sequence[str],
    batch_size: int,
    seconds_to_store: float,
    peak_gflops: Mapping[torch.dtype, float],
) -> Iterator[Row]:
    """Time a training step of all layers, and one of the linear layers.

    Each includes its share of the work that is done once for all epochs: storing the patches and,
    for the linear layers, running the convolutions. Ours keeps its memory between steps, as the
    stage does; the reference runs in a separate process and does not.

    Args:
        songs: The training songs.
        precisions: The precision with targets, then others; bfloat16 must train like float32.
        batch_size: Number of songs of a batch.
        seconds_to_store: Seconds to compute and store a song's patches.
        peak_gflops: 1e9 operations per second, by precision.
    """
    keep_memory(LARGEST)
    batch = songs._replace(clips=songs.clips.head(batch_size))
    patches = np.load(batch.patches("vggish"), mmap_mode="r")
    steps = {
        (trainable, precision): _step(batch, patches, trainable, precision)
        for trainable, precision in product(TARGETS, dict.fromkeys(("float32", *precisions)))
    }
    ours = {key: steps[key] for key in product(TARGETS, precisions)}
    with apart() as process:

        def s1(patches_given: bool) -> float:
            step = process.submit(reference.training_step, tuple(batch.paths), patches_given)
            return step.result()

        ways: dict[str, Way] = {"S1": partial(s1, False), "S1, patches given": partial(s1, True)}
        for key, step in ours.items():
            ways[" ".join(key)] = step.run
            if step.cache:
                ways[" ".join((*key, "cached"))] = step.cache
        taken = timed(ways, songs.repeats)
    epochs = songs.params.finetune.epochs
    for (trainable, precision), step in ours.items():
        with FlopCounterMode(display=False) as counted:
            step.run()
        gflop = counted.get_total_flops() / 1e9 + step.cached_gflop / epochs
        peak = peak_gflops[DTYPES[precision]]
        alone = taken[f"{trainable} {precision}"]
        once = [seconds_to_store * len(batch.clips)] * len(alone)
        fixed, targets, lost = "storing the patches takes", {}, ""
        if step.cache:
            cached = taken[f"{trainable} {precision} cached"]
            once = [store + cache for store, cache in zip(once, cached, strict=True)]
            fixed = "storing the patches and running the convolutions take"
        seconds = [step + all_epochs / epochs for step, all_epochs in zip(alone, once, strict=True)]
        note = f"{precision}, the step alone {times_faster(taken['S1'], alone):.1f} times; "
        note += f"{fixed} {median(once):.2f} s, once; with cached patches for S1: "
        note += f"{times_faster(taken['S1, patches given'], seconds):.1f} times"
        if precision == "bfloat16":
            cosine = _cosine(step.gradient, steps[trainable, "float32"].gradient)
            note += f"; the first gradient's cosine to float32 {cosine:.4f}"
            lost = below("its gradient's cosine to float32", cosine, LEAST_COSINE)
        if precision == precisions[0]:
            at_best = [seconds_to_store * len(batch.clips) / epochs + gflop / peak] * len(alone)
            limit = times_faster(taken["S1"], at_best)
            limit_text = f"with the network at the cores' peak, the ratio would be {limit:.1f}; "
            limit_text += TRIED[trainable]
            targets = {
                **dict(zip(("at_least", "aim"), TARGETS[trainable], strict=True)),
                "limit": limit_text,
            }
        yield row(
            f"train_{trainable}" + ("" if targets else f"_{precision}"),
            f"a step over {len(batch.clips)} songs, {LAYERS[trainable]}, with 1/{epochs} of the "
            f"work that is done once for {epochs} epochs",
            "S1: all layers, patches computed in each step",
            taken["S1"],
            seconds,
            lost=lost,
            precision=precision,
            gflop=gflop,
            megabytes=step.read.nbytes / 1e6,
            peak_gflops=peak,
            clips=len(batch.clips),
            note=f"{note}; weights: {step.loaded}",
            **targets,
        )


def _cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    # With 72 million weights, float32 would be wrong in the third digit.
    return float(torch.cosine_similarity(one.double(), other.double(), dim=0))


class _Step(NamedTuple):
    """A training step of ours.

    Attributes:
        gradient: Of the first step, (n_weights,), from equal initial weights for every precision.
        run: Runs the step.
        read: Its input.
        cache: Computes the input again; None if the input is the patches.
        cached_gflop: 1e9 operations of `cache`.
        loaded: The initial weights, as text.
    """

    gradient: torch.Tensor
    run: Callable[[], object]
    read: np.ndarray
    cache: Way | None
    cached_gflop: float
    loaded: str


def _step(songs: Songs, patches: np.ndarray, trainable: str, precision: str) -> _Step:
    """Prepare an epoch of one batch, as in the training loop."""
    settings = songs.params.finetune.model_copy(
        update={"trainable": trainable, "precision": precision, "batch_size": len(patches)}
    )
    net: GenreNet
    shape, start = patches.shape[1:], songs.params.weights
    net, loaded = build_network("vggish", shape, reference.GENRES, settings, start)
    frozen = run_frozen_part(net, patches, settings, songs.folder / f"{trainable} {precision}.npy")
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

    def cache() -> None:
        again = songs.folder / "again.npy"
        again.unlink(missing_ok=True)
        run_frozen_part(net, patches, settings, again)

    torch.manual_seed(0)
    run()
    gradient = torch.cat(
        [weights.grad.flatten() for weights in trained if weights.grad is not None]
    )
    caching = None if frozen is patches else cache
    return _Step(gradient, run, frozen, caching, gflop, loaded)
