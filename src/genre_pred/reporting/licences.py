"""Under which licences the music and the pretrained weights stand, as their publishers say."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

TABLE = Path(__file__).with_name("licences.csv")
PUBLISHED = ("audioset", "imagenet")
SCRATCH = "scratch"  # what a network starts from that has no weights to fetch


def licences_of(source: str, weights: Mapping[str, str]) -> pd.DataFrame:
    """The licences of a collection and of the networks that it was tried with.

    Args:
        source: As `data.source` gives it.
        weights: Network -> what it starts from, as the section `weights` gives it, or SCRATCH.

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
