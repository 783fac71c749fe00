"""Find out, fairly, which way of recognising the genres of your music is best.

The public API. Everything else may change between versions without notice.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genre_pred.config.params import Params, read_params
    from genre_pred.inference.classifier import GenreClassifier
    from genre_pred.inference.prediction import Prediction
    from genre_pred.training.classical.kernel_svc import KernelSVC

_HOMES = {
    "GenreClassifier": "genre_pred.inference.classifier",
    "KernelSVC": "genre_pred.training.classical.kernel_svc",
    "Params": "genre_pred.config.params",
    "Prediction": "genre_pred.inference.prediction",
    "read_params": "genre_pred.config.params",
}
__all__ = ["GenreClassifier", "KernelSVC", "Params", "Prediction", "read_params"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch and scikit-learn take seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
