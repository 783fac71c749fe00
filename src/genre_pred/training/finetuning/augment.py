"""Data augmentation of training batches: SpecAugment, time shift and mixup."""

import torch
from torch import nn

from genre_pred.config.sections import Finetune
from genre_pred.networks.backbones.torch_libraries import torchaudio_transforms

N_MASKS = 2


class SpecAugment(nn.Module):
    """Replaces random frames and bands of each patch by its mean (SpecAugment, Park et al. 2019).

    Args:
        share: The largest mask, as a share of the patch's frames and of its bands.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) -> the same, with two masks of each kind."""
        transforms = torchaudio_transforms()
        frames, bands = (max(1, round(self.share * size)) for size in patches.shape[-2:])
        mask_frames = transforms.TimeMasking(frames, iid_masks=True)
        mask_bands = transforms.FrequencyMasking(bands, iid_masks=True)
        kept = torch.ones_like(patches).transpose(-2, -1)  # torchaudio: (..., n_mels, frames)
        for _ in range(N_MASKS):
            kept = mask_bands(mask_frames(kept))
        mean = patches.mean(dim=(-2, -1), keepdim=True)
        return torch.where(kept.transpose(-2, -1) > 0, patches, mean)


class TimeShift(nn.Module):
    """Rolls the frames of each clip's patches; frames shifted past one end return at the other.

    Args:
        share: The largest shift in either direction, as a share of a patch.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) -> the same, shifted."""
        longest = round(self.share * patches.shape[2])
        shifts = torch.randint(-longest, longest + 1, (len(patches),)).tolist()
        rolled = [clip.roll(shift, 1) for clip, shift in zip(patches, shifts, strict=True)]
        return torch.stack(rolled)


def augmentation(settings: Finetune) -> nn.Module:
    """The augmentation that the settings apply to the patches of a training batch."""
    steps: list[nn.Module] = []
    if settings.time_shift:
        steps.append(TimeShift(settings.time_shift))
    if settings.spec_augment:
        steps.append(SpecAugment(settings.spec_augment))
    return nn.Sequential(*steps)


def mixing(n: int, alpha: float) -> tuple[torch.Tensor, float]:
    """Draw the partner of each clip of a batch and their weights (mixup, Zhang et al. 2018).

    Args:
        n: Number of clips.
        alpha: Parameter of the Beta distribution of the weight; 0 turns mixup off.

    Returns:
        (n,) the index of each clip's partner, and the weight of the clip itself.
    """
    if alpha == 0:
        return torch.arange(n), 1.0
    # Beta as a ratio of Gammas from torch's global generator, whose state a checkpoint keeps.
    own, partner = torch._standard_gamma(torch.tensor([alpha, alpha], dtype=torch.float64)).tolist()
    return torch.randperm(n), own / (own + partner) if own + partner > 0 else 1.0
