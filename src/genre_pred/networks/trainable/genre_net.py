"""What every network that names genres can do, whatever it is built of."""

import torch
from torch import nn


class GenreNet(nn.Module):
    """Three parts in a row: what convolves, what is fully connected, and a new last layer.

    A training moves all of them, the last two (fc) or the last one (head). What it does not move
    runs once over all clips; `freeze` then gives what `classify` reads.

    Subclasses set `head` and fill in `convolve`; those with fully connected layers before the head
    also `embed` and `fully_connected`. What has pretrained weights is their `backbone`.
    """

    backbone: nn.Module
    head: nn.Module

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """Run the convolutions: (n, n_patches, frames, n_mels) log-mels -> (n, ...)."""
        raise NotImplementedError

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """Run the fully connected layers before the head, where there are any."""
        return convolved

    def fully_connected(self) -> list[nn.Module]:
        """The modules that `embed` runs."""
        return []

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, n_genres) logits."""
        return self.classify(patches, "all")

    def freeze(self, patches: torch.Tensor, trainable: str) -> torch.Tensor:
        """Run the part that is not trained.

        Args:
            patches: (n, n_patches, frames, n_mels).
            trainable: all, fc or head.

        Returns:
            (n, ...): the patches themselves, or what the convolutions or all but the head give.
        """
        if trainable == "all":
            return patches
        convolved = self.convolve(patches)
        return convolved if trainable == "fc" else self.embed(convolved)

    def represent(self, frozen: torch.Tensor, trainable: str) -> torch.Tensor:
        """Run all but the head: what `freeze` gives -> (n, ...), what the head reads."""
        if trainable == "all":
            frozen = self.convolve(frozen)
        return frozen if trainable == "head" else self.embed(frozen)

    def classify(self, frozen: torch.Tensor, trainable: str) -> torch.Tensor:
        """Run the rest: what `freeze` gives -> (n, n_genres) logits."""
        return self.head(self.represent(frozen, trainable))

    def trained_part(self, trainable: str) -> list[nn.Parameter]:
        """The parameters that training moves."""
        parts: dict[str, list[nn.Module]] = {
            "all": [self],
            "fc": [*self.fully_connected(), self.head],
            "head": [self.head],
        }
        moved = [parameter for part in parts[trainable] for parameter in part.parameters()]
        return [parameter for parameter in moved if parameter.requires_grad]
