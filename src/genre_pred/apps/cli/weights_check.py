"""Check of VGGish's weights against published figures."""

import numpy as np
import torch

from genre_pred.audio.logmel.front_ends import FRONT_ENDS, waveform_to_patches
from genre_pred.networks.backbones.vggish import VGGish
from genre_pred.networks.weights.loading import load_weights


def check_vggish(which: str) -> list[tuple[str, float, float, bool]]:
    """Compare VGGish's embeddings of a sine with the figures that its authors publish.

    The sine has 1 kHz, 3 s and full scale. The figures, with a tolerance of 10 %, are from
    vggish_smoke_test.py (July 2023) of github.com/tensorflow/models, research/audioset/vggish.

    Args:
        which: As in load_weights; random weights fail the check.

    Returns:
        Rows of name, value, expected value, and whether they agree.

    Raises:
        WeightsError: As load_weights.
    """
    net = VGGish().eval()
    load_weights(net, "vggish", which, seed=0)
    front_end = FRONT_ENDS["vggish"]
    seconds = np.arange(3 * front_end.sample_rate) / front_end.sample_rate
    sine = np.sin(2 * np.pi * 1000 * seconds).astype(np.float32)
    with torch.inference_mode():
        embeddings = net(torch.from_numpy(waveform_to_patches(sine, front_end)))
    statistics = {
        "mean of the embeddings of a 1 kHz sine": (embeddings.mean().item(), 0.000657),
        "their standard deviation": (embeddings.std(correction=0).item(), 0.343),
    }
    return [
        (name, value, expected, abs(value / expected - 1) < 0.1)
        for name, (value, expected) in statistics.items()
    ]
