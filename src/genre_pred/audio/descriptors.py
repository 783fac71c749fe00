"""Hand-made features of a clip, in sets: what the descriptors stage stores, one table each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genre_pred.audio import descriptors_fma
from genre_pred.audio.descriptors_fma import fma, mfcc
from genre_pred.audio.descriptors_gtzan import gtzan


@dataclass(frozen=True)
class DescriptorSet:
    """A set of descriptors.

    Attributes:
        describe: (samples,) float32 mono and their rate into one named float32 per descriptor.
        lowest_rate: In Hz, that it can be computed at.
    """

    describe: Callable[[np.ndarray, int], pd.Series]
    lowest_rate: int = 1


DESCRIPTORS: dict[str, DescriptorSet] = {
    "fma": DescriptorSet(fma, descriptors_fma.LOWEST_RATE),
    "gtzan": DescriptorSet(gtzan),
    "mfcc": DescriptorSet(mfcc),
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
    return DESCRIPTORS[name].describe(waveform, sample_rate)
