"""The cost of each network per clip: `python -m benchmarks.networks`."""

import statistics
import time

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from genre_pred.audio.logmel.front_ends import FRONT_ENDS
from genre_pred.networks.trainable.catalogue import NETWORKS

CLIP_SECONDS, HIDDEN, GENRES, TRIES = 30.0, 256, 8, 5


@click.command()
def main() -> None:
    """Count the operations and time of a 30 s clip in each network, in float32 on all cores."""
    click.echo("| network | parameters, M | GFLOP | clips/s |\n| --- | --- | --- | --- |")
    for name, network in NETWORKS.items():
        front_end = FRONT_ENDS[network.front_end]
        shape = (*front_end.patch_shape(CLIP_SECONDS), front_end.n_mels)
        net = network.build(shape, HIDDEN, GENRES).eval()
        patches = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            with FlopCounterMode(display=False) as counted:
                net(patches)
            taken = []
            for _ in range(TRIES):
                started = time.perf_counter()
                net(patches)
                taken.append(time.perf_counter() - started)
        millions = sum(weights.numel() for weights in net.parameters()) / 1e6
        gflop, rate = counted.get_total_flops() / 1e9, 1 / statistics.median(taken)
        click.echo(f"| {name} | {millions:.2f} | {gflop:.2f} | {rate:.2g} |")


if __name__ == "__main__":
    main()
