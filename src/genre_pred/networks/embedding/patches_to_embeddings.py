"""Patches to embeddings, by frozen pretrained backbones."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from genre_pred.config.sections import Embed, Weights
from genre_pred.core.arrays import RowsFile, rows_of
from genre_pred.core.files import atomic_write
from genre_pred.core.patch_store import open_patches
from genre_pred.core.tables import write_table
from genre_pred.networks.backbones.efficientat import WIDTHS, EfficientAT
from genre_pred.networks.backbones.precision import DTYPES, prepare_for_inference
from genre_pred.networks.backbones.vggish import VGGish
from genre_pred.networks.weights.loading import load_weights, weights_note

ROWS = 2  # sent to a worker at once: half a second of VGGish


@dataclass(frozen=True)
class Backbone:
    """A network that maps a patch to an embedding.

    Attributes:
        front_end: The name of the front end that makes its patches.
        build: Builds the network, untrained.
    """

    front_end: str
    build: Callable[[], nn.Module]


BACKBONES = {
    "vggish": Backbone("vggish", VGGish),
    **{name: Backbone("efficientat", partial(EfficientAT, WIDTHS[name])) for name in WIDTHS},
}


def load_backbone(name: str, weights: Weights) -> tuple[nn.Module, str]:
    """Build a backbone with its weights from the settings.

    Returns:
        The network, and a description of its weights.
    """
    net = BACKBONES[name].build()
    loaded = load_weights(net, name, weights.of(name), weights.seed)
    return net.eval(), loaded


@torch.inference_mode()
def patches_to_embeddings(
    net: nn.Module, patches: np.ndarray, *, precision: str = "float32"
) -> np.ndarray:
    """Run every patch through a network.

    Args:
        net: Maps (n, frames, n_mels) to (n, size).
        patches: (n_rows, n_patches, frames, n_mels).
        precision: float32 or bfloat16 (by autocast).

    Returns:
        (n_rows, n_patches, size) float32.
    """
    rows = []
    # Each clip is one batch, as in prediction: the last digits of a convolution depend on the batch
    # size, by 1e-5 in float32 and by 1e-2 in bfloat16. Two clips per batch would make mn04 10 to
    # 15 % faster.
    for row in patches:
        batch = torch.from_numpy(row.astype(np.float32))
        with torch.autocast("cpu", dtype=DTYPES[precision], enabled=precision != "float32"):
            embeddings = net(batch)
        rows.append(embeddings.float().numpy())
    return np.stack(rows)


def store_embeddings(
    name: str, weights: Path, patches: Path, precision: str, path: Path, each: Callable[..., Any]
) -> int:
    """Embed every patch of a store.

    Args:
        name: Name of the backbone in BACKBONES.
        weights: Its safetensors file.
        patches: The .npy file of the patch store of its front end.
        precision: float32 or bfloat16.
        path: The file to write, (n_rows, n_patches, size) float32.
        each: A map over blocks of rows.

    Returns:
        The number of patches.
    """
    n_rows, n_patches = np.load(patches, mmap_mode="r").shape[:2]
    blocks = [slice(row, min(row + ROWS, n_rows)) for row in range(0, n_rows, ROWS)]
    net = _NetworkKey(name, weights, weights.stat().st_mtime_ns, precision)
    embed = partial(_rows_to_embeddings, net, patches)
    with atomic_write(path) as temporary, RowsFile(temporary, n_rows, "float32") as file:
        for block, embeddings in zip(blocks, each(embed, blocks), strict=True):
            file.write(block.start, embeddings)
    result: int = n_rows * n_patches
    return result


def embed_collection(
    name: str, settings: Embed, start: Weights, mel: Path, folder: Path, each: Callable[..., Any]
) -> dict[str, float]:
    """Embed every patch of a collection by one backbone.

    Writes NAME.safetensors (the backbone's weights), NAME.npy and NAME.parquet (the embeddings and
    the index of their rows) and NAME.json (the origin of the weights).

    Args:
        name: Name of the backbone in BACKBONES.
        settings: The section `embed`.
        start: The section `weights`.
        mel: The folder data/mel.
        folder: The folder of the files to write.
        each: A map over blocks of rows.

    Returns:
        Metrics: embeddings.NAME (their number) and, for another precision than float32,
        lowest_cosine_of_sample.NAME.
    """
    net, weights = load_backbone(name, start)
    saved, embedded = (folder / f"{name}.{suffix}" for suffix in ("safetensors", "npy"))
    with atomic_write(saved) as temporary:
        save_file(net.state_dict(), temporary)
    patches = mel / f"{BACKBONES[name].front_end}.npy"
    n_patches = store_embeddings(name, saved, patches, settings.precision, embedded, each)
    store = open_patches(patches.with_suffix(""))
    write_table(store.index, folder / f"{name}.parquet")
    facts = {"weights": weights, "note": weights_note(start.of(name), name)}
    with atomic_write(folder / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(facts) + "\n")
    metrics = {f"embeddings.{name}": float(n_patches)}
    if settings.precision != "float32":
        metrics[f"lowest_cosine_of_sample.{name}"] = lowest_cosine(net, patches, embedded)
    return metrics


def lowest_cosine(net: nn.Module, patches: Path, embeddings: Path, n_rows: int = 8) -> float:
    """Compare embeddings of a lower precision with those of float32, on a sample.

    Args:
        net: The backbone in float32.
        patches: The .npy file of the patch store.
        embeddings: The .npy file of its embeddings.
        n_rows: Number of rows in the sample, evenly spread.

    Returns:
        The lowest cosine similarity over patches, except those with zeros in both (silence).
    """
    stored, embedded = (np.load(path, mmap_mode="r") for path in (patches, embeddings))
    rows = np.unique(np.linspace(0, len(embedded) - 1, n_rows).astype(int))
    exact = patches_to_embeddings(net, stored[rows])
    lower = embedded[rows]
    lengths = np.linalg.norm(exact, axis=2) * np.linalg.norm(lower, axis=2)
    cosines = (exact * lower).sum(axis=2) / np.maximum(lengths, np.finfo(lengths.dtype).tiny)
    nonzero = (exact != 0).any(axis=2) | (lower != 0).any(axis=2)
    return float(cosines[nonzero].min(initial=1.0))


class _NetworkKey(NamedTuple):
    """The cache key of a network, so that a worker loads it only once."""

    name: str
    weights: Path
    written: int
    precision: str


def _rows_to_embeddings(net: _NetworkKey, patches: Path, rows: slice) -> np.ndarray:
    block = rows_of(np.load(patches, mmap_mode="r"), rows)
    return patches_to_embeddings(_loaded(net), block, precision=net.precision)


@lru_cache(maxsize=2)  # a benchmark alternates between two
def _loaded(key: _NetworkKey) -> nn.Module:
    net = BACKBONES[key.name].build()
    net.load_state_dict(load_file(key.weights))
    return prepare_for_inference(net, key.precision)
