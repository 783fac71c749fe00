"""The precisions that networks can run in, by the names that params.yaml uses."""

import time
from statistics import median

import torch
from torch import nn

from genre_pred.compute.pool import one_thread

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SIDE, TRIES = 512, 5  # of the matrices whose product tells how quick a precision is
SLOWER = 1.2  # times as long as float32, from where on it is told


def advice(setting: str, precision: str) -> str:
    """What to tell whoever asks for a precision that this processor only imitates.

    Args:
        setting: Where it was asked for, as "embed.precision".
        precision: float32 or bfloat16.

    Returns:
        A sentence; empty where the precision is no slower here than float32.
    """
    times = 1.0 if precision == "float32" else _seconds(precision) / _seconds("float32")
    if times < SLOWER:
        return ""
    return (
        f"{setting} is {precision}, in which this processor multiplies matrices {times:.1f} times "
        "slower than in float32: that would be quicker here, and exact"
    )


def _seconds(precision: str) -> float:
    matrix = torch.ones(SIDE, SIDE, dtype=DTYPES[precision])
    taken = []
    with one_thread():
        for _ in range(TRIES):
            started = time.perf_counter()
            torch.mm(matrix, matrix)
            taken.append(time.perf_counter() - started)
    return median(taken)


def only_to_run(net: nn.Module, precision: str) -> nn.Module:
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
