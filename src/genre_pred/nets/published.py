"""Where published weights lie, and what our networks leave out of them."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from genre_pred.nets.torch_libraries import torchvision_models


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
    """

    model: str
    replaced: tuple[str, ...]


IMAGENET = {
    "resnet18": ImageNet("resnet18", ("fc.",)),
    "alexnet": ImageNet("alexnet", ("classifier.6.",)),
    "vgg11_bn": ImageNet("vgg11_bn", ("classifier.6.",)),
    "squeezenet": ImageNet("squeezenet1_1", ("classifier.",)),
    "densenet121": ImageNet("densenet121", ("classifier.",)),
    "inception_v3": ImageNet("inception_v3", ("fc.", "AuxLogits.")),
    "vgg16": ImageNet("vgg16", ("classifier.",)),
}


def published_weights(backbone: str) -> dict[str, Weights]:
    """The published weights of a network, by name; torchvision's under "imagenet"."""
    if backbone not in IMAGENET:
        return WEIGHTS.get(backbone, {})
    entries = torchvision_models().get_model_weights(IMAGENET[backbone].model)
    found = entries.IMAGENET1K_V1
    # resnet18-f37072fd.pth: the end of the name is the start of the sha256
    prefix = Path(urlsplit(found.url).path).stem.rpartition("-")[2]
    n_bytes = round(found.meta["_file_size"] * 2**20)
    return {"imagenet": Weights(found.url, prefix, n_bytes)}
