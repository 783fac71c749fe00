"""Patches into embeddings, by frozen pretrained backbones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from genre_pred.nets.efficientat import WIDTHS, EfficientAT
from genre_pred.nets.precision import DTYPES
from genre_pred.nets.vggish import VGGish
from genre_pred.nets.weights import load_weights
from genre_pred.params import Weights
from genre_pred.progress import bar


@dataclass(frozen=True)
class Backbone:
    """A network that turns a patch into an embedding.

    Attributes:
        front_end: The name of what makes its patches.
        build: Makes it, untrained.
    """

    front_end: str
    build: Callable[[], nn.Module]


BACKBONES = {
    "vggish": Backbone("vggish", VGGish),
    **{name: Backbone("efficientat", partial(EfficientAT, WIDTHS[name])) for name in WIDTHS},
}


def load_backbone(name: str, weights: Weights) -> tuple[nn.Module, str]:
    """Build a backbone with the weights asked for.

    Returns:
        The network, and a line that says which weights it has.
    """
    net = BACKBONES[name].build()
    loaded = load_weights(net, name, weights.of(name), weights.seed)
    return net.eval(), loaded


@torch.inference_mode()
def patches_to_embeddings(
    net: nn.Module,
    patches: np.ndarray,
    *,
    precision: str = "float32",
    progress: bool = False,
) -> np.ndarray:
    """Run every patch through a network.

    Args:
        net: Takes (n, frames, n_mels), gives (n, size).
        patches: (n_rows, n_patches, frames, n_mels), perhaps memory-mapped.
        precision: float32 or bfloat16 (by autocast).
        progress: Whether to show a bar.

    Returns:
        (n_rows, n_patches, size) float32.
    """
    device = next(net.parameters()).device
    lower = precision != "float32"
    rows = []
    # A clip's patches go through together and alone, as in prediction: the last digits of a
    # convolution depend on the size of its batch.
    for row in bar(patches, doing="embedding", unit="clip", disable=not progress):
        batch = torch.from_numpy(row.astype(np.float32)).to(device)
        with torch.autocast(device.type, dtype=DTYPES[precision], enabled=lower):
            rows.append(net(batch).float().cpu().numpy())
    return np.stack(rows)
