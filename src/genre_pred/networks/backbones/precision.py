"""The precisions in which networks can run, by their names in params.yaml."""

import time

import torch
from torch import nn

from genre_pred.core.parallel.pool import one_thread

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SIDE, TRIES = 512, 5  # of the matrix products that measure the speed of a precision
SLOWER = 1.2  # times as slow as float32, from which on a warning is given


def precision_warning(setting: str, precision: str) -> str:
    """A warning if this processor is slower in a precision than in float32.

    Args:
        setting: The setting that names it, such as "embed.precision".
        precision: float32 or bfloat16.

    Returns:
        A sentence; empty if the precision is no slower than float32.
    """
    if precision == "float32":
        return ""
    seconds = _seconds_of_products(precision, "float32")
    times = seconds[precision] / seconds["float32"]
    if times < SLOWER:
        return ""
    return (
        f"{setting} is {precision}, in which this processor takes {times:.1f} times as long for a "
        f"matrix product as in float32: {setting}=float32 is probably faster here, and exact"
    )


def _seconds_of_products(*precisions: str) -> dict[str, float]:
    """The shortest time of several tries per precision, measured in turns."""
    matrices = {name: torch.ones(SIDE, SIDE, dtype=DTYPES[name]) for name in precisions}
    durations: dict[str, list[float]] = {name: [] for name in precisions}
    with one_thread():
        for _ in range(TRIES):
            for name, matrix in matrices.items():
                started = time.perf_counter()
                torch.mm(matrix, matrix)
                durations[name].append(time.perf_counter() - started)
    return {name: min(seconds) for name, seconds in durations.items()}


def prepare_for_inference(net: nn.Module, precision: str) -> nn.Module:
    """Prepare a network for fast inference, in place; do not train or save it afterwards.

    Args:
        net: The network.
        precision: float32 or bfloat16. The weights of convolutions and linear layers are converted
            once; autocast would convert them at each call, which for 31 patches takes a third of
            VGGish's time. Normalisation stays in float32.

    Returns:
        The network.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.to(DTYPES[precision])
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stub
    return net.eval()
