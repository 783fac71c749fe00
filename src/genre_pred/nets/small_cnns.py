"""Small networks that learn from nothing but the collection: S3's and S4's."""

from itertools import pairwise

import torch
from torch import nn

from genre_pred.nets.clip_picture import ColouredPicture, clip_picture
from genre_pred.nets.genre_net import GenreNet


class CnnMel(GenreNet):
    """Four convolutions on the clip's log-mel, then the mean over time and two linear layers.

    After S3, which tells of a convolutional network trained from scratch on mel spectrograms but
    not its layers; these are ours.

    Args:
        n_mels: Of the front end, a multiple of 16.
        n_genres: Number of outputs.
    """

    def __init__(self, n_mels: int, n_genres: int) -> None:
        super().__init__()
        channels = [1, 16, 32, 64, 128]
        blocks = [
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            )
            for before, after in pairwise(channels)
        ]
        self.features = nn.Sequential(nn.BatchNorm2d(1), *blocks)
        self.dense = nn.Sequential(
            nn.Linear(channels[-1] * n_mels // 16, 64), nn.ReLU(), nn.Dropout(0.3)
        )
        self.head = nn.Linear(64, n_genres)

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, 8 n_mels)."""
        maps = self.features(clip_picture(patches))  # (n, 128, n_mels / 16, time / 16)
        return maps.mean(dim=3).flatten(1)

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """(n, 8 n_mels) -> (n, 64)."""
        return self.dense(convolved)

    def fully_connected(self) -> list[nn.Module]:
        """The linear layer before the head."""
        return [self.dense]


class S4Cnn(GenreNet):
    """490G1's network, layer for layer, on the picture that it drew to a file: 288 x 432 RGBA.

    Args:
        n_genres: Number of outputs.
    """

    def __init__(self, n_genres: int) -> None:
        super().__init__()
        self.picture = ColouredPicture(288, 432)
        self.features = nn.Sequential(
            nn.Conv2d(4, 8, 3, stride=2),  # 143 x 215
            nn.LeakyReLU(),
            nn.MaxPool2d(3, stride=2),  # 71 x 107
            nn.Conv2d(8, 16, 4, stride=2),  # 34 x 52
            nn.LeakyReLU(),
            nn.MaxPool2d(3, stride=2),  # 16 x 25
            nn.Conv2d(16, 24, 5, stride=2),  # 6 x 11
            nn.LeakyReLU(),
            nn.MaxPool2d(3, stride=2),  # 2 x 5
            nn.Flatten(),
        )
        self.dense = nn.Sequential(nn.Linear(24 * 2 * 5, 64), nn.LeakyReLU())
        self.head = nn.Linear(64, n_genres)

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, 240)."""
        return self.features(self.picture(patches))

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """(n, 240) -> (n, 64)."""
        return self.dense(convolved)

    def fully_connected(self) -> list[nn.Module]:
        """The linear layer before the head."""
        return [self.dense]
