"""The precisions that networks can run in, by the names that params.yaml uses."""

import time

import torch
from torch import nn

from genre_pred.core.parallel.pool import one_thread

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SIDE, TRIES = 512, 5  # of the matrices whose product tells how quick a precision is
SLOWER = 1.2  # times as long as float32, from where on it is told


def precision_warning(setting: str, precision: str) -> str:
    """What to tell whoever asks for a precision that this processor only imitates.

    Args:
        setting: Where it was asked for, as "embed.precision".
        precision: float32 or bfloat16.

    Returns:
        A sentence; empty where the precision is no slower here than float32.
    """
    if precision == "float32":
        return ""
    seconds = _seconds_of_products(precision, "float32")
    times = seconds[precision] / seconds["float32"]
    if times < SLOWER:
        return ""
    return (
        f"{setting} is {precision}, in which this processor takes {times:.1f} times as long for a "
        f"product of matrices as in float32: {setting}=float32 is likely quicker here, and exact"
    )


def _seconds_of_products(*precisions: str) -> dict[str, float]:
    """The shortest of some tries each, in turns."""
    matrices = {name: torch.ones(SIDE, SIDE, dtype=DTYPES[name]) for name in precisions}
    taken: dict[str, list[float]] = {name: [] for name in precisions}
    with one_thread():
        for _ in range(TRIES):
            for name, matrix in matrices.items():
                started = time.perf_counter()
                torch.mm(matrix, matrix)
                taken[name].append(time.perf_counter() - started)
    return {name: min(seconds) for name, seconds in taken.items()}


def prepare_for_inference(net: nn.Module, precision: str) -> nn.Module:
    """Make a network quick at what it is trained for, in place; it is neither trained nor saved.

    Args:
        net: The network.
        precision: float32 or bfloat16. The weights of convolutions and linear layers are rounded
            to it, which autocast would do again at each call (at 31 patches a third of VGGish's
            time); normalisation stays in float32.

    Returns:
        The network.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.to(DTYPES[precision])
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return net.eval()
