"""Run a network, or a part of it, over all rows of a patch store, one row at a time."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from genre_pred.config.sections import Finetune
from genre_pred.core.arrays import RowsFile, rows_of
from genre_pred.core.files import atomic_write
from genre_pred.core.parallel.pool import one_thread
from genre_pred.core.patch_store import PatchStore
from genre_pred.core.progress import bar
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.training.finetuning.loop import device_for

TIMED_ROWS = 8


@torch.inference_mode()
def represent(net: GenreNet, frozen: np.ndarray, settings: Finetune, path: Path) -> np.ndarray:
    """Compute the input of the head for every row, one row at a time as in prediction.

    Args:
        net: The trained network.
        frozen: The output of `run_frozen_part`.
        settings: The section `finetune`.
        path: The file to write (.npy).

    Returns:
        (n_rows, size) float32, memory-mapped.
    """
    net = net.to(device_for(settings)).eval()

    def head_input(batch: torch.Tensor) -> torch.Tensor:
        return net.represent(batch, settings.trainable).flatten(1)

    return _map_rows(head_input, frozen, settings, path, "finetuned features")


@torch.inference_mode()
def run_frozen_part(
    net: GenreNet, patches: np.ndarray, settings: Finetune, path: Path
) -> np.ndarray:
    """Run the frozen part of a network once over all rows, and store the output in a file.

    Args:
        net: The untrained network.
        patches: (n_rows, n_patches, frames, n_mels).
        settings: The section `finetune`; if `trainable` is `all`, nothing is frozen and the
            patches are returned.
        path: The file to write (.npy); an existing file is used as it is.

    Returns:
        (n_rows, ...) float32, memory-mapped.
    """
    if settings.trainable == "all":
        return patches
    if path.is_file():
        values: np.ndarray = np.load(path, mmap_mode="r")
        return values
    net = net.to(device_for(settings)).eval()
    freeze = partial(net.freeze, trainable=settings.trainable)
    return _map_rows(freeze, patches, settings, path, "frozen part")


def _map_rows(
    run: Callable[[torch.Tensor], torch.Tensor],
    array: np.ndarray,
    settings: Finetune,
    path: Path,
    doing: str,
) -> np.ndarray:
    n_rows, device = len(array), device_for(settings)
    with atomic_write(path) as temporary, RowsFile(temporary, n_rows, "float32") as file:
        for row in bar(range(n_rows), doing=doing, unit="clip"):
            # One row at a time, as in prediction: the last digits depend on the batch size.
            batch = torch.from_numpy(rows_of(array, [row]).astype(np.float32)).to(device)
            file.write(row, run(batch).cpu().numpy())
    values: np.ndarray = np.load(path, mmap_mode="r")
    return values


@one_thread()
@torch.inference_mode()
def seconds_per_clip(net: GenreNet, store: PatchStore) -> float:
    """Seconds that a network needs to predict a clip from its patches, with one thread.

    Measured on a few rows, one at a time, after one warm-up row.

    Args:
        net: The trained network, in evaluation mode, on its device.
        store: The patches that it reads.
    """
    device = next(net.parameters()).device
    rows, started = [0, *range(min(len(store.patches), TIMED_ROWS))], 0.0
    for row in rows:
        net(torch.from_numpy(store.patches[row : row + 1].astype(np.float32)).to(device)).cpu()
        started = started or time.perf_counter()
    rows_per_clip = len(store.patches) / store.index["clip_id"].nunique()
    return (time.perf_counter() - started) / (len(rows) - 1) * rows_per_clip
