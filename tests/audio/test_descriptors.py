"""Descriptor sets by name: their values, their requirements, and single families."""

import librosa
import numpy as np
import pytest

from genre_pred.audio.descriptors import fma as descriptors_fma
from genre_pred.audio.descriptors.sets import DESCRIPTORS, waveform_to_descriptors
from genre_pred.config import names

RATE = 22_050


@pytest.fixture(scope="module")
def samples():
    """Three seconds of a rising tone in noise."""
    t = np.arange(3 * RATE) / RATE
    noise = np.random.default_rng(254).standard_normal(t.size)
    return (0.5 * np.sin(2 * np.pi * (300 + 200 * t) * t) + 0.02 * noise).astype(np.float32)


SOUNDS = {
    "silence": np.zeros(3 * RATE),
    "nearly silence": 1e-7 * np.random.default_rng(0).standard_normal(3 * RATE),
    "a constant": np.full(3 * RATE, 0.3),
    "a tone": np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE),
    "a click": np.eye(1, 3 * RATE, 5000)[0],
    "one second": np.random.default_rng(1).standard_normal(RATE),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sound", list(SOUNDS))
@pytest.mark.parametrize("name", list(DESCRIPTORS))
def test_any_sound_gives_numbers_and_no_warning(name, sound):
    found = waveform_to_descriptors(SOUNDS[sound].astype(np.float32), RATE, name)
    assert np.isfinite(found).all()
    assert found.dtype == np.float32
    assert found.index.is_unique


@pytest.mark.parametrize(("name", "size"), [("fma", 518), ("mfcc", 140), ("gtzan", 57)])
def test_a_set_has_its_size_whatever_the_sound(samples, name, size):
    long, short = (waveform_to_descriptors(samples[:n], RATE, name) for n in (3 * RATE, RATE))
    assert len(long) == size
    assert long.index.equals(short.index)


@pytest.mark.parametrize(
    "families", [["mfcc"], ["tonnetz"], ["zcr", "chroma_cens", "spectral_contrast"]]
)
def test_families_alone_have_the_values_and_the_order_of_the_whole_set(samples, families):
    whole = waveform_to_descriptors(samples, RATE, "fma")
    found = waveform_to_descriptors(samples, RATE, "fma", families)
    wanted = [name for name in whole.index if name.rsplit("_", 2)[0] in families]
    assert list(found.index) == wanted
    np.testing.assert_array_equal(found, whole[wanted])


def test_a_family_costs_nothing_that_it_does_not_need(samples, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("it was computed")

    monkeypatch.setattr(librosa, "cqt", refuse)
    assert len(waveform_to_descriptors(samples, RATE, "fma", ["mfcc", "zcr"])) == 147
    with pytest.raises(AssertionError):
        waveform_to_descriptors(samples, RATE, "fma", ["tonnetz"])


def test_transforms_are_computed_once(samples, monkeypatch):
    calls = []
    for name in ("stft", "cqt"):
        really = getattr(librosa, name)
        monkeypatch.setattr(
            descriptors_fma.librosa,
            name,
            lambda *a, name=name, really=really, **k: calls.append(name) or really(*a, **k),
        )
    waveform_to_descriptors(samples, RATE, "fma")
    assert sorted(calls) == ["cqt", "stft"]


def test_the_lowest_rate_is_the_lowest(samples):
    lowest = names.DESCRIPTORS["fma"]
    assert len(waveform_to_descriptors(samples, lowest, "fma")) == 518
    with pytest.raises(librosa.ParameterError, match="Nyquist"):
        waveform_to_descriptors(samples, lowest - 1, "fma")


@pytest.mark.parametrize("name", list(DESCRIPTORS))
def test_less_than_a_window_is_refused(name):
    with pytest.raises(ValueError, match="2047 samples are too few: one window needs 2048"):
        waveform_to_descriptors(np.zeros(2047, np.float32), RATE, name)
