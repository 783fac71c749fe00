"""Sets of hand-crafted features: the descriptors stage stores one table per set."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from genre_pred.audio.descriptors.fma import fma, mfcc
from genre_pred.audio.descriptors.gtzan import gtzan

# Functions of a waveform (samples,) float32 mono and its sample rate.
DESCRIPTORS: dict[str, Callable[[np.ndarray, int], pd.Series]] = {
    "fma": fma,
    "gtzan": gtzan,
    "mfcc": mfcc,
}


def waveform_to_descriptors(
    waveform: np.ndarray, sample_rate: int, name: str, families: Sequence[str] = ()
) -> pd.Series:
    """Compute a set of descriptors of a clip, or only some families of FMA's set.

    Args:
        waveform: (samples,) float32 mono.
        sample_rate: In Hz.
        name: Name of the set.
        families: Families of the set `fma`; empty for the whole set.

    Returns:
        (n_descriptors,) float32, in the order of the set, whatever the order of families.
    """
    if families:
        return fma(waveform, sample_rate, families)
    return DESCRIPTORS[name](waveform, sample_rate)
