"""A backbone that hears one patch at a time, and a head that judges all patches of a clip."""

import torch
from torch import nn

from genre_pred.nets.vggish import CONVOLVED, EMBEDDING, VGGish


class PatchNet(nn.Module):
    """VGGish and two linear layers over the embeddings of a clip, side by side.

    The head is S1's: Linear(n_patches * 128, hidden), ReLU, Linear(hidden, n_genres).

    Args:
        n_patches: Of a clip.
        hidden: Width of the head.
        n_genres: Number of outputs.
    """

    def __init__(self, n_patches: int, hidden: int, n_genres: int) -> None:
        super().__init__()
        self.backbone = VGGish()
        self.head = nn.Sequential(
            nn.Linear(n_patches * EMBEDDING, hidden), nn.ReLU(), nn.Linear(hidden, n_genres)
        )

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, n_genres) logits."""
        return self.judge(self.freeze(patches, "all"), "all")

    def freeze(self, patches: torch.Tensor, trainable: str) -> torch.Tensor:
        """Run the part that is not trained.

        Args:
            patches: (n, n_patches, frames, n_mels).
            trainable: all, fc or head.

        Returns:
            The patches themselves, (n, n_patches, 12288) or (n, n_patches, 128).
        """
        if trainable == "all":
            return patches
        run = self.backbone.convolve if trainable == "fc" else self.backbone
        return run(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])

    def judge(self, frozen: torch.Tensor, trainable: str) -> torch.Tensor:
        """Run the rest: what `freeze` gives -> (n, n_genres) logits."""
        flat = frozen.flatten(0, 1)  # (n * n_patches, ...)
        if trainable == "all":
            flat = self.backbone(flat)
        elif trainable == "fc":
            flat = self.backbone.embed(flat)
        embeddings = flat.unflatten(0, frozen.shape[:2])
        return self.head(embeddings.flatten(1))  # (n, n_patches * 128)

    def trained_part(self, trainable: str) -> list[nn.Parameter]:
        """The parameters that training moves."""
        parts: dict[str, list[nn.Module]] = {
            "all": [self.backbone, self.head],
            "fc": [self.backbone.embeddings, self.head],
            "head": [self.head],
        }
        return [parameter for part in parts[trainable] for parameter in part.parameters()]

    def frozen_size(self, trainable: str) -> int:
        """How many numbers `freeze` gives for a patch, where it runs anything."""
        return {"fc": CONVOLVED, "head": EMBEDDING}[trainable]
