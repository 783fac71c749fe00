"""Published weights: their URLs, and the layers that our networks do not use."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """The URL of published weights, the start of their sha256, and their approximate size.

    Without a known hash, a download is checked only by its keys and shapes.
    """

    url: str
    sha256_prefix: str | None
    bytes: int | None


_EFFICIENTAT = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/"

WEIGHTS: dict[str, dict[str, Weights]] = {
    "vggish": {
        # Google's weights, converted by github.com/harritaylor/torchvggish (Apache 2.0). The end of
        # the name is the start of the sha256, as in torch.hub.
        "audioset": Weights(
            url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
            sha256_prefix="10086976",
            bytes=288_000_000,
        ),
    },
    # Networks distilled from PaSST; the name holds the mAP on AudioSet (MIT licence). No hashes are
    # published; the one of mn04 is from a copy that reproduces the published embeddings.
    "mn04": {"audioset": Weights(_EFFICIENTAT + "mn04_as_mAP_432.pt", "899a8c62", 4_066_513)},
    "mn10": {"audioset": Weights(_EFFICIENTAT + "mn10_as_mAP_471.pt", None, None)},
    "mn20": {"audioset": Weights(_EFFICIENTAT + "mn20_as_mAP_478.pt", None, None)},
    "mn40": {"audioset": Weights(_EFFICIENTAT + "mn40_as_mAP_484.pt", None, None)},
}


@dataclass(frozen=True)
class ImageNet:
    """A network of torchvision with weights trained on ImageNet.

    Attributes:
        model: Its name in torchvision.
        replaced: Prefixes of the layers that our network lacks or replaces.
        weights: Torchvision's IMAGENET1K_V1, listed here so that torchvision need not be imported.
    """

    model: str
    replaced: tuple[str, ...]
    weights: Weights


def _of_torchvision(file: str, n_bytes: int) -> Weights:
    # resnet18-f37072fd: the end of the name is the start of the sha256
    address = f"https://download.pytorch.org/models/{file}.pth"
    return Weights(address, file.rpartition("-")[2], n_bytes)


IMAGENET = {
    "resnet18": ImageNet("resnet18", ("fc.",), _of_torchvision("resnet18-f37072fd", 46_830_453)),
    "alexnet": ImageNet(
        "alexnet", ("classifier.6.",), _of_torchvision("alexnet-owt-7be5be79", 244_409_434)
    ),
    "vgg11_bn": ImageNet(
        "vgg11_bn", ("classifier.6.",), _of_torchvision("vgg11_bn-6002323d", 531_503_251)
    ),
    "squeezenet": ImageNet(
        "squeezenet1_1", ("classifier.",), _of_torchvision("squeezenet1_1-b8a52dc0", 4_958_716)
    ),
    "densenet121": ImageNet(
        "densenet121", ("classifier.",), _of_torchvision("densenet121-a639ec97", 32_343_327)
    ),
    "inception_v3": ImageNet(
        "inception_v3",
        ("fc.", "AuxLogits."),
        _of_torchvision("inception_v3_google-0cc3c7bd", 108_950_192),
    ),
    "vgg16": ImageNet("vgg16", ("classifier.",), _of_torchvision("vgg16-397923af", 553_434_218)),
}


def published_weights(backbone: str) -> dict[str, Weights]:
    """The published weights of a network, by name; torchvision's under "imagenet"."""
    if backbone in IMAGENET:
        return {"imagenet": IMAGENET[backbone].weights}
    return WEIGHTS.get(backbone, {})
