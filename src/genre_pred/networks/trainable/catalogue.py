"""The networks that can be trained on the sound itself, by the names that params.yaml uses."""

from collections.abc import Callable
from dataclasses import dataclass

from genre_pred.networks.backbones.efficientat import WIDTHS
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.networks.trainable.image_networks import IMAGE_NETWORKS
from genre_pred.networks.trainable.patch_net import PatchNet, PooledNet
from genre_pred.networks.trainable.small_cnns import CnnMel, S4Cnn

PICTURES = "mel128"  # the front end of networks on pictures, if there is sound
PatchShape = tuple[int, int, int]
"""Of a clip: n_patches, frames, n_mels."""


@dataclass(frozen=True)
class Network:
    """A network that can be trained.

    Attributes:
        front_end: What makes its patches.
        backbone: The name of its pretrained weights, which its `backbone` takes; None for a
            network that learns from scratch.
        build: Makes it from the shape of a clip's patches, the width of a head of two layers
            (which image networks have not) and the number of genres.
    """

    front_end: str
    backbone: str | None
    build: Callable[[PatchShape, int, int], GenreNet]


def _of_genres(build: Callable[[int], GenreNet]) -> Callable[[PatchShape, int, int], GenreNet]:
    return lambda _shape, _hidden, n_genres: build(n_genres)


def _on_efficientat(name: str) -> Network:
    return Network(
        "efficientat", name, lambda _, hidden, n_genres: PooledNet(WIDTHS[name], hidden, n_genres)
    )


NETWORKS: dict[str, Network] = {
    "vggish": Network(
        "vggish", "vggish", lambda shape, hidden, n_genres: PatchNet(shape[0], hidden, n_genres)
    ),
    **{name: _on_efficientat(name) for name in WIDTHS},
    **{name: Network(PICTURES, name, _of_genres(net)) for name, net in IMAGE_NETWORKS.items()},
    "cnn_mel": Network(PICTURES, None, _of_genres(CnnMel)),
    "s4_cnn": Network(PICTURES, None, _of_genres(S4Cnn)),
}
