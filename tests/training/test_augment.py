"""Augmentation: widths of masks, shifts, and mixup."""

import pytest
import torch

from genre_pred.training.finetuning.augment import SpecAugment, TimeShift, augmentation, mixing
from genre_pred.training.finetuning.loop import learning_rate


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def test_spec_augment_masks_frames_and_bands_by_the_mean():
    patches = torch.rand(1, 200, 96, 64, generator=torch.Generator().manual_seed(0))
    masked = SpecAugment(0.125)(patches)
    assert masked.shape == patches.shape
    changed = (masked != patches)[0]  # (n_patches, frames, n_mels)
    frames = changed.all(dim=2).sum(dim=1)
    bands = changed.all(dim=1).sum(dim=1)
    assert 12 < frames.max() <= 2 * 11  # two masks, each below 12
    assert 8 < bands.max() <= 2 * 7
    assert len(frames.unique()) > 3  # each patch its own
    assert (masked[changed[None]] - 0.5).abs().max() < 0.05  # the mean of the patch


def test_a_shift_turns_every_clip_by_its_own_number_of_frames():
    frames = torch.arange(20.0)[None, None, :, None].expand(30, 2, 20, 3)
    shifted = TimeShift(0.25)(frames)
    starts = shifted[:, :, 0, 0]
    assert (starts[:, 0] == starts[:, 1]).all()  # all patches of a clip alike
    assert set(starts[:, 0].tolist()) <= {*range(6), *range(15, 20)}
    assert len(starts[:, 0].unique()) > 5
    assert (shifted.sort(dim=2).values == frames).all()


def test_without_settings_nothing_is_done(params):
    patches = torch.rand(2, 1, 8, 4)
    assert (augmentation(params.finetune)(patches) == patches).all()
    other, kept = mixing(5, 0.0)
    assert (other.tolist(), kept) == (list(range(5)), 1.0)


def test_mixing_draws_shares_of_its_beta():
    shares = torch.tensor([mixing(2, 0.4)[1] for _ in range(4000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01)
    assert sorted(mixing(7, 0.4)[0].tolist()) == list(range(7))


def test_one_cycle_goes_up_and_down(params):
    cycle = params.finetune.model_copy(update={"schedule": "one_cycle", "learning_rate": 1.0})
    rates = [learning_rate(cycle, done / 100) for done in range(101)]
    assert rates[0] == pytest.approx(0.04)
    assert rates[20] == pytest.approx(1.0)
    assert rates[60] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0, abs=1e-9)
    assert rates[:21] == sorted(rates[:21])
    assert learning_rate(params.finetune, 0.7) == params.finetune.learning_rate
