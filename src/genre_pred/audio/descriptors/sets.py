"""Hand-made features of a clip, in sets: what the descriptors stage stores, one table each."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from genre_pred.audio.descriptors.fma import fma, mfcc
from genre_pred.audio.descriptors.gtzan import gtzan

# (samples,) float32 mono and their rate into one named float32 per descriptor.
DESCRIPTORS: dict[str, Callable[[np.ndarray, int], pd.Series]] = {
    "fma": fma,
    "gtzan": gtzan,
    "mfcc": mfcc,
}


def waveform_to_descriptors(
    waveform: np.ndarray, sample_rate: int, name: str, families: Sequence[str] = ()
) -> pd.Series:
    """Describe a clip by a set, or by some families of FMA's at the cost of those alone.

    Args:
        waveform: (samples,) float32 mono.
        sample_rate: In Hz.
        name: Of the set.
        families: Of the set `fma`; empty for the whole set.

    Returns:
        (n_descriptors,) float32, in the order of the set whatever the order of families.
    """
    if families:
        return fma(waveform, sample_rate, families)
    return DESCRIPTORS[name](waveform, sample_rate)
