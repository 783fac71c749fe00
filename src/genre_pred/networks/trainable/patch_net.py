"""Backbones that hear one patch at a time, and heads that judge all patches of a clip."""

import torch
from torch import nn

from genre_pred.networks.backbones.efficientat import EfficientAT
from genre_pred.networks.backbones.vggish import EMBEDDING, VGGish
from genre_pred.networks.trainable.genre_net import GenreNet


class PatchNet(GenreNet):
    """VGGish and two linear layers over the embeddings of a clip, side by side.

    The head is S1's: Linear(n_patches * 128, hidden), ReLU, Linear(hidden, n_genres).

    Args:
        n_patches: Of a clip.
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
        return self.backbone.convolve(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])

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
        width: Of EfficientAT.
        hidden: Width of the head.
        n_genres: Number of outputs.
    """

    backbone: EfficientAT

    def __init__(self, width: float, hidden: int, n_genres: int) -> None:
        super().__init__()
        self.backbone = EfficientAT(width)
        # What names AudioSet's sounds has no part in genres, but stays with the published weights.
        self.backbone.classifier.requires_grad_(False)
        self.head = nn.Sequential(
            nn.Linear(self.backbone.size, hidden),
            nn.ReLU(),
            nn.Dropout(0.2),  # as EfficientAT's own
            nn.Linear(hidden, n_genres),
        )

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, size), the mean over patches."""
        embeddings = self.backbone(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])
        return embeddings.mean(dim=1)
