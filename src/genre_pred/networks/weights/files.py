"""Files of weights on this machine: published weights in the user's cache, or a file of the user.

This module does not import torch, so that the first stage can check the weights of later stages.
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
    """Weights that are missing or do not fit; the message says what to do."""


def weights_file(backbone: str, which: str) -> Path:
    """The file of a network's weights; published weights are downloaded unless cached.

    Args:
        backbone: Its name in WEIGHTS or IMAGENET of published.py.
        which: A name of published weights, or the path of a file; not random.

    Raises:
        WeightsError: If there is no such file, or the download fails.
    """
    known = published_weights(backbone)
    if which in known:
        return _download(known[which], backbone)
    path = Path(which).expanduser()
    if not path.is_file():
        names = ", ".join([RANDOM, *known])
        raise WeightsError(f"weights.{backbone} is {which!r}: no such file; known are {names}")
    return path


def fetch_weights(starts: Mapping[str, str]) -> dict[str, Path]:
    """Find or download weights, so that missing ones are reported before hours of work.

    Args:
        starts: The initial weights by network, as in `weights` of params.yaml.

    Returns:
        The file of weights by network, without networks that start from random weights.

    Raises:
        WeightsError: As weights_file.
    """
    return {
        backbone: weights_file(backbone, which)
        for backbone, which in starts.items()
        if which != RANDOM
    }


def _download(published: Weights, backbone: str) -> Path:
    path = user_cache() / "weights" / Path(urlsplit(published.url).path).name
    try:
        return fetch(published.url, path, sha256=published.sha256_prefix)
    except FetchError as error:
        size = f" ({published.bytes / 1e6:.0f} MB)" if published.bytes else ""
        raise WeightsError(
            f"the weights could not be downloaded: {error}\n"
            f"  either download them yourself: {published.url}{size}\n"
            f"  to: {path}\n"
            f"  or set weights.{backbone} to the path of a file,\n"
            "  or to random (untrained: enough to try the pipeline, but not for good scores)"
        ) from error
