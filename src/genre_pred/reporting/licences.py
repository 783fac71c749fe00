"""The licences of the music and of the pretrained weights, as their publishers state them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

TABLE = Path(__file__).with_name("licences.csv")
PUBLISHED = ("audioset", "imagenet")
SCRATCH = "scratch"  # the initial weights of a network without pretrained ones


def licences_of(source: str, weights: Mapping[str, str]) -> pd.DataFrame:
    """The licences of a collection and of the initial weights of networks.

    Args:
        source: The collection's source (`data.source`).
        weights: Network -> initial weights as in the section `weights`, or SCRATCH.

    Returns:
        name (source or network), what, licence, source (an address, or empty); the data first.
    """
    table = pd.read_csv(TABLE, keep_default_na=False).set_index(["kind", "key"])
    keys = [("data", "fma" if source.startswith("fma") else source)]
    keys += [("weights", _key(network, start)) for network, start in weights.items()]
    return table.loc[keys].reset_index(drop=True).assign(name=[source, *weights])


def _key(network: str, start: str) -> str:
    if start in ("random", SCRATCH):
        return start
    if start not in PUBLISHED:
        return "file"
    if network == "vggish":
        return network
    return "efficientat" if start == "audioset" else "torchvision"
