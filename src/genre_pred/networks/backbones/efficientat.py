"""EfficientAT: MobileNetV3 trained on AudioSet by distillation from a far larger network.

Schmid, Koutini and Widmer, Efficient large-scale audio tagging via transformer-to-CNN knowledge
distillation, ICASSP 2023. The layers have the names of the released weights
(github.com/fschmid56/EfficientAT, MIT licence).
"""

from functools import partial

import torch
from torch import nn

from genre_pred.networks.backbones.torch_libraries import torchvision_models

N_SOUNDS = 527  # classes of AudioSet
WIDTHS = {"mn04": 0.4, "mn10": 1.0, "mn20": 2.0, "mn40": 4.0}


class EfficientAT(nn.Module):
    """torchvision's MobileNetV3 (large) with one input channel; embeds up to 10 s of audio.

    Args:
        width: Factor on the number of channels: 0.4, 1, 2 or 4.
    """

    def __init__(self, width: float) -> None:
        super().__init__()
        models = torchvision_models()
        layers, hidden = models.mobilenetv3._mobilenet_v3_conf("mobilenet_v3_large", width)
        block = partial(models.mobilenetv3.InvertedResidual, se_layer=ChannelAttention)
        # MobileNetV3's BatchNorm has eps 0.001 and momentum 0.01, as in EfficientAT.
        net = models.MobileNetV3(layers, hidden, block=block)
        first = net.features[0][0]
        net.features[0][0] = nn.Conv2d(1, first.out_channels, 3, stride=2, padding=1, bias=False)
        self.features = net.features
        self.size = net.classifier[0].in_features
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(self.size, hidden),
            nn.Hardswish(inplace=True),
            nn.Dropout(0.2, inplace=True),
            nn.Linear(hidden, N_SOUNDS),
        )

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Embed patches: (n, frames, 128) log-mels -> (n, size)."""
        return self._maps(patches).mean(dim=(2, 3))

    def classify(self, patches: torch.Tensor) -> torch.Tensor:
        """Classify sounds: (n, frames, 128) log-mels -> (n, 527) logits of AudioSet's classes."""
        output: torch.Tensor = self.classifier(self._maps(patches))
        return output

    def _maps(self, patches: torch.Tensor) -> torch.Tensor:
        # (n, frames, n_mels) -> (n, 1, n_mels, frames) as a channels-last view, which the
        # convolutions keep: 2 to 7 times faster on a CPU.
        images = patches.transpose(1, 2).contiguous()
        output: torch.Tensor = self.features(images.unsqueeze(-1).permute(0, 3, 1, 2))
        return output


class ChannelAttention(nn.Module):
    """Squeeze-and-excitation over channels, named as in EfficientAT's weights.

    Args:
        channels: Number of channels of the maps.
        squeezed: Width of the hidden layer.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        # A list of one, because EfficientAT can also attend over frequency and time.
        self.conc_se_layers = nn.ModuleList([SqueezeExcitation(channels, squeezed)])

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, channels, n_mels, frames) -> the same, each channel scaled."""
        output: torch.Tensor = self.conc_se_layers[0](maps)
        return output


class SqueezeExcitation(nn.Module):
    """Scales each channel by a factor computed from the means of all channels."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(n, channels, n_mels, frames) -> the same, each channel scaled by 0..1."""
        scale = self.fc2(torch.relu(self.fc1(maps.mean(dim=(2, 3)))))
        return maps * torch.sigmoid(scale)[:, :, None, None]
