"""What is done to a batch of clips so that a network does not learn them by heart."""

import torch
from torch import nn

from genre_pred.config.sections import Finetune
from genre_pred.networks.backbones.torch_libraries import torchaudio_transforms

N_MASKS = 2


class SpecAugment(nn.Module):
    """Masks frames and bands of each patch by its mean (Park et al. 2019).

    Args:
        share: The widest mask, as a share of the patch's frames and of its bands.
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
    """Turns the frames of each clip's patches round, so that the end comes before the beginning.

    Args:
        share: The longest shift, as a share of a patch, either way.
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
    """What the settings do to the patches of a training batch."""
    steps: list[nn.Module] = []
    if settings.time_shift:
        steps.append(TimeShift(settings.time_shift))
    if settings.spec_augment:
        steps.append(SpecAugment(settings.spec_augment))
    return nn.Sequential(*steps)


def mixing(n: int, alpha: float) -> tuple[torch.Tensor, float]:
    """Draw whom each clip of a batch is laid over, and how much (mixup, Zhang et al. 2018).

    Args:
        n: Of clips.
        alpha: Of the Beta distribution that draws the share; 0 leaves every clip alone.

    Returns:
        (n,) the other clip of each, and the share that the clip itself keeps.
    """
    if alpha == 0:
        return torch.arange(n), 1.0
    # From torch's own generator, whose state a checkpoint keeps.
    one, other = torch._standard_gamma(torch.tensor([alpha, alpha], dtype=torch.float64)).tolist()
    return torch.randperm(n), one / (one + other) if one + other > 0 else 1.0
