"""The networks that can be trained on log-mel patches, by their names in params.yaml."""

from collections.abc import Callable
from dataclasses import dataclass

from genre_pred.networks.backbones.efficientat import WIDTHS
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.networks.trainable.image_networks import IMAGE_NETWORKS
from genre_pred.networks.trainable.patch_net import PatchNet, PooledNet
from genre_pred.networks.trainable.small_cnns import CnnMel, S4Cnn

PICTURES = "mel128"  # the front end of image networks, for collections with audio
PatchShape = tuple[int, int, int]
"""The patches of a clip: n_patches, frames, n_mels."""


@dataclass(frozen=True)
class Network:
    """A network that can be trained.

    Attributes:
        front_end: The front end that makes its patches.
        backbone: The name of the pretrained weights of its `backbone`; None for a network trained
            from scratch.
        build: Builds the network from the shape of a clip's patches, the hidden width of the head
            (which image networks ignore) and the number of genres.
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
