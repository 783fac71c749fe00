"""Small convolutional networks trained from scratch: those of S3 and S4."""

from itertools import pairwise

import torch
from torch import nn

from genre_pred.networks.trainable.clip_picture import ColouredPicture, clip_picture, resized
from genre_pred.networks.trainable.genre_net import GenreNet

PIXELS = 128  # height and width of CnnMel's input


class CnnMel(GenreNet):
    """Five convolutions on the clip as a picture of 128 x 128, then mean and maximum pooling.

    S3 reports a convolutional network trained from scratch on mel spectrograms, but not its layers.
    These are our own, chosen on FMA-small's training clips.

    Args:
        n_genres: Number of outputs.
    """

    def __init__(self, n_genres: int) -> None:
        super().__init__()
        channels = [16, 32, 64, 128, 256]
        self.bands = nn.BatchNorm1d(PIXELS)  # each mel band on its own scale
        # The first convolution halves the picture by its stride, the others by pooling.
        first = nn.Conv2d(1, channels[0], 5, stride=2, padding=2, bias=False)
        self.features = nn.Sequential(first, nn.BatchNorm2d(channels[0]), nn.ReLU(inplace=True))
        for before, after in pairwise(channels):
            self.features += nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            )
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(2 * channels[-1], n_genres)

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, 512)."""
        pictures = resized(clip_picture(patches), PIXELS, PIXELS)[:, 0]  # (n, bands, time)
        # As a channels-last view, which the convolutions keep: faster on a CPU.
        banded = self.bands(pictures).unsqueeze(-1).permute(0, 3, 1, 2)
        maps = self.features(banded).flatten(2)  # (n, 256, 16)
        return torch.cat([maps.mean(dim=2), maps.amax(dim=2)], dim=1)

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """(n, 512) -> (n, 512)."""
        output: torch.Tensor = self.dropout(convolved)
        return output


class S4Cnn(GenreNet):
    """490G1's network, layer for layer, on pictures as it stored them: 288 x 432 RGBA.

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
        output: torch.Tensor = self.features(self.picture(patches))
        return output

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """(n, 240) -> (n, 64)."""
        output: torch.Tensor = self.dense(convolved)
        return output

    def fully_connected(self) -> list[nn.Module]:
        """The linear layer before the head."""
        return [self.dense]
