"""FMA's features: against formulas, scipy and librosa, and statistics computed by hand."""

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.stats

from genre_pred.audio.descriptors.fma import (
    FAMILIES,
    STATISTICS,
    Sound,
    fma,
    mfcc,
    summarise_frames,
)

RATE = 22_050


@pytest.fixture
def samples() -> np.ndarray:
    """Half a second of tones and noise."""
    t = np.arange(RATE // 2) / RATE
    noise = np.random.default_rng(254).standard_normal(t.size)
    return (0.5 * np.sin(2 * np.pi * (300 + 800 * t) * t) + 0.02 * noise).astype(np.float32)


def slaney_mel(hertz: np.ndarray) -> np.ndarray:
    logarithmic = 15 + 27 * np.log(np.maximum(hertz, 1e-9) / 1000) / np.log(6.4)
    return np.where(hertz < 1000, hertz * 3 / 200, logarithmic)


def slow_mfcc(samples: np.ndarray) -> np.ndarray:
    """20 MFCC in float64: reflected edges, Hann, power, 128 Slaney bands, dB within 80, DCT-II."""
    padded = np.pad(samples.astype(np.float64), 1024, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    frames = np.array([padded[i : i + 2048] for i in range(0, len(padded) - 2047, 512)])
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    grid = np.linspace(0, RATE / 2, 200_001)
    edges = np.interp(np.linspace(0, slaney_mel(np.array(RATE / 2)), 130), slaney_mel(grid), grid)
    hertz = np.arange(1025) * RATE / 2048
    bands = []
    for low, centre, high in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
        sides = np.minimum((hertz - low) / (centre - low), (high - hertz) / (high - centre))
        bands.append(np.maximum(0, sides) * 2 / (high - low))
    decibel = 10 * np.log10(np.maximum(1e-10, power @ np.array(bands).T))
    decibel = np.maximum(decibel, decibel.max() - 80)
    return scipy.fft.dct(decibel, type=2, norm="ortho")[:, :20].T


def test_mfcc_equal_the_formulas(samples: np.ndarray) -> None:
    expected = summarise_frames("mfcc", slow_mfcc(samples))
    found = mfcc(samples, RATE)
    assert list(found.index) == list(expected.index)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


ROWS = {"chroma_cens": 12, "chroma_cqt": 12, "chroma_stft": 12, "mfcc": 20, "spectral_contrast": 7}
ROWS |= {"tonnetz": 6}  # and of the others one


def test_names_and_order_are_those_of_fmas_file(samples: np.ndarray) -> None:
    """features.csv sorts its columns by feature, statistic, number."""
    triples = [
        (family, statistic, f"{number + 1:02d}")
        for family in FAMILIES
        for statistic in ("mean", "std", "skew", "kurtosis", "median", "min", "max")
        for number in range(ROWS.get(family, 1))
    ]
    found = fma(samples, RATE)
    assert list(found.index) == ["_".join(triple) for triple in sorted(triples)]
    assert (found.size, found.dtype) == (518, np.float32)
    assert found.index[0] == "chroma_cens_kurtosis_01"
    assert found.index[-1] == "zcr_std_01"


def test_mfcc_are_those_of_the_whole_set(samples: np.ndarray) -> None:
    found = mfcc(samples, RATE)
    assert (found.size, found.dtype) == (140, np.float32)
    assert found.index[19:21].tolist() == ["mfcc_kurtosis_20", "mfcc_max_01"]
    whole = fma(samples, RATE)
    np.testing.assert_array_equal(found, whole[found.index])


# Each family as librosa computes it from the samples alone, with the edges that FMA had.
CHROMA = {"sr": RATE, "bins_per_octave": 12}
REFERENCES = {
    "chroma_stft": lambda y: librosa.feature.chroma_stft(y=y, sr=RATE, pad_mode="reflect"),
    "mfcc": lambda y: librosa.feature.mfcc(y=y, sr=RATE, n_mfcc=20, pad_mode="reflect"),
    "spectral_bandwidth": lambda y: librosa.feature.spectral_bandwidth(y=y, pad_mode="reflect"),
    "spectral_centroid": lambda y: librosa.feature.spectral_centroid(y=y, pad_mode="reflect"),
    "spectral_contrast": lambda y: librosa.feature.spectral_contrast(y=y, pad_mode="reflect"),
    "spectral_rolloff": lambda y: librosa.feature.spectral_rolloff(y=y, pad_mode="reflect"),
    "zcr": lambda y: librosa.feature.zero_crossing_rate(y),
    # These take no pad mode: the samples are as long as no edge matters to their middle frames.
    "chroma_cens": lambda y: librosa.feature.chroma_cens(y=y, **CHROMA),
    "chroma_cqt": lambda y: librosa.feature.chroma_cqt(y=y, threshold=0, **CHROMA),
    "tonnetz": lambda y: librosa.feature.tonnetz(chroma=librosa.feature.chroma_cens(y=y, **CHROMA)),
}


@pytest.mark.parametrize("family", list(REFERENCES))
def test_a_family_is_librosas(family: str) -> None:
    t = np.arange(8 * RATE) / RATE
    noise = np.random.default_rng(254).standard_normal(t.size)
    y = (0.5 * np.sin(2 * np.pi * (300 + 40 * t) * t) + 0.02 * noise).astype(np.float32)
    found = FAMILIES[family](Sound(y, RATE))
    expected = REFERENCES[family](y)
    assert found.shape == expected.shape
    edge = 60 if family in ("chroma_cens", "chroma_cqt", "tonnetz") else 0
    middle = slice(edge, found.shape[1] - edge)
    np.testing.assert_allclose(found[:, middle], expected[:, middle], rtol=1e-4, atol=1e-5)


def test_rmse_is_that_of_the_spectrum(samples: np.ndarray) -> None:
    """A row of librosa's, which counts the bins between the ends twice, brought to its scale."""
    sound = Sound(samples, RATE)
    expected = librosa.feature.rms(S=sound.magnitude) * 2048 / np.sqrt(2 * 1025)
    np.testing.assert_allclose(FAMILIES["rmse"](sound), expected, rtol=1e-3)


def test_an_octave_higher_is_the_same_chroma() -> None:
    t = np.arange(3 * RATE) / RATE
    for family in ("chroma_cqt", "chroma_stft"):
        for hertz in (220, 440, 880):
            tone = np.sin(2 * np.pi * hertz * t).astype(np.float32)
            means = fma(tone, RATE, [family]).filter(like="_mean_")
            assert means.idxmax() == f"{family}_mean_10"  # A, counted from C


def test_statistics_computed_by_hand() -> None:
    row = np.array([[1.0, 1.0, 1.0, 5.0]])  # deviations -1 -1 -1 3
    expected = {
        "mean": 2,
        "std": 3**0.5,
        "skew": 6 / 3**1.5,  # (-3 + 27) / 4
        "kurtosis": 21 / 9 - 3,  # (3 + 81) / 4
        "median": 1,
        "min": 1,
        "max": 5,
    }
    found = summarise_frames("x", row)
    assert found.to_dict() == pytest.approx({f"x_{k}_01": v for k, v in expected.items()})


def test_statistics_are_scipys() -> None:
    rows = np.random.default_rng(0).gamma(2, size=(5, 300))
    found = summarise_frames("x", rows).to_numpy().reshape(len(STATISTICS), 5)
    found = dict(zip(STATISTICS, found, strict=True))
    np.testing.assert_allclose(found["skew"], scipy.stats.skew(rows, axis=1), rtol=1e-5)
    np.testing.assert_allclose(found["kurtosis"], scipy.stats.kurtosis(rows, axis=1), rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -1131.37085, 1e30])
def test_a_row_that_does_not_vary_has_neither_skew_nor_kurtosis(value: float) -> None:
    found = summarise_frames("x", np.full((2, 37), value, np.float32))
    assert (found.filter(regex="skew|kurtosis") == 0).all()
    np.testing.assert_allclose(found.filter(like="mean"), value, rtol=1e-6)


def test_silence_is_safe() -> None:
    found = mfcc(np.zeros(RATE, np.float32), RATE)
    assert np.isfinite(found).all()
    assert found["mfcc_mean_01"] == pytest.approx(-100 * 128**0.5, rel=1e-5)  # -100 dB everywhere
    assert (found.filter(like="kurtosis") == 0).all()


def test_gain_moves_only_the_first_coefficient(samples: np.ndarray) -> None:
    quiet, loud = mfcc(samples, RATE), mfcc(samples * 2, RATE)
    moved = (loud - quiet).filter(like="mean")
    assert moved["mfcc_mean_01"] == pytest.approx(20 * np.log10(2) * 128**0.5, rel=1e-3)
    assert moved.iloc[1:].abs().max() < 1e-2
