"""Where published weights lie, and what our networks leave out of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Where published weights lie, the start of their sha256, and about how large they are.

    Without a known hash, what arrives is checked only by fitting the network.
    """

    url: str
    sha256_prefix: str | None
    bytes: int | None


_EFFICIENTAT = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/"

WEIGHTS: dict[str, dict[str, Weights]] = {
    "vggish": {
        # Google's weights, converted by github.com/harritaylor/torchvggish (Apache 2.0). The end of
        # the name is the start of the sha256, as torch.hub has it.
        "audioset": Weights(
            url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
            sha256_prefix="10086976",
            bytes=288_000_000,
        ),
    },
    # Networks that learnt from PaSST, mAP on AudioSet in the name (MIT licence). Their publisher
    # tells no hashes; that of mn04 is of a copy that gives its published embeddings.
    "mn04": {"audioset": Weights(_EFFICIENTAT + "mn04_as_mAP_432.pt", "899a8c62", 4_066_513)},
    "mn10": {"audioset": Weights(_EFFICIENTAT + "mn10_as_mAP_471.pt", None, None)},
    "mn20": {"audioset": Weights(_EFFICIENTAT + "mn20_as_mAP_478.pt", None, None)},
    "mn40": {"audioset": Weights(_EFFICIENTAT + "mn40_as_mAP_484.pt", None, None)},
}


@dataclass(frozen=True)
class ImageNet:
    """A network of torchvision with weights that have learnt ImageNet's pictures.

    Attributes:
        model: Its name there.
        replaced: How the names of the layers begin that ours has not, or has anew.
        weights: Torchvision's IMAGENET1K_V1, written out so that nobody need import it for them.
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
