"""Networks whose backbone takes one patch at a time and whose head takes all patches of a clip."""

import torch
from torch import nn

from genre_pred.networks.backbones.efficientat import EfficientAT
from genre_pred.networks.backbones.vggish import EMBEDDING, VGGish
from genre_pred.networks.trainable.genre_net import GenreNet


class PatchNet(GenreNet):
    """VGGish and two linear layers over the concatenated embeddings of a clip.

    The head is S1's: Linear(n_patches * 128, hidden), ReLU, Linear(hidden, n_genres).

    Args:
        n_patches: Number of patches of a clip.
        hidden: Width of the head.
        n_genres: Number of outputs.
    """

    backbone: VGGish

    def __init__(self, n_patches: int, hidden: int, n_genres: int) -> None:
        super().__init__()
        self.backbone = VGGish()
        self.head = nn.Sequential(
            nn.Linear(n_patches * EMBEDDING, hidden), nn.ReLU(), nn.Linear(hidden, n_genres)
        )

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, n_patches, 12288)."""
        output: torch.Tensor = self.backbone.convolve(patches.flatten(0, 1)).unflatten(
            0, patches.shape[:2]
        )
        return output

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, 12288) -> (n, n_patches * 128)."""
        embeddings = self.backbone.embed(convolved.flatten(0, 1))  # (n * n_patches, 128)
        return embeddings.reshape(len(convolved), -1)

    def fully_connected(self) -> list[nn.Module]:
        """VGGish's three linear layers."""
        return [self.backbone.embeddings]


class PooledNet(GenreNet):
    """EfficientAT and two linear layers over the mean of a clip's embeddings.

    It has no fully connected layers of its own: training fc means training the head.

    Args:
        width: Width of EfficientAT.
        hidden: Width of the head.
        n_genres: Number of outputs.
    """

    backbone: EfficientAT

    def __init__(self, width: float, hidden: int, n_genres: int) -> None:
        super().__init__()
        self.backbone = EfficientAT(width)
        # The classifier of AudioSet is not used for genres, but is part of the published weights.
        self.backbone.classifier.requires_grad_(False)
        self.head = nn.Sequential(
            nn.Linear(self.backbone.size, hidden),
            nn.ReLU(),
            nn.Dropout(0.2),  # as in EfficientAT
            nn.Linear(hidden, n_genres),
        )

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, size), the mean over patches."""
        embeddings = self.backbone(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])
        output: torch.Tensor = embeddings.mean(dim=1)
        return output
