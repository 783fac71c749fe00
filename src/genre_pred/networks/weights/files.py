"""Where the weights of networks lie on this machine: published ones in the user's cache, or a file.

It does without torch, so that the first stage can tell of weights that the last ones would miss.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from genre_pred.core.cache import user_cache
from genre_pred.core.errors import UserError
from genre_pred.core.fetch import FetchError, fetch
from genre_pred.networks.weights.published import Weights, published_weights

RANDOM = "random"


class WeightsError(UserError):
    """Weights that cannot be had or do not fit, with the way on."""


def weights_file(backbone: str, which: str) -> Path:
    """The file of a network's weights; published ones are fetched unless they are there.

    Args:
        backbone: Its name in WEIGHTS or IMAGENET of published.py.
        which: A name of published weights, or the path of a file; not random.

    Raises:
        WeightsError: If there is no such file, or it cannot be fetched.
    """
    known = published_weights(backbone)
    if which in known:
        return _fetched(known[which], backbone)
    path = Path(which).expanduser()
    if not path.is_file():
        names = ", ".join([RANDOM, *known])
        raise WeightsError(f"{which!r} is no file of weights; {backbone} also knows {names}")
    return path


def fetch_weights(starts: Mapping[str, str]) -> dict[str, Path]:
    """Find or download weights, before hours of work that would end without them.

    Args:
        starts: By network, what it starts from, as in `weights` of params.yaml.

    Returns:
        By network, the file of its weights; none of those that start from random weights.

    Raises:
        WeightsError: As weights_file.
    """
    return {
        backbone: weights_file(backbone, which)
        for backbone, which in starts.items()
        if which != RANDOM
    }


def _fetched(published: Weights, backbone: str) -> Path:
    path = user_cache() / "weights" / Path(urlsplit(published.url).path).name
    try:
        return fetch(published.url, path, sha256=published.sha256_prefix)
    except FetchError as error:
        size = f" ({published.bytes / 1e6:.0f} MB)" if published.bytes else ""
        raise WeightsError(
            f"the weights could not be downloaded: {error}\n"
            f"  either download them by hand: {published.url}{size}\n"
            f"  to: {path}\n"
            f"  or set weights.{backbone} to the path of a file,\n"
            "  or to random (untrained: that shows the machinery, not what the network can do)"
        ) from error
