"""Image networks of torchvision on pictures of a clip's log-mel, as in S2 and S3.

S2, GenreNet, compared ResNet18, AlexNet, VGG11-BN, SqueezeNet, DenseNet and Inception v3; S3,
Genre-Classifier, put dense layers on a frozen VGG16.
"""

from collections.abc import Callable

import torch
from torch import nn

from genre_pred.networks.backbones.torch_libraries import torchvision_models
from genre_pred.networks.trainable.clip_picture import ImageNetPicture
from genre_pred.networks.trainable.genre_net import GenreNet


class PictureNet(GenreNet):
    """An image network whose last layer is replaced by a new one.

    Args:
        backbone: (n, 3, pixels, pixels) -> (n, size), without its last layer.
        head: (n, size) -> (n, n_genres).
        pixels: Height and width of its input.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, pixels: int = 224) -> None:
        super().__init__()
        self.picture = ImageNetPicture(pixels)
        self.backbone = backbone
        self.head = head

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, size)."""
        output: torch.Tensor = self.backbone(self.picture(patches))
        return output


class DensePictureNet(PictureNet):
    """AlexNet or VGG, with two pretrained fully connected layers before the last one."""

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, n_patches, frames, n_mels) log-mels -> (n, flattened maps)."""
        maps = self.backbone.get_submodule("features")(self.picture(patches))
        output: torch.Tensor = self.backbone.get_submodule("avgpool")(maps).flatten(1)
        return output

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """(n, flattened maps) -> (n, 4096)."""
        output: torch.Tensor = self.backbone.get_submodule("classifier")(convolved)
        return output

    def fully_connected(self) -> list[nn.Module]:
        """The two layers of 4096."""
        return [self.backbone.get_submodule("classifier")]


class S3Vgg16(PictureNet):
    """VGG16's convolutions under S3's dense layers: 512, 64, n_genres.

    S3 trains only the dense layers, which is `trainable: fc`.

    Args:
        n_genres: Number of outputs.
    """

    def __init__(self, n_genres: int) -> None:
        backbone = torchvision_models().vgg16(init_weights=False)
        backbone.classifier = nn.Identity()
        super().__init__(backbone, nn.Linear(64, n_genres))
        self.dense = nn.Sequential(
            nn.Linear(512 * 7 * 7, 512), nn.ReLU(), nn.Linear(512, 64), nn.ReLU()
        )

    def embed(self, convolved: torch.Tensor) -> torch.Tensor:
        """(n, 25088) -> (n, 64)."""
        output: torch.Tensor = self.dense(convolved)
        return output

    def fully_connected(self) -> list[nn.Module]:
        """The dense layers except the last."""
        return [self.dense]


def resnet18(n_genres: int) -> PictureNet:
    """ResNet18 (He et al. 2016)."""
    net = torchvision_models().resnet18()
    head = nn.Linear(net.fc.in_features, n_genres)
    net.fc = nn.Identity()
    return PictureNet(net, head)


def alexnet(n_genres: int) -> PictureNet:
    """AlexNet (Krizhevsky 2014)."""
    return _without_last(torchvision_models().alexnet(), n_genres)


def vgg11_bn(n_genres: int) -> PictureNet:
    """VGG11 with batch normalisation (Simonyan and Zisserman 2015)."""
    return _without_last(torchvision_models().vgg11_bn(init_weights=False), n_genres)


def squeezenet(n_genres: int) -> PictureNet:
    """SqueezeNet 1.1 (Iandola et al. 2016), whose last layer is a convolution."""
    net = torchvision_models().squeezenet1_1()
    net.classifier = nn.Identity()
    head = nn.Sequential(
        nn.Unflatten(1, (512, 13, 13)),  # SqueezeNet's forward flattens its output
        nn.Dropout(0.5),
        nn.Conv2d(512, n_genres, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return PictureNet(net, head)


def densenet121(n_genres: int) -> PictureNet:
    """DenseNet121 (Huang et al. 2017)."""
    net = torchvision_models().densenet121()
    head = nn.Linear(net.classifier.in_features, n_genres)
    net.classifier = nn.Identity()
    return PictureNet(net, head)


def inception_v3(n_genres: int) -> PictureNet:
    """Inception v3 (Szegedy et al. 2016) without its auxiliary output."""
    # Its published weights expect pictures in -1..1; transform_input converts ImageNet's range.
    net = torchvision_models().inception_v3(
        aux_logits=False, transform_input=True, init_weights=False
    )
    head = nn.Linear(net.fc.in_features, n_genres)
    net.fc = nn.Identity()
    return PictureNet(net, head, pixels=299)


def _without_last(net: nn.Module, n_genres: int) -> DensePictureNet:
    layers = net.classifier
    assert isinstance(layers, nn.Sequential)
    last = layers[6]
    assert isinstance(last, nn.Linear)
    layers[6] = nn.Identity()
    return DensePictureNet(net, nn.Linear(last.in_features, n_genres))


IMAGE_NETWORKS: dict[str, Callable[[int], PictureNet]] = {
    "resnet18": resnet18,
    "alexnet": alexnet,
    "vgg11_bn": vgg11_bn,
    "squeezenet": squeezenet,
    "densenet121": densenet121,
    "inception_v3": inception_v3,
    "vgg16": S3Vgg16,
}
