"""The benchmark of unknown sounds: its sounds and its table."""

from collections import Counter

import numpy as np
import pandas as pd
from benchmarks.unknown import EACH, RATE, SECONDS, as_row, sounds


def test_its_noise_is_white_or_pink_and_its_tones_are_where_they_belong():
    made = list(sounds())
    assert Counter(kind for kind, _ in made) == {
        "white noise": EACH, "pink noise": EACH, "tones": EACH, "silence": 2
    }  # fmt: skip
    first = dict(reversed(made))  # of each kind
    power = {kind: np.abs(np.fft.rfft(samples)) ** 2 for kind, samples in first.items()}
    octaves = [slice(SECONDS * low, SECONDS * 2 * low) for low in (250, 500, 1000, 2000, 4000)]
    # of pink noise each octave holds as much, of white noise twice as much as the one below
    for kind, ratio in (("pink noise", 1), ("white noise", 2)):
        told = np.array([power[kind][octave].sum() for octave in octaves])
        np.testing.assert_allclose(told[1:] / told[:-1], ratio, rtol=0.05)
    assert power["tones"].argmax() == 55 * SECONDS
    assert all(len(samples) == RATE * SECONDS for _, samples in made)
    assert np.abs(first["silence"]).max() == 0


def test_a_row_counts_the_predictions():
    kinds = ["test music"] * 4 + ["tones"] * 2 + ["silence"]
    found = pd.DataFrame({"kind": kinds, "unknown": [True, False, False, False, True, True, False]})
    assert as_row("mine", found) == "| mine | 75% of 4 | 0 of 0 | 0 of 0 | 2 of 2 | 0 of 1 |"
    assert as_row("mine", found[4:]).startswith("| mine | - |")
