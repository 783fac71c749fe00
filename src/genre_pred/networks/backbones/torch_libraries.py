"""Imports torchaudio and torchvision, whose Linux wheels do not load beside a CPU build of torch.

The wheels are CUDA builds. Only this module imports them. If their compiled library loads, it is
used. If not, a stub replaces it, and everything written in Python works: every transform and model
(biquad filters are slow; forced alignment and torchvision's box operators fail).
"""

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType

import torch


def torchaudio_transforms() -> ModuleType:
    """Import torchaudio.transforms, whichever build of torch is installed.

    Returns:
        The module.

    Raises:
        ImportError: If torchaudio is not installed.
    """
    _make_torchaudio_importable()
    return importlib.import_module("torchaudio.transforms")


def torchvision_models() -> ModuleType:
    """Import torchvision.models, whichever build of torch is installed.

    Returns:
        The module.

    Raises:
        ImportError: If torchvision is not installed.
    """
    _make_torchvision_importable()
    return importlib.import_module("torchvision.models")


@functools.cache
def _make_torchaudio_importable() -> None:
    try:
        importlib.import_module("torchaudio")
    except OSError:  # from dlopen: libc10_cuda.so is missing
        _forget("torchaudio")
        sys.modules["torchaudio._extension"] = _extension_without_library()
        importlib.import_module("torchaudio")


@functools.cache
def _make_torchvision_importable() -> torch.library.Library | None:
    """Returns the library of the stub's operators, which exist as long as it does."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
    else:
        return None
    _forget("torchvision")
    # torchvision registers fake versions of these two operators on import, so they must be defined.
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    importlib.import_module("torchvision")
    return operators


def _forget(package: str) -> None:
    """Forget a partly imported package, so that it is imported from the start."""
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]


def _extension_without_library() -> ModuleType:
    """A stub of torchaudio._extension, as in a build without compiled parts."""
    extension = ModuleType("torchaudio._extension")

    def fail_if_no_align(function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def missing(*_: object, **__: object) -> object:
            raise RuntimeError("forced alignment needs torchaudio's compiled library")

        return missing

    vars(extension).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=fail_if_no_align,
    )
    return extension
