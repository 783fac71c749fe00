"""The common interface of networks that predict genres."""

import torch
from torch import nn


class GenreNet(nn.Module):
    """A network in three parts: convolutions, fully connected layers, and a new last layer.

    Training updates all parts, the last two (fc) or the last one (head). The frozen parts run only
    once over all clips: `freeze` returns the input of `classify`.

    Subclasses set `head` and implement `convolve`; those with fully connected layers before the
    head also implement `embed` and `fully_connected`. `backbone` takes pretrained weights.
    """

    backbone: nn.Module
    head: nn.Module

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """Run the convolutions: (n, n_patches, frames, n_mels) log-mels -> (n, ...)."""
        raise NotImplementedError

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """Run the fully connected layers before the head, if any."""
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
            (n, ...): the patches, or the output of the convolutions or of all layers but the head.
        """
        if trainable == "all":
            return patches
        convolved = self.convolve(patches)
        return convolved if trainable == "fc" else self.embed(convolved)

    def represent(self, frozen: torch.Tensor, trainable: str) -> torch.Tensor:
        """Run all but the head: output of `freeze` -> (n, ...), the input of the head."""
        if trainable == "all":
            frozen = self.convolve(frozen)
        return frozen if trainable == "head" else self.embed(frozen)

    def classify(self, frozen: torch.Tensor, trainable: str) -> torch.Tensor:
        """Run the trained part: output of `freeze` -> (n, n_genres) logits."""
        output: torch.Tensor = self.head(self.represent(frozen, trainable))
        return output

    def trained_part(self, trainable: str) -> list[nn.Parameter]:
        """The parameters that training updates."""
        parts: dict[str, list[nn.Module]] = {
            "all": [self],
            "fc": [*self.fully_connected(), self.head],
            "head": [self.head],
        }
        parameters = [parameter for part in parts[trainable] for parameter in part.parameters()]
        return [parameter for parameter in parameters if parameter.requires_grad]
