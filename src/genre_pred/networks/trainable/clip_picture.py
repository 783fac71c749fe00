"""A clip's log-mel as a picture in memory: the input of image networks."""

import torch
from torch import nn
from torch.nn import functional as F

PLANES = 4  # of a picture read from a file: red, green, blue, opacity


def clip_picture(patches: torch.Tensor) -> torch.Tensor:
    """Join the patches of each clip into one grey picture, as spectrograms are usually drawn.

    Args:
        patches: (n, n_patches, frames, n_mels) log-mels; four planes are a picture from a file,
            whose brightness is used.

    Returns:
        (n, 1, n_mels, n_patches * frames): time to the right, the lowest band at the bottom. Each
        clip is scaled to 0..1 by its own minimum and maximum; a constant clip is black.
    """
    if patches.shape[1] == PLANES:
        red, green, blue, _ = drawn_picture(patches).split(1, dim=1)
        pictures = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601
    else:
        pictures = patches.flatten(1, 2).transpose(1, 2).flip(1).unsqueeze(1)
    lowest = pictures.amin(dim=(2, 3), keepdim=True)
    highest = pictures.amax(dim=(2, 3), keepdim=True)
    output: torch.Tensor = (pictures - lowest) / (highest - lowest).clamp(min=1e-6)
    return output


def resized(pictures: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(n, channels, ...) -> (n, channels, height, width), bilinear.

    Antialiased: time is shrunk up to sixfold, and plain bilinear sampling would use only two of six
    frames.
    """
    if pictures.shape[-2:] == (height, width):
        return pictures
    return F.interpolate(pictures, (height, width), mode="bilinear", antialias=True)


def drawn_picture(planes: torch.Tensor) -> torch.Tensor:
    """Turn a picture from a file, stored like patches, the right way up.

    Args:
        planes: (n, 4, width, height), 0..1, the lowest row first.

    Returns:
        (n, 4, height, width).
    """
    return planes.transpose(2, 3).flip(2)


class ImageNetPicture(nn.Module):
    """Log-mels as pictures with the size and normalisation of ImageNet's photographs.

    Args:
        pixels: Height and width.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.pixels = pixels
        # of ImageNet's red, green and blue, pytorch.org/vision/stable/models.html
        mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, 3, pixels, pixels), about -2..2.6.

        Four planes are a picture from a file, whose colours are kept.
        """
        drawn = patches.shape[1] == PLANES
        pictures = drawn_picture(patches)[:, :3] if drawn else clip_picture(patches)
        return (resized(pictures, self.pixels, self.pixels) - self.mean) / self.std


class ColouredPicture(nn.Module):
    """Log-mels in matplotlib's colours: red, green, blue, opacity.

    Args:
        height: In pixels.
        width: In pixels.
    """

    colours: torch.Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        from matplotlib import colormaps  # slow to import, needed by one network only

        self.size = (height, width)
        table = torch.tensor(colormaps["viridis"](range(256)), dtype=torch.float32)
        self.register_buffer("colours", table, persistent=False)  # (256, 4)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, 4, height, width), 0..1.

        Four planes are a picture from a file, whose colours are kept.
        """
        if patches.shape[1] == PLANES:
            return resized(drawn_picture(patches), *self.size)
        grey = resized(clip_picture(patches), *self.size)[:, 0]  # (n, height, width)
        shades = (grey * 255).round().clamp(0, 255).long()
        return self.colours[shades].permute(0, 3, 1, 2)
